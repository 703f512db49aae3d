"""What `coreecho segment` does with files, and with the recordings of a data set: one after the other.

Of files what is ready is kept when it is stopped; the figures of a data set are of all its recordings or of none.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from coreecho.cli.telling import tell_failures
from coreecho.files import make_folder
from coreecho.models.segmenter import Segmenter
from coreecho.names import readable
from coreecho.progress import tell, track
from coreecho.report.segmentation_folder import FolderNames, Found, write_beats, write_segmentation
from coreecho.report.segmentation_tables import beats_table, measured_table
from coreecho.stopping import exit_code_of
from coreecho.ventricle.run_measuring import measure_dataset
from coreecho.ventricle.segmentation import Segmentation
from coreecho.ventricle.segmenting import segment_many


class _Keeping:
    """Writes what was found of one clip after the other, and keeps the numbers; pixels of one clip at a time.

    Args:
        out: folder of the result.
        nifti: write the masks as NIfTI, too.
        has_film: write the film.
        name_of: the name of a clip's folder.
        has_folders: write each clip's own files; else its beats alone are kept.
    """

    def __init__(
        self, out: Path, *, nifti: bool, has_film: bool, name_of: Callable[[str], str], has_folders: bool = True
    ) -> None:
        self._out, self._nifti, self._has_film = out, nifti, has_film
        self._name_of, self._has_folders = name_of, has_folders
        self.results: list[tuple[Found, str]] = []

    def __call__(self, found: Found) -> None:
        name = ""
        if isinstance(found, Segmentation):
            if self._has_folders:
                name = self._name_of(found.file)
                for missing in write_segmentation(found, self._out / name, nifti=self._nifti, has_film=self._has_film):
                    tell(f"{readable(found.file)}: {readable(missing)}", "yellow")
            found = found.without_pixels()
        self.results.append((found, name))


def segment_files(
    segmenter: Segmenter,
    files: Sequence[Path],
    out: Path,
    *,
    nifti: bool,
    has_film: bool,
    strict: bool,
    **settings: Any,
) -> int:
    """Segment, write and show; returns the exit code."""
    # A folder that cannot be made should be known before the hours of computing.
    make_folder(out)
    console = Console(stderr=True)
    kept = _Keeping(out, nifti=nifti, has_film=has_film, name_of=FolderNames())
    stopped_by: KeyboardInterrupt | None = None
    try:
        found_files = segment_many(segmenter, list(files), **settings)
        for found in track(found_files, "Files", console=console, transient=True):
            kept(found)
    except KeyboardInterrupt as stopped:
        # What is ready is not lost.
        stopped_by = stopped
    results = kept.results
    write_beats(results, out, model_name=segmenter.name)
    segmented = [found for found, _ in results if isinstance(found, Segmentation)]
    if segmented:
        Console().print(beats_table(segmented, model_name=segmenter.name, out=out))
    is_bad = tell_failures([found for found, _ in results], "ventricle", strict=strict)
    if stopped_by is not None:
        console.print(f"Stopped. The first {len(results)} files are done and written to {out}; the others are not.")
        return exit_code_of(stopped_by)
    return 1 if is_bad else 0


def segment_dataset(
    model: Path, data: Path, out: Path, *, nifti: bool, has_film: bool, has_folders: bool, **settings: Any
) -> int:
    """Measure, write and show; returns the exit code. Settings are those of `measure_dataset`."""
    kept = _Keeping(out, nifti=nifti, has_film=has_film, name_of=FolderNames().of_recording, has_folders=has_folders)
    measured = measure_dataset(model, data, out, keep=kept, show_progress=True, **settings)
    write_beats(kept.results, out, model_name=measured.model)
    written = [f"Of each beat: {out / 'beats.csv'}"]
    if has_folders:
        what = "Masks, film and curve" if has_film else "Masks and curve"
        written.append(f"{what} of each recording, in the pixels of its prepared frames: {out}, a folder each")
    Console().print(measured_table(measured, written=written))
    return 0

"""What `coreecho segment` does with files: one after the other, and what is ready is kept when it is stopped."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from coreecho.cli.telling import tell_failures
from coreecho.files import make_folder
from coreecho.models.segmenter import Segmenter
from coreecho.names import readable
from coreecho.progress import track
from coreecho.report.segmentation_folder import FolderNames, Found, write_beats, write_segmentation
from coreecho.report.segmentation_tables import beats_table
from coreecho.stopping import exit_code_of
from coreecho.ventricle.segmentation import Segmentation
from coreecho.ventricle.segmenting import segment_many


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
    names = FolderNames()
    results: list[tuple[Found, str]] = []
    stopped_by: KeyboardInterrupt | None = None
    try:
        found_files = segment_many(segmenter, list(files), **settings)
        for found in track(found_files, "Files", console=console, transient=True):
            name = ""
            if isinstance(found, Segmentation):
                name = names(found.file)
                for missing in write_segmentation(found, out / name, nifti=nifti, has_film=has_film):
                    console.print(f"{readable(found.file)}: {readable(missing)}", style="yellow", markup=False)
                found = found.without_pixels()
            results.append((found, name))
    except KeyboardInterrupt as stopped:
        # What is ready is not lost.
        stopped_by = stopped
    write_beats(results, out, model_name=segmenter.name)
    segmented = [found for found, _ in results if isinstance(found, Segmentation)]
    if segmented:
        Console().print(beats_table(segmented, model_name=segmenter.name, out=out))
    is_bad = tell_failures([found for found, _ in results], "ventricle", strict=strict)
    if stopped_by is not None:
        console.print(f"Stopped. The first {len(results)} files are done and written to {out}; the others are not.")
        return exit_code_of(stopped_by)
    return 1 if is_bad else 0

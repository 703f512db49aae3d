"""What was found of left ventricles, in files or in the recordings of a data set, as a folder of files.

beats.csv              a row a beat of every file; a file without one has a row that says why
beats.json             the same, with volumes over time
NAME/masks.npz         lv_masks (T, H, W) and volume (T,), in the file's own pixels and frames; of a recording of a data
                       set in its prepared ones
NAME/masks.nii.gz      the same masks, where they are asked for
NAME/outline.mp4       the clip with the outline, and the volume over time below it
NAME/volume.png        volume over time, with end-diastole and end-systole
"""

import gzip
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nibabel.nifti1 import Nifti1Header
from numpy.lib import format as npy_format

import coreecho
from coreecho.errors import VideoError
from coreecho.files import replacing, write_whole, writing_into
from coreecho.inference.files import PredictionFailure
from coreecho.names import CELL_SEPARATOR, readable
from coreecho.report.outline_film import film_pictures
from coreecho.report.overlay import write_mp4
from coreecho.report.text import csv_cell
from coreecho.report.volume_drawing import draw_volume
from coreecho.tasks import EF
from coreecho.ventricle.segmentation import Segmentation

_HEADER: Any = Nifti1Header
Found = Segmentation | PredictionFailure
_LONGEST_NAME = 80
_WHOLE_COLUMNS = ("beat", "ed_frame", "es_frame", "num_frames")
_COLUMNS = [
    "file",
    "folder",
    "beat",
    "ed_frame",
    "es_frame",
    "ed_s",
    "es_s",
    "edv",
    "esv",
    "volume_unit",
    "ef_percent",
    "ef_percent_discs",
    "ef_percent_area_length",
    "rhythm",
    "heart_rate_bpm",
    "fps",
    "num_frames",
    "rule_of_beats",
    "warnings",
    "notes",
    "error",
    "model",
    "notice",
]


class FolderNames:
    """Names of folders for clips: of letters that every system takes, and none twice."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def __call__(self, file: str) -> str:
        """Give the name for a file: its own, without folders and endings."""
        return self.of_recording(Path(file).name.split(".")[0])

    def of_recording(self, recording: str) -> str:
        """Give the name for a recording, by the whole of its id."""
        plain = re.sub(r"[^\w-]+", "_", recording, flags=re.ASCII).strip("_")[:_LONGEST_NAME] or "clip"
        name, number = plain, 1
        while name.casefold() in self._given:
            number += 1
            name = f"{plain}-{number}"
        self._given.add(name.casefold())
        return name


def write_segmentation(found: Segmentation, folder: Path, *, nifti: bool = False, has_film: bool = True) -> list[str]:
    """Write the files of one clip.

    Args:
        found: in it.
        folder: made where it is missing.
        nifti: write the masks as NIfTI, too.
        has_film: write the film.

    Returns:
        What could not be written, and why: a clip without a sector to be found has no film.

    Raises:
        CoReEchoError: the folder cannot be written.
    """
    with writing_into(folder):
        _write_npz(found, folder / "masks.npz")
        if nifti:
            _write_nifti(found, folder / "masks.nii.gz")
        draw_volume(found, folder / "volume.png")
        if not has_film:
            return []
        try:
            pictures = film_pictures(found)
            write_mp4(folder / "outline.mp4", pictures, fps=_mean_fps(found), is_phantom=found.is_phantom)
        except VideoError as error:
            return [f"no film, since nothing may be shown that is not ultrasound: {error}"]
    return []


def write_beats(results: Sequence[tuple[Found, str]], out: Path, *, model_name: str) -> None:
    """Write the tables of all files, in order.

    Args:
        results: what was found of each file, and the name of its folder; empty where it has none.
        out: the folder.
        model_name: what outlined them.

    Raises:
        CoReEchoError: they cannot be written.
    """
    rows = [row for found, name in results for row in _rows(found, name)]
    document = {
        "notice": EF.notice,
        "model": model_name,
        "coreecho_version": coreecho.__version__,
        "segmentations": [
            found.as_dict() | {"file": readable(found.file), "folder": name}
            for found, name in results
            if isinstance(found, Segmentation)
        ],
        "failures": [
            {"file": readable(found.file), "error": readable(found.error)}
            for found, _ in results
            if isinstance(found, PredictionFailure)
        ],
    }
    with writing_into(out):
        # Whole numbers with gaps: frame 3 is no frame 3.0.
        table = pd.DataFrame(rows, columns=_COLUMNS).astype(dict.fromkeys(_WHOLE_COLUMNS, "Int64"))
        write_whole(out / "beats.csv", table.to_csv(index=False))
        write_whole(out / "beats.json", json.dumps(document, indent=2, allow_nan=False) + "\n")


def _rows(found: Found, name: str) -> list[dict[str, Any]]:
    if isinstance(found, PredictionFailure):
        return [{"file": csv_cell(found.file), "error": csv_cell(found.error), "notice": EF.notice}]
    common = {
        "file": csv_cell(found.file),
        "folder": name,
        "rhythm": found.rhythm,
        "heart_rate_bpm": found.beats.heart_rate_bpm,
        "fps": found.fps,
        "num_frames": found.num_frames,
        "rule_of_beats": found.beats.rule,
        "warnings": csv_cell(CELL_SEPARATOR.join(found.warnings)),
        "notes": csv_cell(CELL_SEPARATOR.join(found.notes)),
        "model": csv_cell(found.model),
        "notice": found.notice,
    }
    return [common | row for row in found.beat_rows()] or [common]


def _write_npz(found: Segmentation, path: Path) -> None:
    """Mask by mask: those of a whole screen may take gigabytes."""
    height, width = found.file_size
    shape = (found.num_frames, height, width)
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(_member("lv_masks"), "w", force_zip64=True) as file:
            npy_format.write_array_header_1_0(file, {"descr": "|b1", "fortran_order": False, "shape": shape})
            for mask in found.file_masks():
                file.write(np.ascontiguousarray(mask).tobytes())
        for name, values in {
            "volume": found.volume,
            "volume_unit": np.array(found.unit),
            "ed_frames": np.array(found.ed_frames, dtype=np.int64),
            "es_frames": np.array(found.es_frames, dtype=np.int64),
            "ef_percent": np.array(found.ef_percent),
        }.items():
            with archive.open(_member(name), "w") as file:
                npy_format.write_array(file, np.asarray(values), allow_pickle=False)


def _member(name: str) -> zipfile.ZipInfo:
    """Of no time, so that the same masks give the same bytes."""
    member = zipfile.ZipInfo(f"{name}.npy")
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


def _write_nifti(found: Segmentation, path: Path) -> None:
    """(W, H, T) of 0 and 1, as CAMUS has its masks; with the file's own size of a pixel where it is known."""
    height, width = found.file_size
    placement = found.video.placement
    down, across = (placement.pixel_mm if placement is not None else None) or (1.0, 1.0)
    # Typed in part only.
    header: Any = _HEADER()
    header.set_data_dtype(np.uint8)
    header.set_data_shape((width, height, found.num_frames))
    header.set_zooms((across, down, 1 / found.fps if found.fps else 1.0))
    if placement is not None and placement.pixel_mm is not None:
        header.set_xyzt_units("mm", "sec" if found.fps else "unknown")
    header["descrip"] = b"left ventricle, CoReEcho; no diagnosis"
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    with (
        replacing(path) as temporary,
        temporary.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed,
    ):
        packed.write(header.binaryblock + bytes(4))
        for mask in found.file_masks():
            packed.write(mask.astype(np.uint8).tobytes())


def _mean_fps(found: Segmentation) -> float | None:
    times = found.times_s
    if times is None or times[-1] <= 0:
        return found.fps
    return (found.num_frames - 1) / float(times[-1])

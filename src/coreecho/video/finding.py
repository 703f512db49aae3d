"""Which files of a folder could be clips."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

# Found beside clips, and never clips. In a folder they are passed over; named by itself, any file is read.
_BESIDE_CLIPS = frozenset(
    {".csv", ".tsv", ".json", ".yaml", ".yml", ".xml", ".html", ".txt", ".md", ".log", ".cfg", ".pdf", ".doc", ".docx"}
    | {".xls", ".xlsx", ".parquet", ".zip", ".gz", ".mat", ".safetensors", ".pkl", ".pt", ".pth", ".ckpt"}
)
# Arrays by which an archive of coreecho's own is known that is no clip: masks and truths of phantoms, what `coreecho
# segment`, `explain` and `embed` write, and tables of results.
_OWN_ARCHIVES = (
    {"labels", "volume_ml"},
    {"lv_masks", "volume"},
    {"video_map", "clip_maps"},
    {"ids", "embeddings"},
    {"recording", "embedding"},
)
# The table of contents of a DICOM medium, and what Windows leaves in folders of pictures.
_NAMES_BESIDE_CLIPS = frozenset({"DICOMDIR", "THUMBS.DB"})


# Kinds of what is passed over, beside the ends of names.
_HIDDEN, _NO_FILE, _LINKED, _LOST = "hidden", "pipe or device", "link to a folder", "lost link"


def clips_in(
    folder: Path,
    note_closed_folder: Callable[[OSError], None],
    *,
    note_passed_over: Callable[[str], None] | None = None,
    note_lost_link: Callable[[Path], None] | None = None,
) -> list[Path]:
    """List the files that could be clips, at any depth, in sorted order.

    Hidden files and folders, and what commonly lies beside clips (tables, texts, archives, DICOMDIR), are passed over;
    all else is taken for a clip, since DICOM files often have no suffix. Links to folders are not followed.

    Args:
        folder: where to look.
        note_closed_folder: called with the error of each folder that cannot be opened.
        note_passed_over: called with the kind of each file that is passed over, such as `.zip`; not called for the
            pixels of a file that lie beside its header.
        note_lost_link: called with each link to a file that is not there.
    """
    pass_over, lose = note_passed_over or (lambda kind: None), note_lost_link or (lambda path: None)
    found: list[Path] = []
    for root, folders, files in os.walk(folder, onerror=note_closed_folder):
        for name in folders:
            if name.startswith(".") or Path(root, name).is_symlink():
                pass_over(_HIDDEN if name.startswith(".") else _LINKED)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(root, name) for name in sorted(files)):
            kind = _kind_beside_clips(path)
            if kind is None:
                found.append(path)
            elif kind == _LOST:
                lose(path)
            elif kind:
                pass_over(kind)
    return found


def _kind_beside_clips(path: Path) -> str | None:
    """What a file is that could be no clip; None of one that could, and empty of a part of another file."""
    if path.name.startswith("."):
        return _HIDDEN
    if not path.is_file():
        # Asked of the system, and never opened: a pipe might keep its reader waiting for ever.
        return _LOST if path.is_symlink() and not path.exists() else _NO_FILE
    if path.suffix.lower() in (".raw", ".zraw") and any(path.with_suffix(end).is_file() for end in (".mhd", ".nhdr")):
        # The pixels of a MetaImage or an NRRD file, which are read by its header.
        return ""
    if path.name.upper() in _NAMES_BESIDE_CLIPS:
        return path.name.upper()
    # NIfTI volumes are named .nii.gz.
    is_nifti = path.name.lower().endswith(".nii.gz")
    return path.suffix.lower() if path.suffix.lower() in _BESIDE_CLIPS and not is_nifti else None


def is_own_archive(path: Path) -> bool:
    """Tell whether a file is an archive of arrays that coreecho wrote and that holds no clip, such as masks."""
    if path.suffix.lower() != ".npz":
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        # Whoever reads it will say what is wrong with it.
        return False
    return any(own <= names for own in _OWN_ARCHIVES)

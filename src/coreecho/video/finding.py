"""Which files of a folder could be clips."""

import os
from collections.abc import Callable
from pathlib import Path

# Found beside clips, and never clips. In a folder they are passed over; named by itself, any file is read.
_BESIDE_CLIPS = frozenset(
    {".csv", ".tsv", ".json", ".yaml", ".yml", ".xml", ".html", ".txt", ".md", ".log", ".cfg", ".pdf", ".doc", ".docx"}
    | {".xls", ".xlsx", ".zip", ".gz", ".mat", ".safetensors"}
)
# The table of contents of a DICOM medium, and what Windows leaves in folders of pictures.
_NAMES_BESIDE_CLIPS = frozenset({"DICOMDIR", "THUMBS.DB"})


def clips_in(folder: Path, note_closed_folder: Callable[[OSError], None]) -> list[Path]:
    """List the files that could be clips, at any depth, in sorted order.

    Hidden files and folders, and what commonly lies beside clips (tables, texts, archives, DICOMDIR), are passed over;
    all else is taken for a clip, since DICOM files often have no suffix. Links to folders are not followed.

    Args:
        folder: where to look.
        note_closed_folder: called with the error of each folder that cannot be opened.
    """
    found: list[Path] = []
    for root, folders, files in os.walk(folder, onerror=note_closed_folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = [Path(root, name) for name in sorted(files) if not name.startswith(".")]
        found.extend(path for path in paths if path.is_file() and not _lies_beside_clips(path))
    return found


def _lies_beside_clips(path: Path) -> bool:
    if path.suffix.lower() in (".raw", ".zraw") and any(path.with_suffix(end).is_file() for end in (".mhd", ".nhdr")):
        # The pixels of a MetaImage or an NRRD file, which are read by its header.
        return True
    # NIfTI volumes are named .nii.gz.
    is_nifti = path.name.lower().endswith(".nii.gz")
    return path.name.upper() in _NAMES_BESIDE_CLIPS or (path.suffix.lower() in _BESIDE_CLIPS and not is_nifti)

"""Which files a person means who names files and folders."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Found beside clips, and never clips. In a folder they are passed over; named by itself, any file is read.
_BESIDE_CLIPS = frozenset(
    {".csv", ".tsv", ".json", ".yaml", ".yml", ".xml", ".html", ".txt", ".md", ".log", ".pdf", ".doc", ".docx"}
    | {".xls", ".xlsx", ".zip", ".gz", ".safetensors"}
)
# The table of contents of a DICOM medium.
_NAMES_BESIDE_CLIPS = frozenset({"DICOMDIR", "THUMBS.DB"})


@dataclass(frozen=True, kw_only=True)
class PredictionFailure:
    """A file that has no EF, and why.

    Attributes:
        file: its path, as given or as found in a given folder.
        error: what is wrong, for a person.
    """

    file: str
    error: str

    def to_dict(self) -> dict[str, str]:
        """Give a JSON-able dictionary."""
        return {"file": self.file, "error": self.error}


def find_files(paths: Iterable[str | Path]) -> list[Path | PredictionFailure]:
    """List the files to read: those named, and in place of a folder all that lie in it, at any depth.

    In a folder, files come in sorted order. Hidden files and folders, and what commonly lies beside clips (tables,
    texts, archives, DICOMDIR), are passed over; all else is taken for a clip, since DICOM files often have no suffix.
    Links to folders are not followed.

    Args:
        paths: files and folders, in the order wanted.

    Returns:
        Files; and failures for what does not exist, is no regular file, or is a folder without files to read.
    """
    found: list[Path | PredictionFailure] = []
    for path in map(Path, paths):
        if path.is_dir():
            found.extend(_files_in(path))
        elif path.is_file():
            found.append(path)
        elif path.exists():
            # A pipe or device might never come to an end.
            found.append(PredictionFailure(file=str(path), error="not a regular file"))
        else:
            found.append(PredictionFailure(file=str(path), error="no such file or folder"))
    return found


def _files_in(folder: Path) -> list[Path | PredictionFailure]:
    found: list[Path | PredictionFailure] = []

    def note_closed_folder(error: OSError) -> None:
        found.append(PredictionFailure(file=str(error.filename), error=f"cannot be opened ({error.strerror})"))

    for root, folders, files in os.walk(folder, onerror=note_closed_folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = [Path(root, name) for name in sorted(files) if not name.startswith(".")]
        found.extend(path for path in paths if path.is_file() and not _lies_beside_clips(path))
    return found or [PredictionFailure(file=str(folder), error="the folder holds no file that could be a clip")]


def _lies_beside_clips(path: Path) -> bool:
    # NIfTI volumes are named .nii.gz.
    is_nifti = path.name.lower().endswith(".nii.gz")
    return path.name.upper() in _NAMES_BESIDE_CLIPS or (path.suffix.lower() in _BESIDE_CLIPS and not is_nifti)

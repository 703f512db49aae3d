"""Which files a person means who names files and folders."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coreecho.errors import CoReEchoError
from coreecho.video.dicom_series import NOT_JOINED, Series, with_series
from coreecho.video.finding import clips_in


@dataclass(frozen=True, kw_only=True)
class PredictionFailure:
    """A file that has no EF, and why.

    Attributes:
        file: its path, as given or as found in a given folder.
        error: what is wrong, for a person.
    """

    file: str
    error: str

    @classmethod
    def of(cls, file: str, error: Exception) -> "PredictionFailure":
        """Say what went wrong with a file; errors that nobody foresaw are named as such."""
        if isinstance(error, CoReEchoError):
            return cls(file=file, error=str(error).removeprefix(f"{file}: "))
        return cls(file=file, error=f"unexpected {type(error).__name__}: {error}")

    def to_dict(self) -> dict[str, str]:
        """Give a JSON-able dictionary."""
        return {"file": self.file, "error": self.error}


def find_files(paths: Iterable[str | Path], *, joins_series: bool = False) -> list[Path | Series | PredictionFailure]:
    """List the files to read: those named, and in place of a folder all that lie in it, at any depth.

    In a folder, files come in sorted order, and what could be no clip is passed over: see `clips_in`.

    Args:
        paths: files and folders, in the order wanted.
        joins_series: take the single DICOM frames of a series in one folder, one a file, for one clip.

    Returns:
        Files and series; and failures for what does not exist, is no regular file, or is a folder without files to
        read, and one for the files of a series that is not joined.
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
    files = with_series([entry for entry in found if isinstance(entry, Path)])
    return [
        _not_joined(entry) if isinstance(entry, Series) and not joins_series else entry
        for entry in (files.get(entry) if isinstance(entry, Path) else entry for entry in found)
        if entry is not None
    ]


def _not_joined(series: Series) -> PredictionFailure:
    return PredictionFailure(file=str(series), error=NOT_JOINED.format(len(series.files)))


def _files_in(folder: Path) -> list[Path | PredictionFailure]:
    found: list[Path | PredictionFailure] = []

    def note_closed_folder(error: OSError) -> None:
        found.append(PredictionFailure(file=str(error.filename), error=f"cannot be opened ({error.strerror})"))

    found.extend(clips_in(folder, note_closed_folder))
    return found or [PredictionFailure(file=str(folder), error="the folder holds no file that could be a clip")]

"""Which files a person means who names files and folders."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coreecho.errors import CoReEchoError, UnsuitableError, VideoError
from coreecho.names import counted
from coreecho.video.dicom_ids import DicomIds, read_ids
from coreecho.video.dicom_series import NOT_JOINED, Series, with_series
from coreecho.video.finding import clips_in, is_own_archive
from coreecho.video.reading import ClipPath


@dataclass(frozen=True, kw_only=True)
class PredictionFailure:
    """A file that has no EF, and why.

    Attributes:
        file: its path, as given or as found in a given folder.
        error: what is wrong, for a person.
        is_refused: the file is sound, and no clip of the kind that is measured, such as a still or colour Doppler: an
            examination has many of these. Otherwise something went wrong.
        ids: what an archive knows it by, where that was asked for and it is DICOM.
    """

    file: str
    error: str
    is_refused: bool = False
    ids: DicomIds | None = None

    @classmethod
    def of(cls, file: str, error: Exception) -> "PredictionFailure":
        """Say what went wrong with a file; errors that nobody foresaw are named as such."""
        if isinstance(error, CoReEchoError):
            reason = str(error).removeprefix(f"{file}: ")
            return cls(file=file, error=reason, is_refused=isinstance(error, UnsuitableError))
        return cls(file=file, error=f"unexpected {type(error).__name__}: {error}")

    def to_dict(self) -> dict[str, str]:
        """Give a JSON-able dictionary."""
        return {"file": self.file, "error": self.error} | ({} if self.ids is None else self.ids.to_dict())


def find_one(path: str | Path, *, joins_series: bool = False) -> ClipPath:
    """Find the one clip that a person means by a path.

    Args:
        path: a file; or with `joins_series`, a folder with the single DICOM frames of one series, or one of them.
        joins_series: as for `find_files`.

    Raises:
        VideoError: there are several clips in the folder, or none.
    """
    path = Path(path)
    if not joins_series:
        return path
    named = path if path.is_dir() else path.parent
    found = [
        entry
        for entry in find_files([named], joins_series=True)
        if isinstance(entry, Series) and (path.is_dir() or path in entry.files)
    ]
    if len(found) == 1:
        return found[0]
    if not found and path.is_file():
        return path
    raise VideoError(
        f"{path}: holds {len(found)} clips that lie as single DICOM frames, one a file; expected one. Give one of the "
        "files of the series that is meant."
    )


def find_files(
    paths: Iterable[str | Path], *, joins_series: bool = False, reads_ids: bool = False
) -> list[Path | Series | PredictionFailure]:
    """List the files to read: those named, and in place of a folder all that lie in it, at any depth.

    In a folder, files come in sorted order, and what could be no clip is passed over: see `clips_in`.
    Archives of coreecho's own, such as masks, are passed over, too, and counted as refused, once a folder.

    Args:
        paths: files and folders, in the order wanted.
        joins_series: take the single DICOM frames of a series in one folder, one a file, for one clip.
        reads_ids: say of a series that is not joined what an archive knows it by.

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
        _not_joined(entry, reads_ids) if isinstance(entry, Series) and not joins_series else entry
        for entry in (files.get(entry) if isinstance(entry, Path) else entry for entry in found)
        if entry is not None
    ]


def _not_joined(series: Series, reads_ids: bool) -> PredictionFailure:
    reason = NOT_JOINED.format(len(series.files))
    ids = read_ids(series) if reads_ids else None
    return PredictionFailure(file=str(series), error=reason, is_refused=True, ids=ids)


def _files_in(folder: Path) -> list[Path | PredictionFailure]:
    found: list[Path | PredictionFailure] = []

    def note_closed_folder(error: OSError) -> None:
        found.append(PredictionFailure(file=str(error.filename), error=f"cannot be opened ({error.strerror})"))

    own: Counter[Path] = Counter()
    for path in clips_in(folder, note_closed_folder):
        if is_own_archive(path):
            own[path.parent] += 1
        else:
            found.append(path)
    # Counted once a folder: a data set has as many as recordings.
    found.extend(_passed_over(parent, count) for parent, count in own.items())
    return found or [PredictionFailure(file=str(folder), error="the folder holds no file that could be a clip")]


def _passed_over(folder: Path, count: int) -> PredictionFailure:
    files = counted(count, "files of coreecho's own, such as masks, maps or embeddings")
    return PredictionFailure(file=str(folder), error=f"{files}: passed over, no clips", is_refused=True)

"""Which files a person means who names files and folders."""

from collections import Counter
from collections.abc import Iterable, Mapping
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
        study: the examination that it belongs to, where that was asked for.
    """

    file: str
    error: str
    is_refused: bool = False
    ids: DicomIds | None = None
    study: str | None = None

    @classmethod
    def of(cls, file: str, error: Exception) -> "PredictionFailure":
        """Say what went wrong with a file; errors that nobody foresaw are named as such."""
        if isinstance(error, CoReEchoError):
            reason = str(error).removeprefix(f"{file}: ")
            return cls(file=file, error=reason, is_refused=isinstance(error, UnsuitableError))
        return cls(file=file, error=f"unexpected {type(error).__name__}: {error}")

    def to_dict(self) -> dict[str, str]:
        """Give a JSON-able dictionary."""
        study = {} if self.study is None else {"study": self.study}
        return {"file": self.file, "error": self.error} | study | ({} if self.ids is None else self.ids.to_dict())


@dataclass(frozen=True, kw_only=True)
class FileListing:
    """The files that a person means, and what is not among them.

    Attributes:
        files: files and series to read; and failures for what does not exist, is no regular file, or cannot be opened,
            and one for the files of a series that is not joined.
        passed_over: how many files in the folders are no clips by their names, by what they are: `.zip`, `DICOMDIR`.
        num_twice: how often a file was come upon that is already among them, by this name or another.
    """

    files: tuple[Path | Series | PredictionFailure, ...]
    passed_over: Mapping[str, int]
    num_twice: int = 0

    def words(self) -> str:
        """Say what is not among the files, in a line for a person; empty where nothing is left out."""
        lines = []
        if self.passed_over:
            kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(self.passed_over.items()))
            lines.append(f"{counted(sum(self.passed_over.values()), 'files')} passed over: {kinds}.")
        if self.num_twice:
            lines.append(f"{counted(self.num_twice, 'files')} given twice, and read once.")
        return " ".join(lines)

    def after(self, number: int) -> list[str]:
        """Name the files after the first so many."""
        return [entry.file if isinstance(entry, PredictionFailure) else str(entry) for entry in self.files[number:]]


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
    """List the files to read; see `list_files`."""
    return list(list_files(paths, joins_series=joins_series, reads_ids=reads_ids).files)


def list_files(paths: Iterable[str | Path], *, joins_series: bool = False, reads_ids: bool = False) -> FileListing:
    """List the files to read: those named, and in place of a folder all that lie in it, at any depth; each once.

    In a folder, files come in sorted order, and what could be no clip is passed over: see `clips_in`.
    Archives of coreecho's own, such as masks, are passed over, too, and counted as refused, once a folder.

    Args:
        paths: files and folders, in the order wanted.
        joins_series: take the single DICOM frames of a series in one folder, one a file, for one clip.
        reads_ids: say of a series that is not joined what an archive knows it by.
    """
    found: list[Path | PredictionFailure] = []
    passed_over: Counter[str] = Counter()
    for path in map(Path, paths):
        if path.is_dir():
            found.extend(_files_in(path, passed_over))
        elif path.is_file():
            found.append(path)
        elif path.exists():
            # A pipe or device might never come to an end.
            found.append(PredictionFailure(file=str(path), error="not a regular file"))
        else:
            found.append(PredictionFailure(file=str(path), error="no such file or folder"))
    once: dict[Path | PredictionFailure, Path | PredictionFailure] = {}
    for entry in found:
        # By what it is, not by its name: named beside its folder, or by a link, a clip would count twice.
        once.setdefault(entry.resolve() if isinstance(entry, Path) else entry, entry)
    num_twice, found = len(found) - len(once), list(once.values())
    files = with_series([entry for entry in found if isinstance(entry, Path)])
    entries = (files.get(entry) if isinstance(entry, Path) else entry for entry in found)
    return FileListing(
        files=tuple(
            _not_joined(entry, reads_ids) if isinstance(entry, Series) and not joins_series else entry
            for entry in entries
            if entry is not None
        ),
        passed_over=dict(passed_over),
        num_twice=num_twice,
    )


def _not_joined(series: Series, reads_ids: bool) -> PredictionFailure:
    reason = NOT_JOINED.format(len(series.files))
    ids = read_ids(series) if reads_ids else None
    return PredictionFailure(file=str(series), error=reason, is_refused=True, ids=ids)


def _files_in(folder: Path, passed_over: Counter[str]) -> list[Path | PredictionFailure]:
    found: list[Path | PredictionFailure] = []

    def note_closed_folder(error: OSError) -> None:
        found.append(PredictionFailure(file=str(error.filename), error=f"cannot be opened ({error.strerror})"))

    def note_passed_over(kind: str) -> None:
        passed_over[kind] += 1

    def note_lost_link(path: Path) -> None:
        found.append(PredictionFailure(file=str(path), error="a link to a file that is not there"))

    own: Counter[Path] = Counter()
    for path in clips_in(folder, note_closed_folder, note_passed_over=note_passed_over, note_lost_link=note_lost_link):
        if is_own_archive(path):
            own[path.parent] += 1
        else:
            found.append(path)
    # Counted once a folder: a data set has as many as recordings.
    found.extend(_passed_over(parent, count) for parent, count in own.items())
    return found


def _passed_over(folder: Path, count: int) -> PredictionFailure:
    files = counted(count, "files of coreecho's own, such as masks, maps or embeddings")
    return PredictionFailure(file=str(folder), error=f"{files}: passed over, no clips", is_refused=True)

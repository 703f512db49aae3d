"""What a data set's tables and folders say, with all that is wrong in them: loaders raise it, the doctor reports it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.recording import Recording


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a data set's table says of a clip; None where it says nothing."""

    num_frames: int | None = None
    height: int | None = None
    width: int | None = None
    fps: float | None = None


@dataclass(kw_only=True)
class Survey:
    """One reading of a data set's tables and folders, without its pixels.

    Attributes:
        root: the data set's folder.
        recordings: those whose clip is there.
        faults: for each kind of fault, every case of it. A loader refuses the data set for one.
        flaws: faults that are no reason to refuse it, such as files that no list names.
        remarks: what a user should know and need not mend.
        declared: what the tables say of the clips, by recording id.
        published: number of recordings that the data set's authors state, by split or fold, or "all".
        traced_frames: frames with a contour of the left ventricle, by recording id, counted from 0.
        companions: other files of the layout that should be there and readable, such as contours.
    """

    root: Path
    recordings: list[Recording] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)
    flaws: dict[str, list[str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    declared: dict[str, Declared] = field(default_factory=dict)
    published: Mapping[str, int] = field(default_factory=dict)
    traced_frames: dict[str, tuple[int, ...]] = field(default_factory=dict)
    companions: list[Path] = field(default_factory=list)

    def add_fault(self, kind: str, case: str) -> None:
        """Note one case of a kind of fault; `kind` is a plural noun that tells what was expected."""
        self.faults.setdefault(kind, []).append(case)

    def add_flaw(self, kind: str, case: str) -> None:
        """Note one case of a kind of flaw."""
        self.flaws.setdefault(kind, []).append(case)

    def checked(self) -> list[Recording]:
        """Return the recordings.

        Raises:
            FaultyDatasetError: there are faults; it lists them all.
        """
        if self.faults:
            raise FaultyDatasetError(str(self.root), self.faults)
        return self.recordings

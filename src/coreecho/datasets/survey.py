"""What a data set's tables and folders say, with all that is wrong in them: loaders raise it, the doctor reports it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.recording import Recording
from coreecho.names import one_of


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a data set's table says of a clip; None where it says nothing."""

    num_frames: int | None = None
    height: int | None = None
    width: int | None = None
    fps: float | None = None


class Recordings(list[Recording]):
    """The recordings of a data set.

    Attributes:
        left_out: of each recording that was left out, as was asked for, what is wrong with it.
        remarks: what a user should know of the data set and need not mend.
    """

    def __init__(
        self,
        recordings: Iterable[Recording] = (),
        left_out: Mapping[str, Iterable[str]] | None = None,
        remarks: Iterable[str] = (),
    ) -> None:
        super().__init__(recordings)
        self.left_out = {name: tuple(reasons) for name, reasons in (left_out or {}).items()}
        self.remarks = tuple(remarks)


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
        blamed: of each recording that faults or flaws are about, what is wrong with it.
        empty: recordings whose file has no bytes, which a fault says.
        is_own_data: it is not the published data, so counts are not compared.
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
    blamed: dict[str, list[str]] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)
    is_own_data: bool = False
    _of_the_whole: dict[str, list[str]] = field(default_factory=dict)

    def add_fault(self, kind: str, case: str, *about: str) -> None:
        """Note one case of a kind of fault.

        Args:
            kind: a plural noun that tells what was expected.
            case: where and what.
            about: ids of the recordings, or names of the rows, that are at fault. Without one the fault is of the whole
                data set, and is not mended by leaving recordings out.
        """
        self.faults.setdefault(kind, []).append(case)
        for name in about:
            self.blamed.setdefault(name, []).append(f"{one_of(kind)}: {case}")
        if not about:
            self._of_the_whole.setdefault(kind, []).append(case)

    def add_empty(self, kind: str, case: str, name: str) -> None:
        """Note a recording whose file has no bytes: one fault, though no reader can read it either."""
        self.add_fault(kind, case, name)
        self.empty.add(name)

    def add_flaw(self, kind: str, case: str, *about: str) -> None:
        """Note one case of a kind of flaw; the recordings that it is `about` are left out where that is asked for."""
        self.flaws.setdefault(kind, []).append(case)
        for name in about:
            self.blamed.setdefault(name, []).append(f"{one_of(kind)}: {case}")

    def checked(self) -> Recordings:
        """Return the recordings.

        Raises:
            FaultyDatasetError: there are faults; it lists them all, and the flaws that are known besides.
        """
        if self.faults:
            raise FaultyDatasetError(str(self.root), self.faults, self.flaws)
        return Recordings(self.recordings, remarks=self.remarks)

    def without_faulty(self) -> Recordings:
        """Return the recordings that no fault is about, and say of the others what is wrong with them.

        Raises:
            FaultyDatasetError: a fault is of the data set as a whole, or it leaves no recording.
        """
        if self._of_the_whole:
            raise FaultyDatasetError(str(self.root), self._of_the_whole, self.flaws)
        kept = [recording for recording in self.recordings if recording.id not in self.blamed]
        if self.recordings and not kept:
            raise FaultyDatasetError(str(self.root), self.faults, self.flaws)
        return Recordings(kept, left_out=self.blamed, remarks=self.remarks)

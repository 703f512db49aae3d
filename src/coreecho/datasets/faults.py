"""All that is wrong with a data set, in one error."""

from collections.abc import Mapping, Sequence

from coreecho.errors import DatasetError
from coreecho.names import counted

# A message that still fits a terminal; the whole list is in `FaultyDatasetError.faults`.
_NUM_NAMED = 20

Cases = Mapping[str, Sequence[str]]


class FaultyDatasetError(DatasetError):
    """Lists the faults of a data set.

    Attributes:
        faults: for each kind of fault, every case of it.
        flaws: the same of what alone would be no reason to refuse the data set, so that all can be mended at once.
    """

    def __init__(self, root: str, faults: Cases, flaws: Cases | None = None) -> None:
        self.root = root
        self.faults = {kind: tuple(cases) for kind, cases in faults.items()}
        self.flaws = {kind: tuple(cases) for kind, cases in (flaws or {}).items()}
        lines = [f"{root}: the data set has faults.", *map(_paragraph, self.faults, self.faults.values())]
        if self.flaws:
            lines += ["To mend, too, though it would not be refused for them:"]
            lines += map(_paragraph, self.flaws, self.flaws.values())
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type["FaultyDatasetError"], tuple[str, Cases, Cases]]:
        """Pickle by the arguments, since the message alone does not make this error again in another process."""
        return type(self), (self.root, self.faults, self.flaws)


def _paragraph(kind: str, cases: Sequence[str]) -> str:
    lines = [f"{counted(len(cases), kind)}:", *(f"  {case}" for case in cases[:_NUM_NAMED])]
    if len(cases) > _NUM_NAMED:
        lines.append(f"  ... and {len(cases) - _NUM_NAMED} more (all of them in the error's `faults`)")
    return "\n".join(lines)

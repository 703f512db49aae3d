"""All that is wrong with a data set, in one error."""

from collections.abc import Mapping, Sequence

from coreecho.errors import DatasetError

# A message that still fits a terminal; the whole list is in `FaultyDatasetError.faults`.
_NUM_NAMED = 20


class FaultyDatasetError(DatasetError):
    """Lists the faults of a data set.

    Attributes:
        faults: for each kind of fault, every case of it.
    """

    def __init__(self, root: str, faults: Mapping[str, Sequence[str]]) -> None:
        self.root = root
        self.faults = {kind: tuple(cases) for kind, cases in faults.items()}
        super().__init__("\n".join([f"{root}: the data set has faults.", *map(_paragraph, faults, faults.values())]))

    def __reduce__(self) -> tuple[type["FaultyDatasetError"], tuple[str, Mapping[str, Sequence[str]]]]:
        """Pickle by the arguments, since the message alone does not make this error again in another process."""
        return type(self), (self.root, self.faults)


def _paragraph(kind: str, cases: Sequence[str]) -> str:
    lines = [f"{len(cases)} {kind}:", *(f"  {case}" for case in cases[:_NUM_NAMED])]
    if len(cases) > _NUM_NAMED:
        lines.append(f"  ... and {len(cases) - _NUM_NAMED} more (all of them in the error's `faults`)")
    return "\n".join(lines)

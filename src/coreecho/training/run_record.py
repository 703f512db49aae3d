"""What the record of a run, run.json, says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from coreecho.datasets import Split
from coreecho.documents import MAY_BE_ABSENT, Limits
from coreecho.errors import RecipeError
from coreecho.training.hardware import Hardware


@dataclass(frozen=True, kw_only=True)
class _DataRecord:
    """Where the data of a run lay when it began."""

    dataset: str
    root: str
    store: str
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Met:
    """What weights were trained on: a hash of the frames of each recording, by its id in a layout."""

    dataset: str
    train: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What run.json says."""

    recipe: str
    seed: int
    data: _DataRecord
    is_phantom: bool
    hardware: Hardware
    versions: Mapping[str, str]
    init_sha256: str | None
    is_finished: bool
    data_fingerprint: str
    split_ids: Mapping[str, Mapping[str, str]]
    lengthened: Sequence[Mapping[str, int]] = field(default=(), metadata=MAY_BE_ABSENT)
    """How many epochs it had before it was made longer, each time."""
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict, metadata=MAY_BE_ABSENT)
    """Of each recording that was left out, as was asked for, what is wrong with it."""
    met_before: Sequence[Met] = field(default=(), metadata=MAY_BE_ABSENT)
    """What the weights that it started from were trained on, as far as is known."""
    computed_on: Sequence[str] = field(default=(), metadata=MAY_BE_ABSENT)
    """Names of the devices, in the order in which it came to them; what was asked for, `auto`, is `hardware`."""

    def __post_init__(self) -> None:
        if missing := set(get_args(Split)) - set(self.split_ids):
            raise RecipeError(f"split_ids lacks {', '.join(sorted(missing))}")


# A line for each recording, of a million at most.
RECORD_LIMITS = Limits(max_bytes=256 * 2**20)

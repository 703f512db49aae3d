"""Which data a run learns from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class DataFolder:
    """Where data and their decoded frames lie.

    Attributes:
        dataset: a name in `LAYOUTS`.
        root: its folder.
        store: folder of the decoded frames.
        is_phantom: the hearts are simulated.
        options: of the data set's loader, such as `fold` and `view`.
    """

    dataset: str
    root: Path
    store: Path
    is_phantom: bool
    options: Mapping[str, Any] = field(default_factory=dict)

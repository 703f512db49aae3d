"""Which data an experiment is done on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from coreecho.datasets.folds import CrossValidation


@dataclass(frozen=True, kw_only=True)
class Data:
    """A data set as it lies on disk.

    Attributes:
        dataset: its layout, a name that `load_recordings` knows.
        root: its folder.
        options: of its loader, such as `view`.
        store: folder for the decoded frames; beside the data when not given.
    """

    dataset: str
    root: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    store: Path | None = None

    def by(self, protocol: CrossValidation) -> "Data":
        """The same data as a protocol of cross-validation takes them; an option that is given goes before."""
        return replace(self, options={**protocol.options, **self.options})

    def with_fold(self, fold: int) -> "Data":
        """The same data with one fold to be tested."""
        return replace(self, options={**self.options, "fold": fold})

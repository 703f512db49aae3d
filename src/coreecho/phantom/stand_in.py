"""Simulated hearts that stand in for a data set where a table of trainings is made without patients."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from coreecho.phantom.settings import PhantomSettings
from coreecho.registry import Registry


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """A cohort, and how large it has to be.

    Attributes:
        folder: name of the folder that it is written to.
        write: writes the cohort to a folder; takes `recordings`, `seed`, `settings` and `show_progress`, and
            `more_test` where there are more to be tested.
        seed: of the cohort; each data set has hearts of its own.
        recordings: so many that a small model learns what it is to learn.
        few: so many that everything runs.
        more_test: recordings beyond `recordings` that are only tested.
        settings: of the cohort.
        has_splits: it is written with TRAIN, VAL and TEST splits, so that those learned from may bear a cue.
    """

    folder: str
    write: Callable[..., None]
    seed: int
    recordings: int
    few: int
    more_test: int = 0
    settings: PhantomSettings = field(default_factory=PhantomSettings)
    has_splits: bool = False

    def root(self, out: Path, *, cue: bool) -> Path:
        """Where it lies below a folder of phantoms, with or without a planted cue."""
        return out / (f"{self.folder}-cue" if cue else self.folder)


# By the import paths that layouts give.
STAND_INS: Registry[StandIn] = Registry("stand-in of simulated hearts", "coreecho.stand_ins", {})

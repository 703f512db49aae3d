"""What a table needs trained: a training, or a transfer from one; and what is read off it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from coreecho.datasets import LAYOUTS, Split, load_recordings
from coreecho.evaluation import Clips
from coreecho.experiments.cross_validation import PREDICTIONS, cross_validate, find_folds, fold_name
from coreecho.experiments.data import Data
from coreecho.experiments.runs import Execution, finish_run, predictions_of
from coreecho.experiments.starting import check_start
from coreecho.experiments.table_file import Method, Weights
from coreecho.experiments.transfer import find_protocol, published_settings, start_of, transfer_settings
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import RunFolder
from coreecho.training.stages import stages_of

# Of each recording, as most tables test a model. A table that tests whole videos sees more clips, which are not
# counted.
_TEST_CLIPS = 3


@dataclass(frozen=True, kw_only=True)
class Work:
    """How much a job is: clips through forward and backward, and clips through forward alone."""

    trained_clips: int
    seen_clips: int


class Job(ABC):
    """Something that is trained once, below a folder, and found done when it is asked for again.

    Attributes:
        name: of its folder; equal names are equal jobs.
        data: to learn from.
    """

    name: str
    data: Data

    @property
    def needed(self) -> "tuple[Job, ...]":
        """Jobs whose weights it starts from."""
        return ()

    @abstractmethod
    def recipe(self, runs: Path) -> Recipe:
        """Its settings, where the jobs of the same plan lie below `runs`."""

    @abstractmethod
    def finish(self, runs: Path, execution: Execution) -> None:
        """Train what is missing. Raises KeyboardInterrupt when it was stopped."""

    @abstractmethod
    def is_done(self, runs: Path) -> bool:
        """Whether nothing is left to train."""

    @abstractmethod
    def work(self, runs: Path) -> Work:
        """What there is to do from its beginning: to train, to validate each epoch, and to test once."""

    @abstractmethod
    def share_left(self, runs: Path) -> float:
        """How much of its work is left: 1 of one that is not begun, 0 of one that is done."""


@dataclass(frozen=True, kw_only=True)
class Training(Job):
    """One run."""

    name: str
    data: Data
    settings: Recipe

    def recipe(self, runs: Path) -> Recipe:
        """The recipe of the run."""
        return self.settings

    def finish(self, runs: Path, execution: Execution) -> None:
        """Train the run to its end."""
        finish_run(self.settings, self.data, runs / self.name, execution)

    def is_done(self, runs: Path) -> bool:
        """Whether its run is finished."""
        folder = runs / self.name
        return (folder / "run.json").is_file() and RunFolder.open(folder).is_finished

    def work(self, runs: Path) -> Work:
        """Clips of both stages, and three of each recording that is tested."""
        splits = [
            recording.split for recording in load_recordings(self.data.dataset, self.data.root, **self.data.options)
        ]
        sizes = {f"num_{split}": splits.count(split) for split in get_args(Split)}
        return work_of(self.settings, **sizes, test_clips=_TEST_CLIPS)

    def share_left(self, runs: Path) -> float:
        """The share of its epochs that are left."""
        return _share_of_epochs_left(self.settings, runs / self.name)

    def read(
        self,
        runs: Path,
        execution: Execution,
        *,
        split: Split = "test",
        clips: Clips = 3,
        start_index: Path | None = None,
        weights: Weights = "best",
    ) -> pd.DataFrame:
        """What the finished run predicts."""
        run = RunFolder.open(runs / self.name, data=self.data.root, store=self.data.store)
        return predictions_of(run, execution, split=split, clips=clips, start_index=start_index, weights=weights)


@dataclass(frozen=True, kw_only=True)
class Transfer(Job):
    """A cross-validation on another data set, from the encoder of a training, of a file, or from scratch.

    Attributes:
        method: how.
        pretrained: where its encoder is from.
        protocol: of the cross-validation; as for `find_protocol`.
        overrides: settings that replace those of its recipe.
        seed: of every fold.
    """

    name: str
    data: Data
    method: Method
    pretrained: Training | str
    protocol: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    @property
    def needed(self) -> tuple[Job, ...]:
        """The training, where its encoder is that of one."""
        return (self.pretrained,) if isinstance(self.pretrained, Training) else ()

    def recipe(self, runs: Path) -> Recipe:
        """The recipe of every fold."""
        if isinstance(self.pretrained, Training):
            # The weights need not be there yet, so that a plan can be shown.
            settings = published_settings(LAYOUTS.get(self.data.dataset), self.method, self.protocol)
            init = start_of(str(runs / self.pretrained.name))
            settings |= {"init": init, "encoder": self.pretrained.settings.encoder}
        else:
            settings = transfer_settings(self.data.dataset, self.method, self.pretrained, self.protocol)
        settings |= {**self.overrides, "seed": self.seed}
        return Recipe.from_mapping(settings, source=f"the transfer {self.name}")

    def finish(self, runs: Path, execution: Execution) -> None:
        """Train every fold to its end."""
        if isinstance(self.pretrained, Training):
            self.pretrained.finish(runs, execution)
        recipe = self.recipe(runs)
        if not self.is_done(runs):
            check_start(recipe, self.data, execution)
        cross_validate(recipe, self.data, runs / self.name, execution)

    def is_done(self, runs: Path) -> bool:
        """Whether the pooled predictions are there."""
        return (runs / self.name / PREDICTIONS).is_file()

    def work(self, runs: Path) -> Work:
        """Clips of all folds."""
        folds, num_recordings = self._folds()
        fold, recipe = num_recordings // len(folds), self.recipe(runs)
        _, protocol = find_protocol(LAYOUTS.get(self.data.dataset), self.protocol)
        is_validated = protocol.has_validation or recipe.is_chosen_by_tested
        sizes = {"num_train": num_recordings - (1 + protocol.has_validation) * fold}
        sizes |= {"num_val": fold if is_validated else 0, "num_test": fold}
        work = work_of(recipe, **sizes, test_clips=recipe.validation_clips)
        return Work(trained_clips=len(folds) * work.trained_clips, seen_clips=len(folds) * work.seen_clips)

    def share_left(self, runs: Path) -> float:
        """The share of the epochs of all folds that are left."""
        if self.is_done(runs):
            return 0.0
        (folds, _), recipe = self._folds(), self.recipe(runs)
        left = [_share_of_epochs_left(recipe, runs / self.name / fold_name(fold)) for fold in folds]
        return sum(left) / len(left)

    def _folds(self) -> tuple[list[int], int]:
        """The folds, and how many recordings they hold together."""
        recordings = load_recordings(self.data.dataset, self.data.root, **self.data.options)
        return find_folds(recordings, self.data), len(recordings)

    def read(self, runs: Path, execution: Execution) -> pd.DataFrame:
        """The pooled predictions of all folds; those that are missing are trained first."""
        return cross_validate(self.recipe(runs), self.data, runs / self.name, execution)


def work_of(recipe: Recipe, *, num_train: int, num_val: int, num_test: int = 0, test_clips: int = 0) -> Work:
    """Count the clips of a run.

    Args:
        recipe: its settings.
        num_train: recordings to learn from.
        num_val: recordings that are validated after each epoch.
        num_test: recordings that are tested at the end.
        test_clips: clips of each of those.
    """
    per_epoch = num_train if recipe.keep_last_batch else num_train // recipe.batch_size * recipe.batch_size
    stage1 = recipe.stage1_epochs * per_epoch * stages_of(recipe)[0].objective.num_views
    stage2 = recipe.stage2_epochs * per_epoch if recipe.stage2 else 0
    shown = _num_epochs(recipe) * num_val * recipe.validation_clips + num_test * test_clips
    if recipe.is_of_head_alone:
        return Work(trained_clips=0, seen_clips=stage1 + stage2 + shown)
    return Work(trained_clips=stage1, seen_clips=stage2 + shown)


def _num_epochs(recipe: Recipe) -> int:
    return recipe.stage1_epochs + (recipe.stage2_epochs if recipe.stage2 else 0)


def _share_of_epochs_left(recipe: Recipe, folder: Path) -> float:
    """The share of a run's epochs that its folder, which need not be there, does not hold yet."""
    if not (folder / "metrics.csv").is_file():
        return 1.0
    return 1.0 - len(RunFolder.open(folder).metrics()) / _num_epochs(recipe)

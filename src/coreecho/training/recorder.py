"""Keeps what a run says of itself: its figures, its best weights, its last state, and a bar with the time left."""

import importlib.util
import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist
from torch import Tensor, nn

from coreecho.errors import CheckpointError, RecipeError, TrainingError
from coreecho.files import write_whole
from coreecho.models.card import TrainedOn
from coreecho.models.weights import Card
from coreecho.models.weights import save_state as write_weights
from coreecho.progress import Bar, bar_of_steps
from coreecho.training import divergence
from coreecho.training.distributed import is_distributed
from coreecho.training.run_folder import RunFolder
from coreecho.training.stages import Stage
from coreecho.training.state import RunState, save_state

if TYPE_CHECKING:
    from lightning_fabric import Fabric

log = logging.getLogger("coreecho")


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """What a run writes besides its results, and when. None of it changes what is learned.

    Attributes:
        checkpoint_minutes: the longest time between two saved states; 0 saves after each step.
        show_progress: show bars with the time left.
        tensorboard: write TensorBoard's files as well.

    Raises:
        RecipeError: a time below zero, or TensorBoard is asked for and not installed.
    """

    checkpoint_minutes: float = 5.0
    show_progress: bool = False
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if not self.checkpoint_minutes >= 0:
            raise RecipeError(f"`checkpoint_minutes` is {self.checkpoint_minutes}, expected at least 0.")
        if self.tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise RecipeError("`--tensorboard` needs TensorBoard: pip install 'coreecho[tensorboard]'.")


@dataclass(kw_only=True)
class Recorder:
    """Notes each step of a stage and keeps what comes of each epoch.

    Args:
        folder: of the run.
        stage: that goes on.
        model: that learns.
        state: where the run stands; kept up to date.
        steps_per_epoch: of the stage.
        fabric: tells the processes; the first one writes.
        keeping: what to write besides, and when.
        is_mixed: the pass rounds to bf16.
    """

    folder: RunFolder
    stage: Stage
    model: nn.Module
    state: RunState
    steps_per_epoch: int
    fabric: "Fabric"
    keeping: Keeping
    is_mixed: bool = False
    progress: Bar = field(init=False)

    @contextmanager
    def watching(self) -> Iterator["Recorder"]:
        """Show the bar and take the time while the body runs."""
        is_shown = self.keeping.show_progress and self.fabric.is_global_zero
        self.last_save = self.epoch_start = time.monotonic()
        with bar_of_steps(is_shown=is_shown) as self.progress:
            num_steps = self.stage.epochs * self.steps_per_epoch
            self.bar = self.progress.add_task(self._describe(), total=num_steps, completed=self.state.step)
            yield self

    @property
    def is_epoch_done(self) -> bool:
        """Whether the step that was noted last ended an epoch."""
        return self.state.step % self.steps_per_epoch == 0

    @property
    def is_save_due(self) -> bool:
        """Whether the last saved state is older than it may be."""
        return time.monotonic() - self.last_save >= 60 * self.keeping.checkpoint_minutes

    def note_step(self, loss: Tensor, terms: Mapping[str, Tensor], *, is_stopping: bool) -> bool:
        """Count a step, and add its losses, averaged over the processes, to the epoch's sums.

        Returns:
            Whether any process was asked to stop.

        Raises:
            TrainingError: the loss is not finite.
        """
        values = torch.stack([each.detach().float() for each in (loss, *terms.values())])
        values = torch.cat([values, values.new_tensor([float(is_stopping)])])
        if is_distributed():
            dist.all_reduce(values)
            values /= dist.get_world_size()
        *averages, asked = values.tolist()
        losses = dict(zip(("loss", *terms), averages, strict=True))
        if not math.isfinite(losses["loss"]):
            raise self._not_finite(
                f"The loss became {losses['loss']} in {self.stage.name}, step {self.state.step} ({_terms(losses)})"
            )
        for name, value in losses.items():
            self.state.sums[name] = self.state.sums.get(name, 0.0) + value
        self.state.step += 1
        self.progress.update(self.bar, completed=self.state.step, description=self._describe())
        return bool(asked > 0)

    def finish_epoch(
        self, predictions: pd.DataFrame | None, optimizer: torch.optim.Optimizer, *, learning_rate: float
    ) -> None:
        """Write the epoch's figures, its weights where they are the best so far, and the state.

        Args:
            predictions: of the validation split, as `validate` gives them; None where there is none.
            optimizer: after the epoch's last step.
            learning_rate: of that step.

        Raises:
            TrainingError: the validation or a weight is not finite, or the disk is full.
        """
        row = self._row(predictions, learning_rate)
        selection = self.stage.selection
        earlier = [past[selection] for past in self.state.history if selection and past["stage"] == self.stage.name]
        self.state.history.append(row)
        self.state.sums.clear()
        if self.fabric.is_global_zero:
            with self._explaining_full_disk():
                self._write_epoch(
                    row, predictions, is_best=selection is None or row[selection] < min(earlier, default=math.inf)
                )
        self.save_state(optimizer)
        self.epoch_start = time.monotonic()
        self.progress.update(self.bar, description=self._describe())
        # The next stage begins from files that the first process writes.
        self.fabric.barrier()

    def save_state(self, optimizer: torch.optim.Optimizer) -> None:
        """Save the state, from which the run goes on.

        Raises:
            TrainingError: a weight is not finite, gradients overflowed, or the disk is full.
        """
        self.last_save = time.monotonic()
        if not self.fabric.is_global_zero:
            return
        weights = self.model.state_dict()
        if not _are_finite(weights.values()):
            raise self._not_finite(f"A weight is not a finite number after step {self.state.step} of {self.stage.name}")
        averages = optimizer.state_dict()
        if not _are_finite(value for of_one in averages["state"].values() for value in of_one.values()):
            # Adam divides by the root of one: by infinity, weights stand still from here on, without a word.
            raise self._not_finite(
                f"Gradients overflowed: what the optimiser keeps of them is not finite after step {self.state.step} of "
                f"{self.stage.name}"
            )
        self.state.model, self.state.optimizer = weights, averages
        with self._explaining_full_disk():
            save_state(self.folder.state, self.state)

    def _row(self, predictions: pd.DataFrame | None, learning_rate: float) -> dict[str, Any]:
        """The epoch's line of metrics.csv."""
        row: dict[str, Any] = {"stage": self.stage.name, "epoch": self.state.step // self.steps_per_epoch}
        row |= {f"train_{name}": total / self.steps_per_epoch for name, total in self.state.sums.items()}
        if predictions is not None:
            lesson = self.stage.objective
            row |= lesson.figures(predictions)
            if not math.isfinite(row[lesson.selection]):
                raise self._not_finite(
                    f"{lesson.selection} became {row[lesson.selection]} in {self.stage.name}, epoch {row['epoch']}"
                )
        return row | {"learning_rate": learning_rate, "seconds": time.monotonic() - self.epoch_start}

    def _write_epoch(self, row: dict[str, Any], predictions: pd.DataFrame | None, *, is_best: bool) -> None:
        if is_best:
            card = self._card(row)
            weights = self.model.state_dict()
            write_weights(self.folder.best_weights, weights, card)
            if self.stage.number == 1:
                write_weights(self.folder.stage_weights(self.stage.name), weights, card)
            if predictions is not None:
                ids = [recording.id for recording in self.folder.recordings(self.folder.recipe.select_on)]
                named = predictions.assign(recording=[ids[position] for position in predictions.recording])
                told = named.to_csv(index=False)
                if self.stage.number == 1:
                    # Now, and not when stage 2 begins: it may begin again, after its own has replaced validation.csv.
                    write_whole(self.folder.stage_validation(self.stage.name), told)
                write_whole(self.folder.validation, told)
        self.folder.write_metrics(self.state.history)
        kept = " (kept)" if self.stage.selection is None else " (best so far)"
        log.info("%s epoch %d: %s%s", self.stage.name, row["epoch"], _terms(row), kept if is_best else "")
        if self.keeping.tensorboard:
            _write_tensorboard(self.folder, row, step=len(self.state.history))

    def _card(self, row: dict[str, Any]) -> Card:
        """What the weights that are kept are, and what they were trained on."""
        data, store, lesson = self.folder.data, self.folder.store(), self.stage.objective
        recordings = self.folder.recordings("train")
        rates = [rate for recording in recordings if (rate := store.fps(recording.id)) is not None]
        low_fps, median_fps, high_fps = np.percentile(rates, [5, 50, 95]) if rates else 3 * (math.nan,)
        return lesson.card(
            self.model,
            TrainedOn(
                dataset=data.dataset,
                is_phantom=data.is_phantom,
                num_recordings=len(recordings),
                fps_range=(float(low_fps), float(high_fps)),
                label_range=lesson.label_range(recordings),
                recipe=self.folder.recipe.name,
                # The card counts from 0, tables and people from 1.
                epoch=row["epoch"] - 1,
                best_validation=row.get(lesson.told),
                fps_median=float(median_fps) if rates else None,
            ),
        )

    def _not_finite(self, what: str) -> TrainingError:
        """The error that ends a run: what happened, which files are there, and what to do."""
        lesson = self.stage.objective
        labels = lesson.label_range(self.folder.recordings("train"))
        way_on = divergence.way_on(lesson, is_mixed=self.is_mixed, num_steps=self.state.step, label_range=labels)
        return TrainingError(f"{what}. {self._what_is_kept()}{way_on}")

    def _what_is_kept(self) -> str:
        """Name the files that are there: an error in the first epoch has none to name."""
        kept = [
            f"{path} holds {what}"
            for path, what in (
                (self.folder.state, "the last good state"),
                (self.folder.best_weights, "the best weights"),
            )
            if path.exists()
        ]
        return f"{' and '.join(kept)}. " if kept else ""

    @contextmanager
    def _explaining_full_disk(self) -> Iterator[None]:
        try:
            yield
        except (OSError, CheckpointError) as error:
            raise TrainingError(
                f"Cannot write to {self.folder.path}: {error} The files of the last good state are "
                f"as they were. Make room, then `coreecho train --resume {self.folder.path}`."
            ) from error

    def _describe(self) -> str:
        epoch = min(self.state.step // self.steps_per_epoch + 1, self.stage.epochs)
        text = f"stage {self.stage.number}, epoch {epoch}/{self.stage.epochs}"
        metric = self.stage.objective.selection
        if self.state.history and metric in self.state.history[-1]:
            text += f", validation {metric.removeprefix('val_').upper()} {self.state.history[-1][metric]:.2f}"
        return text


def _are_finite(values: Iterable[Any]) -> bool:
    return all(bool(torch.isfinite(value).all()) for value in values if isinstance(value, Tensor))


def _terms(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items() if isinstance(value, float))


def _write_tensorboard(folder: RunFolder, row: dict[str, Any], *, step: int) -> None:
    """Add an epoch to TensorBoard's files."""
    from torch.utils.tensorboard import SummaryWriter

    # purge_step hides what a killed process had written of this epoch or later.
    with SummaryWriter(str(folder.path / "tensorboard"), purge_step=step) as writer:
        for name, value in row.items():
            if isinstance(value, float):
                writer.add_scalar(f"{row['stage']}/{name}", value, step)

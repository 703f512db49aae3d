"""Watches a stage: validates, keeps the best weights and the last state, writes what a person wants to see."""

import importlib.util
import logging
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
import torch.distributed as dist
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader

import coreecho
from coreecho.datasets.clip_dataset import ClipBatch
from coreecho.errors import CheckpointError, TrainingError
from coreecho.files import write_whole
from coreecho.models.card import TrainedOn, WeightsCard
from coreecho.models.echo_model import EchoModel
from coreecho.models.weights import save_weights
from coreecho.training.checkpoint import RunState, save_state
from coreecho.training.distributed import is_distributed
from coreecho.training.run_folder import RunFolder
from coreecho.training.stages import Stage
from coreecho.training.validation import validate, validation_metrics

log = logging.getLogger("coreecho")


class StopSignal:
    """Turns the first Ctrl-C or SIGTERM into a wish to stop after the step; a second one is not held back."""

    def __init__(self) -> None:
        self.is_set = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen while the body runs."""
        earlier = {number: signal.signal(number, self._receive) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True
        Console(stderr=True).print("Stopping after this step; once more to stop at once.")


class Recorder(pl.Callback):
    """Validates at each epoch's end and saves; between epochs it saves the state every few minutes.

    Args:
        folder: of the run.
        state: where the run stands; kept up to date.
        stop: asked after each step.
        checkpoint_minutes: the longest time between two saved states; 0 saves after each step.
        show_progress: show a bar with the time left.

    Attributes:
        validation: loader of the validation split, set before the stage starts.
        was_stopped: whether the stage was stopped before its end.
    """

    validation: DataLoader[ClipBatch]

    def __init__(
        self,
        folder: RunFolder,
        state: RunState,
        *,
        stop: StopSignal,
        checkpoint_minutes: float,
        show_progress: bool,
    ) -> None:
        self.folder = folder
        self.state = state
        self.stop = stop
        self.was_stopped = False
        self.checkpoint_seconds = 60 * checkpoint_minutes
        self.progress = _progress_bar(is_shown=show_progress)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the bar."""
        stage = _stage(pl_module)
        if not trainer.is_global_zero:
            self.progress.disable = True
        self.progress.start()
        self.task = self.progress.add_task(self._describe(stage), total=stage.num_steps, completed=stage.step)
        self.last_save = self.epoch_start = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the loss; at an epoch's end validate and save, else save when it is time or a stop was asked for."""
        stage = _stage(pl_module)
        is_stopping = self._note_losses(stage, outputs)
        is_epoch_end = stage.step % stage.steps_per_epoch == 0
        if is_epoch_end:
            self._finish_epoch(trainer, stage)
        is_due = time.monotonic() - self.last_save >= self.checkpoint_seconds
        if is_epoch_end or is_stopping or is_due:
            self._save_state(trainer, stage)
        self.progress.update(self.task, completed=stage.step, description=self._describe(stage))
        self.was_stopped = trainer.should_stop = is_stopping

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Remove the bar, also after an error."""
        self.progress.stop()

    def _note_losses(self, stage: Stage, outputs: dict[str, Tensor]) -> bool:
        """Add this step's losses, averaged over the processes, to the epoch's sums; return whether to stop."""
        names = list(outputs)
        values = torch.stack([outputs[name].detach().double() for name in names])
        values = torch.cat([values, values.new_tensor([float(self.stop.is_set)])])
        if is_distributed():
            dist.all_reduce(values)
            values /= dist.get_world_size()
        losses = dict(zip(names, values.tolist(), strict=False))
        if not math.isfinite(losses["loss"]):
            raise TrainingError(
                f"The loss became {losses['loss']} in {stage.name}, step {stage.step} ({_terms(losses)}). "
                f"{self.folder.state} holds the last good state and {self.folder.best_weights} the best weights. "
                "Lower `learning_rate`, or train in fp32."
            )
        for name, value in losses.items():
            self.state.sums[name] = self.state.sums.get(name, 0.0) + value
        return bool(values[-1] > 0)

    def _finish_epoch(self, trainer: pl.Trainer, stage: Stage) -> None:
        with trainer.precision_plugin.val_step_context():
            predictions = validate(stage.model, self.validation)
        row: dict[str, Any] = {"stage": stage.name, "epoch": stage.step // stage.steps_per_epoch - 1}
        row |= {f"train_{name}": total / stage.steps_per_epoch for name, total in self.state.sums.items()}
        row |= validation_metrics(stage.model.task, predictions)
        now = time.monotonic()
        row |= {"learning_rate": trainer.optimizers[0].param_groups[0]["lr"], "seconds": now - self.epoch_start}
        selection = stage.selection
        earlier = [past[selection] for past in self.state.history if selection and past["stage"] == stage.name]
        self.state.history.append(row)
        self.state.sums.clear()
        self.epoch_start = now
        metric = stage.recipe.task.selection
        if not math.isfinite(row[metric]):
            raise TrainingError(f"{metric} became {row[metric]} in {stage.name}, epoch {row['epoch']}.")
        if trainer.is_global_zero:
            with self._explaining_full_disk():
                self._write_epoch(
                    stage,
                    row,
                    predictions,
                    is_best=selection is None or row[selection] < min(earlier, default=math.inf),
                )
        # The next stage begins from files that the first process writes.
        trainer.strategy.barrier()

    def _write_epoch(self, stage: Stage, row: dict[str, Any], predictions: pd.DataFrame, *, is_best: bool) -> None:
        if is_best:
            card = self._card(stage.model, row)
            save_weights(self.folder.best_weights, stage.model, card)
            if stage.name == "stage1":
                save_weights(self.folder.stage_weights(stage.name), stage.model, card)
            recordings = self.folder.recordings("val")
            predictions = predictions.assign(recording=[recordings[position].id for position in predictions.recording])
            write_whole(self.folder.path / "validation.csv", predictions.to_csv(index=False))
        write_whole(self.folder.path / "metrics.csv", pd.DataFrame(self.state.history).to_csv(index=False))
        log.info("%s epoch %d: %s%s", stage.name, row["epoch"], _terms(row), " (best so far)" if is_best else "")
        _write_tensorboard(self.folder, row, step=len(self.state.history))

    def _card(self, model: EchoModel, row: dict[str, Any]) -> WeightsCard:
        """What the best weights are, and what they were trained on."""
        recipe, source, store = self.folder.recipe, self.folder.data, self.folder.store()
        recordings = self.folder.recordings("train")
        rates = [rate for recording in recordings if (rate := store.fps(recording.id)) is not None]
        labels = [recording.ef_percent for recording in recordings if recording.ef_percent is not None]
        is_ef = recipe.target == "ef"
        low_fps, median_fps, high_fps = np.percentile(rates, [5, 50, 95]) if rates else 3 * (math.nan,)
        return WeightsCard(
            kind="model",
            reads=recipe.task.to_mapping(),
            encoder=model.encoder.name,
            encoder_settings=model.encoder.settings,
            head=recipe.head,
            source=f"trained by coreecho with the recipe {recipe.name}, seed {recipe.seed}",
            licence="that of the data and of the initial weights that they were trained from",
            num_parameters=sum(parameter.numel() for parameter in model.parameters()),
            source_sha256=None,
            model_input=recipe.input,
            trained_on=TrainedOn(
                dataset=source.dataset,
                is_phantom=source.is_phantom,
                num_recordings=len(recordings),
                fps_range=(float(low_fps), float(high_fps)),
                ef_range=(min(labels), max(labels)) if is_ef else None,
                recipe=recipe.name,
                epoch=row["epoch"],
                val_mae=row.get("val_mae"),
                fps_median=float(median_fps) if rates else None,
            ),
            coreecho_version=coreecho.__version__,
        )

    def _save_state(self, trainer: pl.Trainer, stage: Stage) -> None:
        self.last_save = time.monotonic()
        if not trainer.is_global_zero:
            return
        state_dict = stage.model.state_dict()
        if not all(bool(torch.isfinite(value).all()) for value in state_dict.values()):
            raise TrainingError(
                f"A weight is not a finite number after step {stage.step} of {stage.name}; "
                f"{self.folder.state} keeps the last good state. Lower `learning_rate`, or train in fp32."
            )
        self.state.step = stage.step
        self.state.model = state_dict
        self.state.optimizer = trainer.optimizers[0].state_dict()
        with self._explaining_full_disk():
            save_state(self.folder.state, self.state)

    @contextmanager
    def _explaining_full_disk(self) -> Iterator[None]:
        try:
            yield
        except (OSError, CheckpointError) as error:
            raise TrainingError(
                f"Cannot write to {self.folder.path}: {error} The files of the last good state are "
                f"as they were. Make room, then `coreecho train --resume {self.folder.path}`."
            ) from error

    def _describe(self, stage: Stage) -> str:
        epoch = min(stage.step // stage.steps_per_epoch + 1, stage.epochs)
        text = f"{stage.name.replace('stage', 'stage ')}, epoch {epoch}/{stage.epochs}"
        if self.state.history:
            row, metric = self.state.history[-1], stage.recipe.task.selection
            text += f", validation {metric.removeprefix('val_').upper()} {row[metric]:.2f}"
        return text


def _stage(module: pl.LightningModule) -> Stage:
    if not isinstance(module, Stage):
        raise TypeError(f"Recorder watches a Stage, got {type(module).__name__}")
    return module


def _progress_bar(*, is_shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not is_shown,
    )


def _terms(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items() if isinstance(value, float))


def _write_tensorboard(folder: RunFolder, row: dict[str, Any], *, step: int) -> None:
    """Add an epoch to TensorBoard's files, where TensorBoard is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return
    from torch.utils.tensorboard import SummaryWriter

    # purge_step hides what a killed process had written of this epoch or later.
    with SummaryWriter(str(folder.path / "tensorboard"), purge_step=step) as writer:
        for name, value in row.items():
            if isinstance(value, float):
                writer.add_scalar(f"{row['stage']}/{name}", value, step)

"""Recipe -> run folder: build the model, go through the stages, resume where a run stopped."""

import fcntl
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.utilities import rank_zero_only

import coreecho
from coreecho.datasets import LAYOUTS
from coreecho.datasets.clip_dataset import Augmentation, TrainingClips, ValidationClips
from coreecho.errors import CheckpointError, DatasetError, RecipeError
from coreecho.models.building import build_model
from coreecho.models.echo_model import EchoModel
from coreecho.models.weights import initialise_encoder, read_weights
from coreecho.training.checkpoint import RunState, load_state
from coreecho.training.data import TrainingBatches, check_batch, training_loader, validation_loader
from coreecho.training.distributed import share_batch_statistics
from coreecho.training.recipe import SCRATCH, Recipe
from coreecho.training.recorder import Recorder, StopSignal
from coreecho.training.run_folder import Hardware, RunFolder, check_is_free, find_data
from coreecho.training.stages import STAGES, StageName
from coreecho.video.affine import random_affine
from coreecho.video.augmentation import pad_and_crop
from coreecho.video.store import FrameStore

log = logging.getLogger("coreecho")


def train(
    recipe: Recipe,
    *,
    data: Path,
    out: Path,
    dataset: str = "echonet",
    options: Mapping[str, Any] | None = None,
    store: Path | None = None,
    hardware: Hardware | None = None,
    checkpoint_minutes: float = 5.0,
    show_progress: bool = False,
) -> RunFolder:
    """Train a model from the beginning.

    Args:
        recipe: the settings.
        data: root of the data set.
        out: folder of the run; it must not hold a run yet.
        dataset: layout of the data set.
        options: of its loader, such as the `fold` and `view` of `load_camus`.
        store: folder for the decoded frames; beside the data when not given.
        hardware: what to compute on.
        checkpoint_minutes: the longest time between two saved states.
        show_progress: show bars with the time left.

    Returns:
        The run. It is not finished when Ctrl-C or SIGTERM stopped it; `resume` goes on.

    Raises:
        RecipeError: the recipe does not fit the data, or `out` holds a run.
        DatasetError: the data set is not as its layout says.
        CheckpointError: the recipe's `init` weights are missing or do not fit.
        TrainingError: the loss is not finite, or the disk is full.
    """
    hardware = hardware or Hardware()
    folder = RunFolder(out, recipe, find_data(dataset, data, recipe, store, options), info={})
    _check_clips(folder)
    _check_splits(folder)
    _trainer(hardware)  # Refuses what this machine does not have, before a folder is made.
    model = _new_model(folder)
    state = _beginning(model, recipe)
    # Before the run's folder is made: whatever is wrong with the clips or the disk then leaves nothing behind.
    if _is_first_process():
        check_is_free(out)
    folder.store(show_progress=show_progress)
    if _is_first_process():
        folder = RunFolder.create(out, recipe, folder.data, hardware)
    return _Run(folder, model, state, hardware, checkpoint_minutes, show_progress).go()


def resume(
    run: Path,
    *,
    data: Path | None = None,
    store: Path | None = None,
    hardware: Hardware | None = None,
    checkpoint_minutes: float = 5.0,
    show_progress: bool = False,
) -> RunFolder:
    """Go on with a run that was stopped; on the CPU its final weights are bit for bit those of an unstopped run.

    Args:
        run: its folder.
        data: root of the data set where it has moved since.
        store: folder for the decoded frames where it has moved since.
        hardware: what to compute on; as before when not given.
        checkpoint_minutes: the longest time between two saved states.
        show_progress: show bars with the time left.

    Raises:
        CheckpointError: not the folder of a run, or no state was saved.
        RecipeError: the data set is no longer the one that the run began with.
    """
    folder = RunFolder.open(run, data=data, store=store)
    if folder.is_finished:
        return folder
    if folder.data_fingerprint() != folder.info["data_fingerprint"]:
        raise RecipeError(
            f"The recordings, labels or splits under {folder.data.root} are not those that {run} began with. "
            "Put the data back as they were, or start a new run."
        )
    model = _new_model(folder)
    if folder.state.exists():
        state = load_state(folder.state)
        model.load_state_dict(state.model)
    else:
        # Killed before the first state was saved: the beginning is a function of the recipe.
        state = _beginning(model, folder.recipe)
    hardware = hardware or folder.hardware
    return _Run(folder, model, state, hardware, checkpoint_minutes, show_progress).go()


@dataclass
class _Run:
    """A run that is going on."""

    folder: RunFolder
    model: EchoModel
    state: RunState
    hardware: Hardware
    checkpoint_minutes: float
    show_progress: bool

    def go(self) -> RunFolder:
        """Go through the stages that are left."""
        recipe, stop = self.folder.recipe, StopSignal()
        stages: list[StageName] = ["stage1", "stage2"] if recipe.stage2 else ["stage1"]
        with _alone_in(self.folder.path), _logging_to(self.folder.path / "train.log"):
            log.info("coreecho %s, recipe %s, seed %d", coreecho.__version__, recipe.name, recipe.seed)
            store = self.folder.store(show_progress=self.show_progress)
            for stage in stages[stages.index(self.state.stage) :]:
                if stage != self.state.stage:
                    self._enter(stage)
                if self._run_stage(store, stop):
                    log.info("stopped after step %d of %s", self.state.step, self.state.stage)
                    return self.folder
            if _is_first_process():
                self.folder.info["is_finished"] = True
                self.folder.write_info()
        return self.folder

    def _enter(self, stage: StageName) -> None:
        """Begin a stage from the best weights of the one before."""
        weights, _ = read_weights(self.folder.stage_weights(self.state.stage))
        self.model.load_state_dict(weights)
        self.state.stage, self.state.step, self.state.optimizer = stage, 0, None

    def _run_stage(self, store: FrameStore, stop: StopSignal) -> bool:
        """Run what is left of the stage; return whether it was stopped before its end."""
        recipe, hardware = self.folder.recipe, self.hardware
        stage_class, recordings = STAGES[self.state.stage], self.folder.recordings("train")
        recorder = Recorder(
            self.folder,
            self.state,
            stop=stop,
            checkpoint_minutes=self.checkpoint_minutes,
            show_progress=self.show_progress,
        )
        trainer = _trainer(hardware, recorder)
        rank, world_size = trainer.global_rank, trainer.world_size
        on_gpu = trainer.strategy.root_device.type == "cuda"
        batches = TrainingBatches(
            [recording.id for recording in recordings],
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            stage=stage_class.number,
            epochs=stage_class.epochs_of(recipe),
            first_step=self.state.step,
            rank=rank,
            world_size=world_size,
        )
        if not len(batches):
            return False
        clips = TrainingClips(
            recordings,
            store,
            recipe.input,
            views=stage_class.num_views_of(recipe),
            is_same_clip=recipe.views == "same_clip",
            augment=_augmentation(recipe),
            seed=recipe.seed,
            stage=stage_class.number,
            task=recipe.task,
        )
        validation = ValidationClips(
            self.folder.recordings("val"),
            store,
            recipe.input,
            num_clips=recipe.validation_clips,
            task=recipe.task,
        )
        recorder.validation = validation_loader(
            validation, batch_size=recipe.batch_size, rank=rank, world_size=world_size
        )
        workers = hardware.workers if hardware.workers is not None else 4 * on_gpu
        if world_size > 1 and not on_gpu:
            share_batch_statistics(self.model)
        module = stage_class(
            self.model,
            recipe,
            steps_per_epoch=batches.steps_per_epoch,
            first_step=self.state.step,
            optimizer_state=self.state.optimizer,
        )
        with warnings.catch_warnings():
            # Its advice is on its own progress bar, checkpoints and loader, which are not used.
            warnings.filterwarnings("ignore", module="pytorch_lightning")
            with stop.listening():
                trainer.fit(module, training_loader(clips, batches, workers=workers, pin_memory=on_gpu))
        return recorder.was_stopped


def _trainer(hardware: Hardware, *callbacks: pl.Callback) -> pl.Trainer:
    """A Trainer that does what it is best at: devices, processes, precision, and the step.

    To it a stage is one long epoch: `TrainingBatches` knows the epochs, `Recorder` validates and saves at their ends.
    """
    is_parallel = hardware.devices * hardware.nodes > 1
    # Its list of the devices that it does not use, and its tips, are no news to anyone.
    for logger in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(logger).setLevel(logging.WARNING)
    try:
        return pl.Trainer(
            accelerator=hardware.device,
            devices=hardware.devices,
            num_nodes=hardware.nodes,
            strategy="ddp" if is_parallel else "auto",
            sync_batchnorm=is_parallel and hardware.device != "cpu" and torch.cuda.is_available(),
            precision="bf16-mixed" if hardware.precision == "bf16" else "32-true",
            max_epochs=1,
            callbacks=list(callbacks),
            use_distributed_sampler=False,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (MisconfigurationException, RuntimeError, ValueError) as error:
        raise RecipeError(f"Cannot train on {hardware.devices} x {hardware.device}: {error}") from error


def _augmentation(recipe: Recipe) -> Augmentation | None:
    """What the recipe does to each clip at random."""
    if recipe.augmentation == "crop":
        return partial(pad_and_crop, pad=recipe.crop_pad) if recipe.crop_pad else None
    if recipe.augmentation == "affine":
        return partial(
            random_affine,
            rotation_degrees=recipe.rotation_degrees,
            scale_range=recipe.scale_range,
            translation=recipe.translation,
        )
    return None


def _new_model(folder: RunFolder) -> EchoModel:
    """The model at its random weights: a function of the recipe and the training labels."""
    recipe = folder.recipe
    bias = recipe.head_bias
    if bias is None:
        labels = [recording.ef_percent for recording in folder.recordings("train") if recording.ef_percent is not None]
        bias = float(np.mean(labels)) if recipe.target == "ef" else 0.0
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        return build_model(
            recipe.encoder,
            recipe.input,
            last_bias=bias,
            dropout=recipe.dropout,
            head=recipe.head,
            head_dropout=recipe.head_dropout,
            task=recipe.task,
        )


def _beginning(model: EchoModel, recipe: Recipe) -> RunState:
    """Put the recipe's initial weights into a new model; the state before the first step."""
    if recipe.init != SCRATCH:
        weights = Path(recipe.init)
        if not weights.exists():
            raise CheckpointError(
                f"The recipe {recipe.name!r} starts from the weights {recipe.init!r}, and there is no such file. "
                "Get the published file, read it by `coreecho import-weights FILE OUT`, and give `--init OUT`; "
                "or start from random weights with `--init scratch`."
            )
        log.info(initialise_encoder(model, weights))
    return RunState(stage="stage1", step=0, model=model.state_dict(), optimizer=None)


def _check_clips(folder: RunFolder) -> None:
    """A whole video of EchoNet-Dynamic holds several beats, and not the same part of them."""
    dataset, sampling = folder.data.dataset, folder.recipe.input
    if sampling.is_whole_beat and LAYOUTS.get(dataset).is_single_cycle is False:
        single = [name for name in LAYOUTS.names() if LAYOUTS.get(name).is_single_cycle]
        raise RecipeError(
            f"The recipe {folder.recipe.name!r} has time: {sampling.time}, which takes a whole video as one beat, and "
            f"the videos of {dataset!r} hold several. Use `time: stride`, or one of {', '.join(single)}."
        )
    if folder.recipe.target == "mi" and not any(recording.has_mi is not None for recording in folder.all_recordings):
        raise RecipeError(
            f"The recipe {folder.recipe.name!r} learns to find infarctions (objective: bce), and no recording of "
            f"{dataset!r} says whether it has one; HMC-QU's do."
        )
    if folder.recipe.target == "ef" and not any(
        recording.ef_percent is not None for recording in folder.all_recordings
    ):
        raise RecipeError(
            f"The recipe {folder.recipe.name!r} learns EF, and no recording of {dataset!r} has one. HMC-QU is for "
            "infarctions: `--objective bce`, as the recipe `hmc-qu-fine-tune` has it."
        )


def _check_splits(folder: RunFolder) -> None:
    for split in ("train", "val"):
        if not folder.recordings(split):
            raise DatasetError(
                f"{folder.data.root} has no recording in its {split.upper()} split; training needs TRAIN and VAL."
            )
    # Asked before anything is written: the batches of the first process would refuse the same.
    check_batch(len(folder.recordings("train")), folder.recipe.batch_size)


def _is_first_process() -> bool:
    return int(getattr(rank_zero_only, "rank", 0)) == 0


@contextmanager
def _alone_in(run: Path) -> Iterator[None]:
    """Keep a second command from training in the same folder.

    Raises:
        RecipeError: another one is at it.
    """
    if not _is_first_process():
        yield
        return
    with (run / ".lock").open("w") as lock:
        try:
            # The system lets go of it however this process ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecipeError(f"Another process is training in {run}. Wait for it, or give another `--out`.") from error
        yield


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Append the log of coreecho to a file while the body runs, from the first process only."""
    if not _is_first_process():
        yield
        return
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    except Exception as error:
        log.error("%s", error)
        raise
    finally:
        log.removeHandler(handler)
        handler.close()

"""Recipe -> run folder: check everything, build the model, go through the stages, go on where a run stopped."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

import coreecho
from coreecho.datasets.layout_names import USUAL_LAYOUT
from coreecho.errors import CheckpointError, RecipeError
from coreecho.files import alone_in
from coreecho.models.device import device_name
from coreecho.models.weights import read_weights
from coreecho.names import readable
from coreecho.progress import tell
from coreecho.stopping import Stop
from coreecho.training.checks import check_clips, check_splits, check_start, check_targets
from coreecho.training.data import TrainingBatches, training_examples, training_loader, validation_loader
from coreecho.training.decoding import decoded
from coreecho.training.fabric import build_fabric, is_first_process, own_randomness
from coreecho.training.hardware import Hardware
from coreecho.training.lesson import Examples
from coreecho.training.longer import keep_stage, lengthen, longer_recipe
from coreecho.training.loop import prepare_model, run_stage
from coreecho.training.recipe import Recipe
from coreecho.training.recorder import Keeping, Recorder
from coreecho.training.run_folder import RunFolder, check_is_free, find_data
from coreecho.training.stages import Stage, stages_of
from coreecho.training.state import RunState, load_state

if TYPE_CHECKING:
    from lightning_fabric import Fabric

log = logging.getLogger("coreecho")


def train(
    recipe: Recipe,
    *,
    data: Path,
    out: Path,
    dataset: str = USUAL_LAYOUT,
    options: Mapping[str, Any] | None = None,
    store: Path | None = None,
    hardware: Hardware | None = None,
    checkpoint_minutes: float = 5.0,
    show_progress: bool = False,
    tensorboard: bool = False,
    stop: Stop | None = None,
) -> RunFolder:
    """Train a model from the beginning.

    Takes over no signal and no random number of the program that calls it, and may be called in any thread.

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
        tensorboard: write TensorBoard's files as well.
        stop: asked after each step; when it is set, the state is saved and the run returned.

    Returns:
        The run. It is not finished when `stop` was set; `resume` goes on.

    Raises:
        RecipeError: the recipe does not fit the data, or `out` holds a run.
        DatasetError: the data set is not as its layout says.
        CheckpointError: the recipe's `init` weights are missing or do not fit.
        TrainingError: the loss is not finite, or the disk is full.
    """
    keeping = Keeping(checkpoint_minutes=checkpoint_minutes, show_progress=show_progress, tensorboard=tensorboard)
    hardware = hardware or Hardware()
    folder = RunFolder(out, recipe, find_data(dataset, data, recipe, store, options), info={})
    check_start(folder)
    check_clips(folder)
    check_splits(folder)
    check_targets(folder)
    fabric = build_fabric(hardware)
    model = _new_model(folder)
    state, began = _beginning(model, folder)
    # Before the run's folder is made: whatever is wrong with the clips or the disk then leaves nothing behind.
    if is_first_process():
        check_is_free(out, recipe)
    folder = decoded(folder, show_progress=show_progress)
    if is_first_process():
        folder = RunFolder.create(out, recipe, folder.data, hardware, left_out=folder.left_out)
    return _Run(folder, model, state, fabric, hardware, keeping, stop or Stop(), began).go()


def resume(
    run: Path,
    *,
    data: Path | None = None,
    store: Path | None = None,
    hardware: Hardware | None = None,
    checkpoint_minutes: float = 5.0,
    show_progress: bool = False,
    tensorboard: bool = False,
    stop: Stop | None = None,
    stage1_epochs: int | None = None,
    stage2_epochs: int | None = None,
) -> RunFolder:
    """Go on with a run that was stopped; on the CPU its final weights are bit for bit those of an unstopped run.

    A run, finished or not, is made longer by more epochs than it has; see `training/longer.py` for what that gives.

    Args:
        run: its folder.
        data: root of the data set where it has moved since.
        store: folder for the decoded frames where it has moved since.
        hardware: what to compute on; as before when not given.
        checkpoint_minutes: the longest time between two saved states.
        show_progress: show bars with the time left.
        tensorboard: write TensorBoard's files as well.
        stop: as for `train`.
        stage1_epochs: how many stage 1 shall have; as many as before when not given.
        stage2_epochs: how many stage 2 shall have; as many as before when not given.

    Raises:
        CheckpointError: not the folder of a run, or no state was saved.
        RecipeError: the data set is no longer the one that the run began with, or fewer epochs than before.
        BusyError: another process trains in the folder.
    """
    keeping = Keeping(checkpoint_minutes=checkpoint_minutes, show_progress=show_progress, tensorboard=tensorboard)
    folder = RunFolder.open(run, data=data, store=store)
    longer = longer_recipe(folder.recipe, stage1_epochs=stage1_epochs, stage2_epochs=stage2_epochs)
    if folder.is_finished and longer == folder.recipe:
        return folder
    folder.store(show_progress=show_progress)
    if not folder.has_the_same_data():
        raise RecipeError(
            f"The recordings, frames, labels or splits under {folder.data.root} are not those that {run} began with. "
            "Put the data back as they were, or start a new run."
        )
    if longer != folder.recipe:
        if is_first_process():
            with alone_in(folder.path, doing="training"):
                lengthen(folder, longer)
        # Anew: what it knows of its lesson and recordings goes back to the recipe.
        folder = RunFolder(folder.path, longer, folder.data, folder.info)
    hardware = hardware or folder.hardware
    fabric = build_fabric(hardware)
    model = _new_model(folder)
    if folder.state.exists():
        state, began = load_state(folder.state), ""
        _load_weights(model, state.model, folder.state)
    else:
        # Killed before the first state was saved: the beginning is a function of the recipe.
        state, began = _beginning(model, folder)
    return _Run(folder, model, state, fabric, hardware, keeping, stop or Stop(), began).go()


@dataclass
class _Run:
    """A run that is going on."""

    folder: RunFolder
    model: nn.Module
    state: RunState
    fabric: "Fabric"
    hardware: Hardware
    keeping: Keeping
    stop: Stop
    # From which weights, in words; empty where from random ones, and where it goes on.
    began: str = ""

    def go(self) -> RunFolder:
        """Go through the stages that are left."""
        recipe, is_first = self.folder.recipe, is_first_process()
        alone = alone_in(self.folder.path, doing="training") if is_first else nullcontext()
        with (
            alone,
            _logging_to(self.folder.path / "train.log") if is_first else nullcontext(),
            own_randomness(self.fabric.device),
            self.stop.heeded(),
        ):
            log.info("coreecho %s, recipe %s, seed %d", coreecho.__version__, recipe.name, recipe.seed)
            if is_first:
                self._say_where()
            if self.began:
                log.info(self.began)
                if is_first and self.keeping.show_progress:
                    tell(self.began)
            for split in dict.fromkeys(("train", recipe.select_on)):
                if count := self.folder.num_left_out(split):
                    needs = self.folder.lesson.needs
                    log.info("%d recordings of %s are left out: %s needs %s", count, split, recipe.objective, needs)
            for name, reasons in self.folder.info.get("left_out", {}).items():
                log.info("%s is left out: %s", readable(name), readable("; ".join(reasons)))
            self.fabric.launch()
            self.model = prepare_model(self.model, self.fabric)
            stages = stages_of(recipe)
            current = next(number for number, stage in enumerate(stages) if stage.name == self.state.stage)
            for stage in stages[current:]:
                if stage.name != self.state.stage:
                    self._enter(stage)
                if self._run_stage(stage):
                    log.info("stopped after step %d of %s", self.state.step, stage.name)
                    return self.folder
            if is_first:
                self.folder.info["is_finished"] = True
                self.folder.write_info()
        return self.folder

    def _say_where(self) -> None:
        """Keep the name of what it computes on: `auto` tells nobody later."""
        count, name = self.hardware.devices * self.hardware.nodes, device_name(self.fabric.device)
        where = name if count == 1 else f"{count} × {name}"
        log.info("on %s, %s", where, self.hardware.precision)
        known = self.folder.info.get("computed_on", ())
        if where not in known:
            self.folder.info["computed_on"] = [*known, where]
            self.folder.write_info()

    def _enter(self, stage: Stage) -> None:
        """Begin a stage from the weights that were kept of the one before."""
        path = self.folder.stage_weights(self.state.stage)
        if is_first_process():
            keep_stage(self.folder, self.state.stage)
        weights, _ = read_weights(path)
        _load_weights(self.model, weights, path)
        self.state.stage, self.state.step, self.state.optimizer = stage.name, 0, None

    def _run_stage(self, stage: Stage) -> bool:
        """Run what is left of the stage; return whether it was stopped before its end."""
        folder, recipe = self.folder, self.folder.recipe
        rank, world_size = self.fabric.global_rank, self.fabric.world_size
        recordings = folder.recordings("train")
        batches = TrainingBatches(
            [recording.id for recording in recordings],
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            stage=stage.number,
            epochs=stage.epochs,
            first_step=self.state.step,
            rank=rank,
            world_size=world_size,
            keep_last=recipe.keep_last_batch,
        )
        if not len(batches):
            return False
        on_gpu = self.fabric.device.type == "cuda"
        workers = self.hardware.workers if self.hardware.workers is not None else 4 * on_gpu
        recorder = Recorder(
            folder=folder,
            stage=stage,
            model=self.model,
            state=self.state,
            steps_per_epoch=batches.steps_per_epoch,
            fabric=self.fabric,
            keeping=self.keeping,
            is_mixed=self.hardware.is_mixed,
        )
        learned = training_examples(stage, recordings, folder.store(), folder.data)
        validated = Examples(
            recordings=folder.recordings(recipe.select_on), store=folder.store(), data=folder.data, seed=recipe.seed
        )
        with recorder.watching():
            return run_stage(
                stage,
                self.model,
                training_loader(stage, learned, batches, workers=workers, pin_memory=on_gpu),
                validation_loader(stage, validated, batch_size=recipe.batch_size, rank=rank, world_size=world_size),
                recorder,
                fabric=self.fabric,
                stop=self.stop,
            )


def _new_model(folder: RunFolder) -> nn.Module:
    """The network at its random weights: a function of the recipe and of what is to be learned."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(folder.recipe.seed)
        return folder.lesson.build_network(folder.recordings("train"))


def _load_weights(model: nn.Module, weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Put weights of a file into the model that the recipe describes.

    Raises:
        CheckpointError: they are of another model.
    """
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit the run's recipe: {str(error).splitlines()[-1].strip()}") from error


def _beginning(model: nn.Module, folder: RunFolder) -> tuple[RunState, str]:
    """Put the recipe's initial weights into a new model; the state before the first step, and a line on the weights."""
    recipe, began = folder.recipe, ""
    if not recipe.is_from_scratch:
        check_start(folder)
        began = folder.lesson.initialise(model, folder.lesson.start)
    return RunState(stage="stage1", step=0, model=model.state_dict(), optimizer=None), began


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Append the log of coreecho to a file while the body runs."""
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    except Exception as error:
        # With its traceback: what the caller prints of it is the message alone.
        log.exception("%s", error)
        raise
    except (KeyboardInterrupt, SystemExit):
        log.warning("stopped at once; the run goes on from its last saved state")
        raise
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        handler.close()

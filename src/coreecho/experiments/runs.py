"""Trainings that are begun, gone on with, or found done, and what they predict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from coreecho.datasets import Recording, Split
from coreecho.errors import RecipeError
from coreecho.evaluation import Clips, Protocol
from coreecho.evaluation.coverage import covered
from coreecho.evaluation.evaluate import predict
from coreecho.experiments.data import Data
from coreecho.experiments.table_file import Weights
from coreecho.inference.opening import open_subject
from coreecho.inference.subject import Subject
from coreecho.models.weights import hash_weights
from coreecho.progress import tell
from coreecho.shipped import is_default
from coreecho.stopping import Stop, Stopped
from coreecho.training.decoding import as_asked
from coreecho.training.hardware import Hardware
from coreecho.training.recipe import Recipe
from coreecho.training.run import resume, train
from coreecho.training.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How experiments are carried out; none of it changes what they find, but for rounding.

    Attributes:
        hardware: what trainings compute on; one device.
        batch_size: clips at once when a trained model is tested.
        show_progress: show bars with the time left.
        stop: asks trainings to stop where they can go on later.

    Raises:
        RecipeError: no clip at once, or several devices.
    """

    hardware: Hardware | None = None
    batch_size: int = 8
    show_progress: bool = False
    stop: Stop = field(default_factory=Stop, compare=False)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise RecipeError(f"`batch_size_test` is {self.batch_size}, expected at least 1.")
        if self.hardware is not None and self.hardware.devices * self.hardware.nodes > 1:
            # Between its trainings an experiment tests and pools, which every process would do, and write, again.
            raise RecipeError(
                f"`devices` x `nodes` is {self.hardware.devices} x {self.hardware.nodes}, expected 1: an experiment is "
                "many short trainings, each on one device. `coreecho train` takes several."
            )

    @property
    def device(self) -> str:
        """Where trained models are tested."""
        return "auto" if self.hardware is None else self.hardware.device


def finish_run(
    recipe: Recipe,
    data: Data,
    path: Path,
    execution: Execution,
    *,
    keeps_state: bool = False,
    keeping: Mapping[str, Any] | None = None,
) -> RunFolder:
    """Train a model, or go on with its training, or find it done.

    Args:
        recipe: the settings.
        data: to learn from.
        path: folder of the run.
        execution: on what.
        keeps_state: the state stays when the run is done, so that it can be made longer.
        keeping: what else `train` and `resume` are told of what they write, such as `tensorboard`.

    Raises:
        RecipeError: the folder holds a run of another recipe, from other weights or of other data.
        Stopped: it was asked to stop. Its state is saved; the same call goes on.
    """
    if (path / "run.json").exists():
        _check_same(RunFolder.open(path, data=data.root, store=data.store), recipe, data)
        run = resume(
            path,
            data=data.root,
            store=data.store,
            hardware=execution.hardware,
            show_progress=execution.show_progress,
            stop=execution.stop,
            **(keeping or {}),
        )
    else:
        run = train(
            recipe,
            data=data.root,
            out=path,
            dataset=data.dataset,
            options=data.options,
            store=data.store,
            hardware=execution.hardware,
            show_progress=execution.show_progress,
            stop=execution.stop,
            **(keeping or {}),
        )
    if not run.is_finished:
        if execution.show_progress:
            tell("Stopped. The same command goes on from here.")
        raise Stopped(execution.stop)
    if not keeps_state:
        # Of use to an unfinished run alone, and most of the folder: a table is dozens of them.
        run.state.unlink(missing_ok=True)
        run.stage_state("stage1").unlink(missing_ok=True)
    return run


def predictions_of(
    run: RunFolder,
    execution: Execution,
    *,
    split: Split = "test",
    clips: Clips = 3,
    start_index: Path | None = None,
    is_partial: bool = False,
    weights: Weights = "best",
) -> pd.DataFrame:
    """Predict a split by a finished run; once, since what it says stays in the run's folder.

    Args:
        run: finished.
        execution: on what.
        split: which recordings.
        clips: of each recording, as in `Protocol`.
        start_index: file of each recording's starts; goes before `clips`.
        is_partial: recordings that the start index lacks are left out.
        weights: the `best` of the run, or those with which its `stage1` ended.

    Returns:
        The table of `predictions_table`, with the columns patient, quality and ef_source of the recordings.
    """
    protocol = Protocol(split=split, clips=clips, start_index=start_index, is_partial=is_partial)
    return _predictions(subject_of(run, weights), protocol, run.recordings(split), execution)


def predictions_of_weights(
    weights: Path,
    data: Data,
    execution: Execution,
    *,
    split: Split = "test",
    clips: Clips = 3,
    start_index: Path | None = None,
) -> pd.DataFrame:
    """Predict a split by weights that were trained elsewhere, such as imported published ones.

    Args:
        weights: a file, or a run.
        data: to predict.
        execution: on what.
        split: which recordings.
        clips: as for `predictions_of`.
        start_index: as for `predictions_of`.

    Returns:
        As `predictions_of`.

    Raises:
        DatasetError: the model was trained on some of the recordings.
    """
    subject = open_subject(weights, data=data.root, dataset=data.dataset, store=data.store, options=data.options)
    recordings = subject.some_recordings(split)
    subject.check_overlap(recordings, split, show_progress=execution.show_progress)
    return _predictions(subject, Protocol(split=split, clips=clips, start_index=start_index), recordings, execution)


def _predictions(
    subject: Subject, protocol: Protocol, tested: Sequence[Recording], execution: Execution
) -> pd.DataFrame:
    recordings = covered(subject, protocol, tested)
    table = predict(
        subject,
        protocol,
        recordings,
        batch_size=execution.batch_size,
        device=execution.device,
        show_progress=execution.show_progress,
    )
    return _with_facts(table, recordings)


def subject_of(run: RunFolder, weights: Weights = "best") -> Subject:
    """A finished run as a model that can be asked; see `predictions_of`."""
    return Subject(weights=run.weights_of(weights), data=run.data, folder=run.path, run=run, run_on_data=run)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a table of predictions; names that look like numbers stay names, and numbers keep every digit."""
    names = {"recording": str, "patient": str, "quality": str, "ef_source": str}
    # The C engine of pandas before 3.1 rounds the last digit.
    return pd.read_csv(path, dtype=names, keep_default_na=False, na_values=[""], engine="python")


def patients_of(table: pd.DataFrame) -> list[str]:
    """The patient of each row; a recording without one is its own."""
    return table["patient"].fillna(table["recording"]).tolist()


def _with_facts(table: pd.DataFrame, recordings: Sequence[Recording]) -> pd.DataFrame:
    """Add what is known of the recordings besides their label."""
    by_id = {recording.id: recording for recording in recordings}
    known = [by_id[name] for name in table["recording"]]
    facts = {name: [getattr(recording, name) for recording in known] for name in ("patient", "quality", "ef_source")}
    return table.assign(**facts)


def _check_same(run: RunFolder, recipe: Recipe, data: Data) -> None:
    """Raises RecipeError: what is in the folder is not what is asked for."""
    stored, asked = run.recipe.to_mapping(), recipe.to_mapping()
    faults = [
        f"{name} is {stored[name]} there and {asked[name]} here"
        for name in asked
        if name != "init" and stored[name] != asked[name]
    ]
    if not _starts_alike(run, recipe):
        faults.append(f"it starts from other weights: init is {stored['init']} there and {asked['init']} here")
    if run.data.dataset != data.dataset:
        faults.append(f"the data set is {run.data.dataset} there and {data.dataset} here")
    elif _as_written(run.data.options) != _as_written(data.options):
        there, here = (as_asked(options) for options in (run.data.options, data.options))
        faults.append(f"its options are {there} there and {here} here")
    elif not run.has_the_same_data():
        faults.append(f"the recordings, labels or splits under {data.root} have changed since")
    if faults:
        raise RecipeError(f"{run.path} holds another training: {'; '.join(faults)}. Give another `--out`.")


def _as_written(options: Mapping[str, Any]) -> dict[str, str]:
    """Options of a loader as a command line has them: 48 and "48" are the same rate."""
    return {name: str(value) for name, value in as_asked(options).items()}


def _starts_alike(run: RunFolder, recipe: Recipe) -> bool:
    """Whether a run began with the recipe's initial weights, wherever they lay then."""
    began_with = run.info.get("init_sha256")
    if began_with is None or recipe.is_from_scratch:
        return run.recipe.init == recipe.init
    return bool(began_with == hash_weights(run.lesson.start if is_default(recipe.init) else recipe.init))

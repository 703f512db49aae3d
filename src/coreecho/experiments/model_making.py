"""Plan -> the files that ship: weights with their cards, the hearts that travel with them, and the record of both.

shipped/MODEL.safetensors       weights, with their card
shipped/MODEL.references.npz    hearts that the model has embedded
shipped/MODEL.calibration.json  what its intervals are made of
shipped/default-models.json     how each was made, and what was measured of it
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from coreecho.datasets.layout_names import USUAL_LAYOUT
from coreecho.errors import RecipeError
from coreecho.evaluation import Protocol
from coreecho.evaluation.calibrating import calibrate_subject
from coreecho.evaluation.ef_ranges import by_ef_range
from coreecho.evaluation.evaluate import Evaluation, evaluate
from coreecho.evaluation.measured_clips import Computing
from coreecho.evaluation.model_record import Figure, Made, Measured, ModelRecord, read_record, write_record
from coreecho.experiments.model_plan import (
    CalibrationEntry,
    ModelEntry,
    ModelPlan,
    ReferencesEntry,
    RunEntry,
    TestEntry,
    cohort_folder,
    run_folder,
)
from coreecho.experiments.runs import Execution, finish_run
from coreecho.files import alone_in, writing_into
from coreecho.inference.opening import open_subject
from coreecho.inference.subject import Subject
from coreecho.models.echo_model import EchoModel
from coreecho.models.segmenter import open_segmenter
from coreecho.models.segmenter_card import card_from_json
from coreecho.models.weights import load_model, read_state, save_state
from coreecho.representation.references import make_references, save_references
from coreecho.training.averaging import average_runs
from coreecho.training.hardware import Hardware
from coreecho.training.run_folder import RunFolder
from coreecho.trust import calibration_path, write_calibration
from coreecho.ventricle.gauging import OutlineGauge
from coreecho.ventricle.measuring import FIGURES
from coreecho.ventricle.run_measuring import VentricleProtocol, measure_dataset

RECORD = "default-models.json"
_TURNS = 5
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Where and how models are made.

    Attributes:
        plan: what is made.
        out: folder of phantoms, trainings and results.
        execution: what trainings compute on.
        commit: of the code, for cards and record.
        command: that makes them again, for the record.
        workers: processes that write phantoms; one for each core when not given.
        say: is told what is done.
    """

    plan: ModelPlan
    out: Path
    execution: Execution
    commit: str
    command: str
    workers: int | None = None
    say: Say = print

    @property
    def shipped(self) -> Path:
        """Where the files that ship are put."""
        return self.out / "shipped"

    def make(self, models: Sequence[str]) -> ModelRecord:
        """Make models from nothing, or from where an earlier call was stopped.

        Args:
            models: of the plan.

        Returns:
            The record of all that were ever made here.

        Raises:
            RecipeError: there is no such model, or what lies in the folder was made by another plan.
            BusyError: another process makes models in the same folder.
            Stopped: it was asked to stop; the same call goes on.
        """
        if unknown := [name for name in models if name not in self.plan.models]:
            raise RecipeError(
                f"The plan makes no {', '.join(unknown)}: it makes {', '.join(self.plan.models)}. Give one of these."
            )
        with writing_into(self.out), alone_in(self.out, doing="making models"):
            for cohort in self.plan.cohorts_of(models):
                self.say(f"Simulated hearts: {cohort}")
                self.plan.write_phantoms(
                    cohort, self.out, workers=self.workers, show_progress=self.execution.show_progress
                )
            for run in self.plan.runs_of(models):
                self.say(f"Training: {run}")
                entry = self.plan.runs[run]
                data = self.plan.data(entry.data, self.out, entry.options)
                finish_run(self.plan.recipe(run, self.out), data, run_folder(self.out, run), self._execution(entry))
            for name in models:
                self.say(f"Model: {name}")
                self._finish(name)
        return read_record(self.shipped / RECORD)

    def _execution(self, entry: RunEntry) -> Execution:
        """What a training computes on, and in which precision."""
        if entry.precision is None:
            return self.execution
        hardware = self.execution.hardware or Hardware()
        return replace(self.execution, hardware=replace(hardware, precision=entry.precision))

    def _finish(self, name: str) -> None:
        entry = self.plan.models[name]
        # What the model says of recordings is kept beside its weights, and does not ship.
        with writing_into(self.out / "weights"), writing_into(self.shipped):
            weights = self.out / "weights" / f"{name}.safetensors"
            self._export(name, entry, weights)
            record = ModelRecord(
                made=(self._made(name, entry, weights),),
                measured=tuple(self._measured(name, test, weights) for test in entry.tests),
            )
            if entry.references is not None:
                references = make_references(
                    self._subject(weights, entry.references),
                    entry.references.split,
                    count=entry.references.count,
                    show_progress=self.execution.show_progress,
                )
                save_references(self.shipped / f"{name}.references.npz", references)
            if entry.calibration is not None:
                how = Computing(device=self.execution.device, show_progress=self.execution.show_progress)
                subject = self._subject(weights, entry.calibration)
                calibrated = calibrate_subject(
                    subject,
                    split=entry.calibration.split,
                    tried_on=entry.calibration.tried_on,
                    computing=how,
                    outliner=self._outliner(entry.calibration),
                )
                write_calibration(calibration_path(self.shipped / weights.name), calibrated)
            shutil.copyfile(weights, self.shipped / weights.name)
            path = self.shipped / RECORD
            write_record(path, read_record(path).with_others(record) if path.is_file() else record)

    def _export(self, name: str, entry: ModelEntry, path: Path) -> None:
        """Write the weights with a card that says what they are and under which licence."""
        runs = self._runs(entry)
        # Short, since pictures and tables carry it; what it was made of stands in the record.
        source = f"{name} of coreecho (commit {self.commit})"
        state, card = average_runs(runs)
        save_state(path, state, replace(card, source=source, licence=entry.licence), storage=entry.storage)

    def _made(self, name: str, entry: ModelEntry, weights: Path) -> Made:
        card = card_from_json(read_state(weights)[1])
        trained = self.plan.runs_of([name])
        cohorts = {self.plan.runs[run].data: None for run in trained}
        return Made(
            model=name,
            commit=self.commit,
            phantoms=tuple(f"{cohort}: {self.plan.phantoms[cohort].words}" for cohort in cohorts),
            trainings=tuple(self._training_in_words(run) for run in trained),
            how=_how(entry),
            parameters=card.num_parameters,
            megabytes=round(weights.stat().st_size / 1e6, 2),
            seconds_a_clip=seconds_a_clip(load_model(weights)) if card.looks_at_clips else None,
        )

    def _training_in_words(self, name: str) -> str:
        run, entry = RunFolder.open(run_folder(self.out, name)), self.plan.runs[name]
        recipe = run.recipe
        start = "random weights" if entry.start is None else f"the training {entry.start}"
        epochs = f"{recipe.stage1_epochs}" + (f" + {recipe.stage2_epochs}" if recipe.stage2 else "")
        size = recipe.input.frame_size
        return (
            f"{name}: recipe {recipe.name}, seed {recipe.seed}, on {entry.data}, from {start}; {size} x {size} pixels; "
            f"{epochs} epochs in {run.hardware.precision}"
        )

    def _measured(self, name: str, test: TestEntry, weights: Path) -> Measured:
        folder = self.out / "measured" / name / f"{test.data}-{test.split}"
        reads_clips = card_from_json(read_state(weights)[1]).looks_at_clips
        against, count, figures = (self._read if reads_clips else self._outlined)(test, weights, folder)
        return Measured(
            model=name,
            on=test.title,
            hearts="phantom",
            against=against,
            count=count,
            figures=figures,
            command=self.command,
        )

    def _read(self, test: TestEntry, weights: Path, folder: Path) -> tuple[str, int, tuple[Figure, ...]]:
        """What numbers a model reads."""
        found = evaluate(
            self._subject(weights, test),
            Protocol(split=test.split),
            out=folder,
            batch_size=self.execution.batch_size,
            device=self.execution.device,
            show_progress=self.execution.show_progress,
        )
        return f"the true {found.task.noun}", len(found.predictions), figures_of(found)

    def _outlined(self, test: TestEntry, weights: Path, folder: Path) -> tuple[str, int, tuple[Figure, ...]]:
        """How it outlines ventricles."""
        found = measure_dataset(
            weights,
            cohort_folder(self.out, test.data),
            folder,
            dataset=USUAL_LAYOUT,
            protocol=VentricleProtocol(split=test.split),
            device=self.execution.device,
            # Of weights alone it cannot be said what they were trained on; the plan says it.
            allow_overlap=True,
            show_progress=self.execution.show_progress,
        )
        shown = [(*FIGURES[key][:2], interval) for key, interval in found.figures.items() if interval.is_defined]
        figures = tuple(
            Figure.of(label, unit, interval, digits=3 if not unit else 1) for label, unit, interval in shown
        )
        return "the true outlines", len(found.table), figures

    def _subject(self, weights: Path, data: TestEntry | ReferencesEntry | CalibrationEntry) -> Subject:
        root = cohort_folder(self.out, data.data)
        return open_subject(weights, data=root, dataset=USUAL_LAYOUT, options=dict(data.options))

    def _outliner(self, entry: CalibrationEntry) -> OutlineGauge | None:
        """What outlines ventricles for the gate: a model of the plan that is made before."""
        if entry.segmenter is None:
            return None
        path = self.shipped / f"{entry.segmenter}.safetensors"
        if not path.is_file():
            raise RecipeError(f"{path} is missing: the plan calibrates with {entry.segmenter}, which is made first.")
        return OutlineGauge(open_segmenter(path, self.execution.device), self.out / "weights" / "outlines")

    def _runs(self, entry: ModelEntry) -> list[RunFolder]:
        return [RunFolder.open(run_folder(self.out, run)) for run in entry.of]


def figures_of(found: Evaluation[Any]) -> tuple[Figure, ...]:
    """r, MAE and bias of an evaluation, and the bias in each range of the truth that has a name."""
    task, intervals = found.task, found.metrics.intervals
    unit = task.error_unit
    figures = [
        Figure.of("r", "", intervals["pearson"]),
        Figure.of("MAE", unit, intervals["mae"]),
        Figure.of("bias", unit, intervals["bias"], digits=1),
    ]
    if not task.range_edges:
        return tuple(figures)
    table = found.predictions
    ranges = by_ef_range(table[task.true_column], table[task.predicted_column], by="true", edges=task.range_edges)
    return (*figures, *(Figure.of(f"bias, {task.noun} {each.name}", unit, each.bias, digits=1) for each in ranges))


def seconds_a_clip(model: EchoModel) -> float:
    """How long one clip takes on one core: the best of a few, the one that other work disturbed least."""
    shown = model.model_input
    clip = torch.zeros(1, shown.num_frames, shown.frame_size, shown.frame_size, dtype=torch.uint8)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds = []
        with torch.inference_mode():
            for _ in range(_TURNS):
                started = time.perf_counter()
                model(clip)
                seconds.append(time.perf_counter() - started)
    finally:
        torch.set_num_threads(threads)
    return round(min(seconds), 4)


def _how(entry: ModelEntry) -> str:
    if len(entry.of) == 1:
        return f"the weights that the training {entry.of[0]} kept"
    return f"the mean of the weights of {len(entry.of)} trainings ({', '.join(entry.of)})"

"""Evaluates a run and leaves a folder that says all about it: predictions, metrics with intervals, and pictures.

predictions.csv   one row a study: study, ef_true, ef_predicted, clip_sd, num_clips
metrics.json      metrics with their intervals, and everything that they depend on; no date, so equal runs are equal
metrics.csv       the metrics as a table
scatter.png       predicted against true EF
bland_altman.png  their agreement
"""

import hashlib
import json
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import torch

import coreecho
from coreecho.datasets import Split, Study
from coreecho.errors import CoReEchoError, DatasetError, RecipeError
from coreecho.evaluation import Clips, EFMetrics, Metrics, compute_metrics, evaluate_studies
from coreecho.evaluation.intervals import DEFAULT_LEVEL, DEFAULT_RESAMPLES
from coreecho.files import write_whole
from coreecho.inference import find_device
from coreecho.models.echo_model import EchoModel
from coreecho.models.weights import load_model
from coreecho.report.evaluation_notes import ef_sources, frame_rate_note, notes_of
from coreecho.report.figures import NOTICE, bland_altman, scatter
from coreecho.training.run_folder import RunFolder, find_data
from coreecho.video.start_index import read_start_index


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a run is evaluated.

    Attributes:
        split: of the data set.
        clips: evenly placed clips of each study, or "all" for the whole video.
        step: source frames between the clips of "all"; None for the model's stride.
        start_index: file of each study's starts; goes before `clips`.
        resamples: of the bootstrap.
        level: of the intervals.
        seed: of the bootstrap.

    Raises:
        RecipeError: a value makes no sense, or two contradict each other.
    """

    split: Split = "test"
    clips: Clips = 3
    step: int | None = None
    start_index: Path | None = None
    resamples: int = DEFAULT_RESAMPLES
    level: float = DEFAULT_LEVEL
    seed: int = 0

    def __post_init__(self) -> None:
        faults = []
        if self.clips != "all" and (isinstance(self.clips, bool) or not isinstance(self.clips, int) or self.clips < 1):
            faults.append(f"clips is {self.clips!r}, expected a number of at least 1, or 'all'")
        if self.step is not None and (self.clips != "all" or self.start_index is not None):
            faults.append("step is given, and only clips='all' without a start index has a step")
        if self.step is not None and self.step < 1:
            faults.append(f"step is {self.step}, expected at least 1 frame")
        if self.resamples < 1:
            faults.append(f"resamples is {self.resamples}, expected at least 1")
        if not 0 < self.level < 1:
            faults.append(f"level is {self.level}, expected a share between 0 and 1 such as 0.95")
        if self.seed < 0:
            faults.append(f"seed is {self.seed}, expected at least 0")
        if faults:
            raise RecipeError("The evaluation does not hold together: " + "; ".join(faults) + ".")

    @property
    def name(self) -> str:
        """Short name for a folder: `test-3`, `test-all`, `test-all-step1`, `test-starts-NAME`."""
        if self.start_index is not None:
            return f"{self.split}-starts-{self.start_index.stem}"
        return f"{self.split}-{self.clips}" + ("" if self.step is None else f"-step{self.step}")

    @property
    def description(self) -> str:
        """In words: `TEST split, 3 clips a study`."""
        clips = (
            "the whole video" if self.clips == "all" else f"{self.clips} clip{'' if self.clips == 1 else 's'} a study"
        )
        if self.start_index is not None:
            clips = f"starts from {self.start_index.name}"
        return f"{self.split.upper()} split, {clips}"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What an evaluation found, and where it was written.

    Attributes:
        folder: with the files named above.
        predictions: one row a study.
        metrics: with their intervals.
        protocol: how they were made.
        is_phantom: whether the hearts are simulated.
        notes: what a reader of the metrics should know.
    """

    folder: Path
    predictions: pd.DataFrame
    metrics: EFMetrics
    protocol: Protocol
    is_phantom: bool
    notes: tuple[str, ...]


def evaluate_run(
    run: RunFolder,
    protocol: Protocol | None = None,
    *,
    data: Path | None = None,
    store: Path | None = None,
    out: Path | None = None,
    batch_size: int = 8,
    device: str = "auto",
    show_progress: bool = False,
) -> Evaluation:
    """Evaluate the best weights of a run, and write the result into its folder.

    Args:
        run: the run.
        protocol: how; the paper's three clips on the TEST split when not given.
        data: root of another data set of the run's layout; the run's own when not given.
        store: folder for the decoded frames; beside the data when not given.
        out: folder for the result; RUN/evaluation/<protocol> when not given.
        batch_size: clips at once.
        device: where to compute: "cpu", "gpu", "auto" (a GPU if there is one), "cuda:1".
        show_progress: show bars on stderr.

    Raises:
        DatasetError: the split is empty, has studies without EF, or the data set or start index is not as expected.
        CheckpointError: the run has no readable weights.
        RecipeError: a setting makes no sense, there is no such device, or the run reads no EF.
    """
    if run.recipe.target != "ef":
        raise RecipeError(f"{run.path} reads infarctions and no EF: `coreecho evaluate {run.path}` knows its metrics.")
    protocol = protocol or Protocol()
    split = predict_split(
        run,
        protocol,
        data=data,
        store=store,
        out=out,
        batch_size=batch_size,
        device=device,
        show_progress=show_progress,
    )
    metrics = compute_metrics(
        split.predictions["ef_true"],
        split.predictions["ef_predicted"],
        patients=split.patients,
        resamples=protocol.resamples,
        level=protocol.level,
        seed=protocol.seed,
    )
    evaluation = Evaluation(
        folder=split.folder,
        predictions=split.predictions,
        metrics=metrics,
        protocol=protocol,
        is_phantom=split.source.data.is_phantom,
        notes=split.notes,
    )
    write_evaluation(evaluation, split.provenance)
    return evaluation


@dataclass(frozen=True, kw_only=True)
class SplitPredictions:
    """What a run says of a split, before it is measured.

    Attributes:
        folder: for the result; made.
        source: the run, on the data that it is evaluated on.
        predictions: as `evaluate_studies` gives them.
        patients: of each row, as in `patients_of`.
        provenance: what the result depends on, JSON-able.
        notes: what a reader of the metrics should know.
    """

    folder: Path
    source: RunFolder
    predictions: pd.DataFrame
    patients: list[str] | None
    provenance: dict[str, Any]
    notes: tuple[str, ...]


def predict_split(
    run: RunFolder,
    protocol: Protocol,
    *,
    data: Path | None,
    store: Path | None,
    out: Path | None,
    batch_size: int,
    device: str,
    show_progress: bool,
) -> SplitPredictions:
    """Predict the studies of a split by the best weights of a run; arguments and errors as of `evaluate_run`."""
    source = run
    if data is not None and data.resolve() != run.data.root.resolve():
        found = find_data(run.data.dataset, data, run.recipe, store, run.data.options)
        source = RunFolder(run.path, run.recipe, found, run.info)
    studies = source.studies(protocol.split)
    if not studies:
        raise DatasetError(f"{source.data.root} has no study in its {protocol.split.upper()} split.")
    name = protocol.name if source is run else f"{protocol.name}-on-{_folder_name(source.data.root)}"
    folder = out or run.path / "evaluation" / name
    # A folder that cannot be written to should be known before the hours of prediction.
    _make_folder(folder)
    starts = None if protocol.start_index is None else read_start_index(protocol.start_index)
    model = load_model(run.path, device=find_device(device))
    frames = source.store(show_progress=show_progress)
    notes = notes_of(run, source, studies)
    if source is not run and not model.model_input.is_whole_beat:
        notes += frame_rate_note(frames, studies, model.card.trained_on if model.card else None)
    predictions = evaluate_studies(
        model,
        frames,
        studies,
        clips=protocol.clips,
        step=protocol.step,
        start_index=starts,
        batch_size=batch_size,
        show_progress=show_progress,
    )
    return SplitPredictions(
        folder=folder,
        source=source,
        predictions=predictions,
        patients=patients_of(studies),
        provenance=_provenance(run, source, protocol, model, studies),
        notes=notes,
    )


def _folder_name(root: Path) -> str:
    """Tell data sets apart whose folders have the same name."""
    root = root.resolve()
    return f"{root.name}-{hashlib.sha256(str(root.parent).encode()).hexdigest()[:6]}"


def write_evaluation(evaluation: Evaluation, provenance: dict[str, Any]) -> None:
    """Write the folder of an evaluation. Files appear whole, metrics.json last; an older result is replaced.

    Args:
        evaluation: what was found.
        provenance: what it depends on, JSON-able; goes into metrics.json.

    Raises:
        CoReEchoError: the disk is full, or the folder cannot be written to.
    """
    predictions, metrics, is_phantom = evaluation.predictions, evaluation.metrics, evaluation.is_phantom
    pictures: dict[str, Callable[[Path], None]] = {
        "scatter.png": lambda path: scatter(predictions, path, metrics=metrics, is_phantom=is_phantom),
        "bland_altman.png": lambda path: bland_altman(predictions, path, metrics=metrics, is_phantom=is_phantom),
    }
    head = head_of_document(evaluation.notes, is_phantom=is_phantom) | provenance
    write_result(evaluation.folder, predictions, metrics, head, pictures)


def head_of_document(notes: Sequence[str], *, is_phantom: bool) -> dict[str, Any]:
    """What every metrics.json begins with."""
    return {
        "result": "phantom result: simulated hearts" if is_phantom else "result on real hearts",
        "is_phantom": is_phantom,
        "notice": NOTICE,
        "notes": list(notes),
    }


def write_result(
    folder: Path,
    predictions: pd.DataFrame,
    metrics: Metrics,
    head: Mapping[str, Any],
    pictures: Mapping[str, Callable[[Path], None]],
) -> None:
    """Write predictions.csv, metrics.csv, pictures and metrics.json, whole; an older result is replaced.

    Args:
        folder: made where it is missing.
        predictions: one row a study.
        metrics: of them.
        head: what stands in metrics.json before the metrics.
        pictures: what draws each, by its name.

    Raises:
        CoReEchoError: the disk is full, or the folder cannot be written to.
    """
    document = {**head, **metrics.to_dict()}
    writers: dict[str, Callable[[Path], None]] = {
        "predictions.csv": lambda path: write_whole(path, predictions.to_csv(index=False)),
        "metrics.csv": lambda path: write_whole(path, metrics.to_frame().to_csv(index=False)),
        **pictures,
        "metrics.json": lambda path: write_whole(
            path, json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        ),
    }
    _make_folder(folder)
    try:
        # All is written in a hidden folder first: a full disk leaves the older result whole, not half of each.
        with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as staging:
            for name, write in writers.items():
                write(Path(staging, name))
            for name in writers:
                Path(staging, name).replace(folder / name)
    except OSError as error:
        raise CoReEchoError(
            f"The evaluation cannot be written to {folder}: {error.strerror or error}. "
            "Make room there, or give another folder with `--out`."
        ) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CoReEchoError(
            f"The folder {folder} for the evaluation cannot be made: {error.strerror or error}. "
            "Give another with `--out`."
        ) from error


def patients_of(studies: list[Study]) -> list[str] | None:
    """Whom each study is of, where the data set knows; else every study is resampled for itself."""
    if all(study.patient is None for study in studies):
        return None
    return [study.patient or f"study {study.id}" for study in studies]


def _provenance(
    run: RunFolder, source: RunFolder, protocol: Protocol, model: EchoModel, studies: list[Study]
) -> dict[str, Any]:
    """All that the metrics depend on, without dates."""
    start_index = protocol.start_index
    return {
        "recipe": run.recipe.name,
        "model": {
            "encoder": run.recipe.encoder,
            "num_parameters": sum(parameter.numel() for parameter in model.parameters()),
            "weights_sha256": sha256_of(run.best_weights),
            "training_seed": run.recipe.seed,
        },
        "data": {
            "dataset": source.data.dataset,
            "root": str(source.data.root),
            "ef_source": ef_sources(studies),
        },
        "protocol": {
            "split": protocol.split,
            "clips": None if start_index else protocol.clips,
            "step": model.model_input.stride if protocol.clips == "all" and not protocol.step else protocol.step,
            "start_index": start_index and {"file": start_index.name, "sha256": sha256_of(start_index)},
            "num_frames": model.model_input.num_frames,
            "stride": model.model_input.stride,
            "time": model.model_input.time,
            "padding": model.model_input.padding,
            "frame_size": model.model_input.frame_size,
        },
        "versions": {
            "coreecho": coreecho.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": str(torch.__version__),
            "matplotlib": matplotlib.__version__,
        },
    }


def sha256_of(path: Path) -> str:
    """Fingerprint of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""LV focus of a model over a data set, as a folder of files.

lv_focus.csv    one row a recording
lv_focus.json   the means with their intervals, and everything that they depend on
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from coreecho.datasets import Recording, Split, is_phantom_root, load_recordings, read_tracings
from coreecho.errors import CheckpointError, DatasetError
from coreecho.evaluation.intervals import DEFAULT_RESAMPLES, Interval
from coreecho.evaluation.kept_results import (
    data_fingerprint,
    find_kept,
    fingerprint_of,
    interval_from,
    write_kept,
)
from coreecho.evaluation.patients import patients_of
from coreecho.files import sha256_of, write_whole, writing_into
from coreecho.models.echo_model import EchoModel, ModelInput
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.saliency.encoder_levels import AUTO, choose_level
from coreecho.saliency.grad_cam import Evidence
from coreecho.saliency.lv_focus import MEANS, lv_focus_of_recordings, mean_lv_focus
from coreecho.saliency.ventricles import (
    KnownVentricle,
    has_simulated_ventricles,
    simulated_ventricle,
    traced_ventricle,
)
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import RunFolder, find_data
from coreecho.video.store import FrameStore

# Data sets whose readers traced the left ventricle in a layout that `read_tracings` knows.
TRACED_DATASETS = ("echonet",)
_DOCUMENT = "lv_focus.json"


@dataclass(frozen=True, kw_only=True)
class FocusProtocol:
    """How LV focus is measured.

    Attributes:
        split: of the data set.
        clips: of each recording, whose maps are averaged.
        level: see `choose_level`.
        evidence: see `grad_cam`.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """

    split: Split = "test"
    clips: int = 1
    level: str = AUTO
    evidence: Evidence = "positive"
    resamples: int = DEFAULT_RESAMPLES
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class DatasetExplanation:
    """What was found of a data set, and where it was written.

    Attributes:
        folder: with the files named above.
        table: one row a recording.
        means: by name, with intervals over the recordings in which LV focus is defined.
        is_phantom: the hearts are simulated.
    """

    folder: Path
    table: pd.DataFrame
    means: dict[str, Interval]
    is_phantom: bool


def explain_dataset(
    model: EchoModel,
    root: Path,
    out: Path,
    *,
    dataset: str = "echonet",
    store: Path | None = None,
    protocol: FocusProtocol | None = None,
    weights: Path | None = None,
    show_progress: bool = False,
) -> DatasetExplanation:
    """Measure LV focus over a split of a data set, and write the folder.

    Where the model's file of weights is given, a result that lies in the folder is used while it holds: the same
    weights, data, settings and version of coreecho.

    Args:
        model: on the device that shall compute.
        root: of the data set.
        out: the folder, made where it is missing.
        dataset: its layout.
        store: folder of its decoded frames; beside the data when not given.
        protocol: how; the middle clip over the traced frames of the TEST split when not given.
        weights: the file that the model was read from; its result is kept, and used again.
        show_progress: show bars on stderr.

    Raises:
        DatasetError: no tracings in this layout, an empty split, or LV focus is defined in no recording.
        RecipeError: no such level or evidence.
        CoReEchoError: the folder cannot be written.
    """
    protocol = protocol or FocusProtocol()
    shape = model.model_input
    level = choose_level(model.encoder, protocol.level, (shape.num_frames, shape.frame_size, shape.frame_size)).name
    if dataset not in TRACED_DATASETS:
        raise DatasetError(
            f"LV focus needs traced ventricles, and {dataset!r} has none that can be read here; "
            f"known: {', '.join(TRACED_DATASETS)}."
        )
    recordings = [recording for recording in load_recordings(dataset, root) if recording.split == protocol.split]
    if not recordings:
        raise DatasetError(f"{root} has no recording in its {protocol.split.upper()} split.")
    # A folder that cannot be made should be known before the hours of computing.
    with writing_into(out):
        pass
    frames = _open_store(dataset, root, store, model, show_progress)
    fingerprint = "" if weights is None else _fingerprint(weights, root, recordings, frames, dataset, level, protocol)
    if weights is not None and (kept := _kept_explanation(out, fingerprint)) is not None:
        return kept
    table = lv_focus_of_recordings(
        model,
        frames,
        recordings,
        _ventricles(root, frames, model.model_input, protocol.clips),
        level=level,
        evidence=protocol.evidence,
        show_progress=show_progress,
    )
    means = mean_lv_focus(table, patients=patients_of(recordings), resamples=protocol.resamples, seed=protocol.seed)
    explained = DatasetExplanation(folder=out, table=table, means=means, is_phantom=is_phantom_root(root))
    document = _document(explained, protocol, level, dataset, has_simulated_ventricles(root))
    with writing_into(out):
        write_whole(out / "lv_focus.csv", table.to_csv(index=False))
        write_kept(out / _DOCUMENT, document, fingerprint=fingerprint, files=["lv_focus.csv"])
    return explained


def _fingerprint(
    weights: Path,
    root: Path,
    recordings: Sequence[Recording],
    frames: FrameStore,
    dataset: str,
    level: str,
    protocol: FocusProtocol,
) -> str:
    return fingerprint_of(
        weights=sha256_of(weights),
        data=data_fingerprint(root, recordings, frames),
        has_truth=has_simulated_ventricles(root),
        dataset=dataset,
        protocol={**asdict(protocol), "level": level},
    )


def _kept_explanation(folder: Path, fingerprint: str) -> DatasetExplanation | None:
    """What lies in the folder, to the last bit; None where it does not hold."""
    document = find_kept(folder / _DOCUMENT, fingerprint=fingerprint)
    if document is None:
        return None
    # An id may look like a number, or like nothing.
    texts = pd.read_csv(folder / "lv_focus.csv", dtype=str, keep_default_na=False)
    numbers = texts.columns.difference(["recording", "reason", "num_frames"])
    table = texts.replace({name: {"": "nan"} for name in numbers}).astype(dict.fromkeys(numbers, float))
    return DatasetExplanation(
        folder=folder,
        table=table.astype({"num_frames": int}),
        means={name: interval_from(document[name]) for name in MEANS},
        is_phantom=document["is_phantom"],
    )


def store_of_run(model: Path, root: Path) -> Path | None:
    """Where a run keeps the decoded frames of its data set; None for weights that are no run, and for other data.

    Args:
        model: folder of a run, or a file of weights.
        root: of a data set.

    Raises:
        RecipeError: the run's recipe is damaged.
    """
    try:
        data = RunFolder.open(model).data
    except CheckpointError:
        return None
    return data.store if data.root.resolve() == root.resolve() else None


def _open_store(dataset: str, root: Path, folder: Path | None, model: EchoModel, show_progress: bool) -> FrameStore:
    """Decoded frames of all recordings of the data set, in the store that training uses."""
    source = find_data(dataset, root, Recipe(input=model.model_input), folder)
    sources = {recording.id: recording.path for recording in load_recordings(dataset, root)}
    return FrameStore.build(source.store, sources, frame_size=model.model_input.frame_size, show_progress=show_progress)


def _ventricles(
    root: Path, store: FrameStore, model_input: ModelInput, clips: int
) -> Callable[[Recording], KnownVentricle]:
    """Where each recording's ventricle is: from a phantom's truth where it was written, else as traced."""
    size = model_input.frame_size
    if has_simulated_ventricles(root):
        return lambda recording: simulated_ventricle(
            root, recording.id, store.num_frames(recording.id), model_input, size, clips
        )
    tracings = read_tracings(root)
    return lambda recording: traced_ventricle(
        tracings.get(recording.id.removesuffix(".avi"), {}), store.num_frames(recording.id), model_input, size, clips
    )


def _document(
    explained: DatasetExplanation, protocol: FocusProtocol, level: str, dataset: str, is_truth: bool
) -> dict[str, object]:
    table = explained.table
    undefined = table.loc[table["lv_focus"].isna(), ["recording", "reason"]]
    return {
        "result": f"phantom result: {PHANTOM_LABEL}" if explained.is_phantom else "result on real hearts",
        "is_phantom": explained.is_phantom,
        "notice": NOTICE,
        "definition": "share of the Grad-CAM energy inside the LV / share of the sector that the LV takes, over the "
        "frames of a recording in which the LV is known; mean over recordings",
        "lv_known_from": "simulated masks, all frames of the clips" if is_truth else "tracings at ED and ES",
        **{name: interval.to_dict() for name, interval in explained.means.items()},
        "num_recordings": len(table),
        "num_defined": int(table["lv_focus"].notna().sum()),
        "not_defined": [dict(row) for row in undefined.to_dict("records")],
        "protocol": {
            "dataset": dataset,
            "split": protocol.split,
            "clips": protocol.clips,
            "level": level,
            "evidence": protocol.evidence,
            "seed": protocol.seed,
        },
    }

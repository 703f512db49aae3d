"""LV focus of a model over recordings, as a folder of files.

lv_focus.csv    one row a recording
lv_focus.json   the means with their intervals, and everything that they depend on
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from coreecho.datasets import LAYOUTS, Recording
from coreecho.datasets.recording import Asked
from coreecho.errors import DatasetError
from coreecho.evaluation.intervals import DEFAULT_RESAMPLES, Interval
from coreecho.evaluation.kept_results import (
    data_fingerprint,
    find_kept,
    fingerprint_of,
    interval_from,
    write_kept,
)
from coreecho.evaluation.patients import patients_of
from coreecho.files import write_whole, writing_into
from coreecho.inference.overlap import Overlap
from coreecho.inference.subject import Subject
from coreecho.models.segmenter import Segmenter, hash_segmenter, open_segmenter
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.saliency.encoder_levels import AUTO, choose_level
from coreecho.saliency.grad_cam import Evidence
from coreecho.saliency.lv_focus import MEANS, lv_focus_of_recordings, mean_lv_focus
from coreecho.saliency.ventricles import (
    KnownVentricle,
    has_simulated_ventricles,
    outlined_ventricle,
    simulated_ventricle,
    traced_ventricle,
)

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

    split: Asked = "test"
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
        overlap_label: where the model was trained on some of the recordings.
    """

    folder: Path
    table: pd.DataFrame
    means: dict[str, Interval]
    is_phantom: bool
    overlap_label: str | None = None


def explain_dataset(
    subject: Subject,
    out: Path,
    *,
    protocol: FocusProtocol | None = None,
    device: str = "auto",
    allow_overlap: bool = False,
    segmenter: Path | str | None = None,
    show_progress: bool = False,
) -> DatasetExplanation:
    """Measure LV focus over a split of a data set, and write the folder.

    A result that lies in the folder is used while it holds: the same weights, data, settings and version of coreecho.

    Args:
        subject: the model, and the data set, whose ventricles are traced or simulated, or are outlined here.
        out: the folder, made where it is missing.
        protocol: how; the middle clip over the traced frames of the TEST split when not given.
        device: where to compute.
        allow_overlap: see `Subject.check_overlap`; the result then says so.
        segmenter: outlines the ventricles where the data do not say where they are.
        show_progress: show bars on stderr.

    Raises:
        DatasetError: no tracings in this layout, an empty split or one that the model was trained on, or LV focus is
            defined in no recording.
        RecipeError: no such level or evidence.
        CoReEchoError: the folder cannot be written.
    """
    protocol = protocol or FocusProtocol()
    outliner = None if segmenter is None or has_ventricles(subject) else open_segmenter(segmenter, device)
    if outliner is None:
        check_ventricles(subject)
    recordings = subject.some_recordings(protocol.split)
    # A folder that cannot be made should be known before the hours of computing.
    with writing_into(out):
        pass
    overlap = subject.check_overlap(recordings, protocol.split, allow=allow_overlap, show_progress=show_progress)
    model, frames, shape = subject.model(device), subject.store(show_progress=show_progress), subject.model_input
    level = choose_level(model.encoder, protocol.level, (shape.num_frames, shape.frame_size, shape.frame_size)).name
    outlined_by = None if segmenter is None or outliner is None else hash_segmenter(segmenter)
    fingerprint = _fingerprint(subject, recordings, level, protocol, overlap, outlined_by)
    if (kept := _kept_explanation(out, fingerprint)) is not None:
        return kept
    table = lv_focus_of_recordings(
        model,
        frames,
        recordings,
        _ventricles(subject, protocol.clips, outliner),
        level=level,
        evidence=protocol.evidence,
        show_progress=show_progress,
    )
    means = mean_lv_focus(table, patients=patients_of(recordings), resamples=protocol.resamples, seed=protocol.seed)
    explained = DatasetExplanation(
        folder=out, table=table, means=means, is_phantom=subject.is_phantom, overlap_label=overlap.label
    )
    document = _document(explained, protocol, level, _known_from(subject, outliner), subject)
    with writing_into(out):
        write_whole(out / "lv_focus.csv", table.to_csv(index=False))
        write_kept(out / _DOCUMENT, document, fingerprint=fingerprint, files=["lv_focus.csv"])
    return explained


def has_ventricles(subject: Subject) -> bool:
    """Whether the data say where the left ventricle is."""
    return LAYOUTS.get(subject.data.dataset).has_tracings(subject.data.root)


def check_ventricles(subject: Subject) -> None:
    """See that the data say where the left ventricle is. Raises DatasetError."""
    if not has_ventricles(subject):
        title = LAYOUTS.get(subject.data.dataset).title
        raise DatasetError(
            f"LV focus needs traced ventricles, and {subject.data.root}, in the layout of {title}, has none that can "
            "be read here. A segmenter outlines them: `--segmenter LV`, or `--segmenter default`."
        )


def _fingerprint(
    subject: Subject,
    recordings: Sequence[Recording],
    level: str,
    protocol: FocusProtocol,
    overlap: Overlap,
    outlined_by: str | None,
) -> str:
    return fingerprint_of(
        **({} if outlined_by is None else {"outlined_by": outlined_by}),
        weights=subject.weights_sha256,
        data=data_fingerprint(subject.data.root, recordings, subject.store()),
        has_truth=has_simulated_ventricles(subject.data.root),
        dataset=subject.data.dataset,
        overlap=overlap.label,
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
        overlap_label=document.get("overlap"),
    )


def _ventricles(subject: Subject, clips: int, outliner: Segmenter | None) -> Callable[[Recording], KnownVentricle]:
    """Where each recording's ventricle is: from a phantom's truth where it was written, as traced, or as outlined."""
    root, store, model_input = subject.data.root, subject.store(), subject.model_input
    size = model_input.frame_size
    if outliner is not None:
        return lambda recording: outlined_ventricle(outliner, store.frames(recording.id), model_input, clips)
    if any(recording.target_fps is not None for recording in subject.all_recordings):
        raise DatasetError(
            f"{root}: its recordings were brought to another frame rate (the option fps), and its tracings count the "
            "frames of the files. The focus on the ventricle can be had of data without that option."
        )
    if has_simulated_ventricles(root):
        return lambda recording: simulated_ventricle(
            root, recording.id, store.num_frames(recording.id), model_input, size, clips
        )
    tracings = LAYOUTS.get(subject.data.dataset).read_tracings(root)
    return lambda recording: traced_ventricle(
        tracings.get(recording.id, {}), store.num_frames(recording.id), model_input, size, clips
    )


def _known_from(subject: Subject, outliner: Segmenter | None) -> str:
    if outliner is not None:
        return f"outlines by {outliner.name}, all frames of the clips"
    if has_simulated_ventricles(subject.data.root):
        return "simulated masks, all frames of the clips"
    return "tracings at ED and ES"


def _document(
    explained: DatasetExplanation, protocol: FocusProtocol, level: str, known_from: str, subject: Subject
) -> dict[str, object]:
    table = explained.table
    undefined = table.loc[table["lv_focus"].isna(), ["recording", "reason"]]
    return {
        "result": f"phantom result: {PHANTOM_LABEL}" if explained.is_phantom else "result on real hearts",
        "is_phantom": explained.is_phantom,
        "notice": NOTICE,
        **({} if explained.overlap_label is None else {"overlap": explained.overlap_label}),
        "definition": "share of the Grad-CAM energy inside the LV / share of the sector that the LV takes, over the "
        "frames of a recording in which the LV is known; mean over recordings",
        "lv_known_from": known_from,
        **{name: interval.to_dict() for name, interval in explained.means.items()},
        "num_recordings": len(table),
        "num_defined": int(table["lv_focus"].notna().sum()),
        "not_defined": [dict(row) for row in undefined.to_dict("records")],
        "protocol": {
            "dataset": subject.data.dataset,
            "split": protocol.split,
            "clips": protocol.clips,
            "level": level,
            "evidence": protocol.evidence,
            "seed": protocol.seed,
        },
    }

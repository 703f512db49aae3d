"""End-diastole and end-systole as UVT reads them, beside the traced frames; and the EF of videos that it keeps.

phases.csv    one row a recording: crossings of zero, whether it is rejected, frames found, distances from the traced
phases.json   coverage, mean distances, and the error of EF over the recordings that are left
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from coreecho.datasets import LAYOUTS, Recording
from coreecho.errors import DatasetError, RecipeError
from coreecho.files import write_whole, writing_into
from coreecho.inference.subject import Subject
from coreecho.models.echo_model import EchoModel
from coreecho.models.evaluation_mode import evaluation_mode
from coreecho.names import counted
from coreecho.notices import NOTICE
from coreecho.progress import track
from coreecho.ventricle.agreement import FrameDistance, frame_distance, frame_offset
from coreecho.ventricle.phases import LEAST_CROSSINGS, find_phases


@dataclass(frozen=True, kw_only=True)
class PhaseResults:
    """What was found.

    Attributes:
        table: one row a recording.
        ed: distance of end-diastole from the traced frame, over recordings with tracings that are not rejected.
        es: of end-systole.
        ef_mae: mean absolute error of EF over the recordings that are not rejected; NaN where all are.
    """

    table: pd.DataFrame
    ed: FrameDistance
    es: FrameDistance
    ef_mae: float

    @property
    def coverage(self) -> float:
        """Share of the recordings that are not rejected."""
        return float((~self.table["is_rejected"]).mean())

    @property
    def num_rejected(self) -> int:
        """Recordings that the published evaluation leaves out."""
        return int(self.table["is_rejected"].sum())

    @property
    def note(self) -> str:
        """In one line."""
        told = (
            f"phases: {self.num_rejected} of {counted(len(self.table), 'recordings')} rejected, fewer than "
            f"{LEAST_CROSSINGS} crossings of zero"
        )
        if math.isnan(self.ef_mae):
            return f"{told}; so there is no EF and no distance to tell"
        distances = [
            f"{name} is {'not traced' if math.isnan(each.mean) else f'{each.mean:.2f} frames from the traced one'}"
            for name, each in (("ED", self.ed), ("ES", self.es))
        ]
        return f"{told}; EF of the others is off by {self.ef_mae:.2f}; {', '.join(distances)}"


def check_reads_phases(subject: Subject, device: str = "auto") -> EchoModel:
    """Give the model that reads phases. Raises RecipeError: it reads no signal of them, or does not see every frame."""
    model = subject.model(device)
    if not model.encoder.gives_phases or model.model_input.stride != 1:
        raise RecipeError("Phases are read by a UVT with a signal that sees every frame, as the recipe `uvt` has it.")
    return model


def measure_phases(
    subject: Subject,
    predictions: pd.DataFrame,
    recordings: Sequence[Recording],
    folder: Path,
    *,
    device: str = "auto",
    show_progress: bool = False,
) -> PhaseResults:
    """Read the phases of recordings over their whole length, and write them beside an evaluation.

    A video is seen as clips of the model's length, one after another, whose signals are joined; the last one is filled
    up with black frames, which are left out.

    Args:
        subject: a UVT with a signal, and the data.
        predictions: of EF, as the evaluation has them.
        recordings: of these predictions.
        folder: of the evaluation.
        device: where to compute.
        show_progress: show a bar on stderr.

    Raises:
        RecipeError: the model reads no signal of the phases, or sees frames that lie apart.
    """
    model = check_reads_phases(subject, device)
    store, traced = subject.store(show_progress=show_progress), _traced(subject)
    rows = []
    for recording in track(recordings, "Phases", disable=not show_progress, transient=True):
        found = find_phases(_signal(model, np.asarray(store.frames(recording.id))))
        ed, es = traced.get(recording.id, (None, None))
        rows.append(
            {
                "recording": recording.id,
                "num_crossings": found.num_crossings,
                "is_rejected": found.is_rejected,
                "ed_frames": " ".join(map(str, found.ed_frames)),
                "es_frames": " ".join(map(str, found.es_frames)),
                "ed_offset": None if ed is None else frame_offset(found.ed_frames, ed),
                "es_offset": None if es is None else frame_offset(found.es_frames, es),
                "is_traced": ed is not None,
            }
        )
    table = pd.DataFrame(rows)
    measured = _measured(table, predictions, subject)
    document = {
        "notice": NOTICE,
        "is_phantom": subject.is_phantom,
        "num_recordings": len(table),
        "num_rejected": measured.num_rejected,
        "coverage": measured.coverage,
        "ef_mae_of_covered": _known(measured.ef_mae),
        "ed_frames_from_traced": {name: _known(value) for name, value in asdict(measured.ed).items()},
        "es_frames_from_traced": {name: _known(value) for name, value in asdict(measured.es).items()},
    }
    with writing_into(folder):
        write_whole(folder / "phases.csv", table.to_csv(index=False))
        write_whole(folder / "phases.json", json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return measured


def _known(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else value


@torch.no_grad()
def _signal(model: EchoModel, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The signal of every frame of a video (T, S, S)."""
    length, device, encoder = model.model_input.num_frames, model.scale.device, cast(Any, model.encoder)
    parts = []
    with evaluation_mode(model):
        for start in range(0, len(frames), length):
            part = frames[start : start + length]
            clip = np.zeros((length, *frames.shape[1:]), dtype=np.uint8)
            clip[: len(part)] = part
            seen = model.normalise(torch.from_numpy(clip)[None].to(device))
            parts.append(encoder.outputs(seen).phases[0, : len(part)].cpu().double().numpy())
    return np.concatenate(parts)


def _traced(subject: Subject) -> dict[str, tuple[int, int]]:
    """ED and ES of the recordings that are traced; none where the data say nothing."""
    try:
        traces = LAYOUTS.get(subject.data.dataset).outlines(subject.data.root, traced_alone=True)
    except DatasetError:
        return {}
    ends = {recording.id: traces.ends(recording) for recording in subject.all_recordings}
    return {name: found for name, found in ends.items() if found is not None}


def _measured(table: pd.DataFrame, predictions: pd.DataFrame, subject: Subject) -> PhaseResults:
    counted = table[~table["is_rejected"] & table["is_traced"]]
    offsets: dict[str, list[Any]] = {
        name: [None if pd.isna(each) else int(each) for each in counted[name]] for name in ("ed_offset", "es_offset")
    }
    kept = predictions[predictions["recording"].isin(table.loc[~table["is_rejected"], "recording"])]
    errors = (kept[subject.task.output_column] - kept[subject.task.true_column]).abs()
    return PhaseResults(
        table=table,
        ed=frame_distance(offsets["ed_offset"]),
        es=frame_distance(offsets["es_offset"]),
        ef_mae=float(errors.mean()),
    )

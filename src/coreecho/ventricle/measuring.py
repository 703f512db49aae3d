"""How well left ventricles are outlined and beats found over a data set: recording by recording, and in all.

lv.csv     one row a recording
lv.json    Dice, distances of frames and errors of EF with their intervals, and what they depend on
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from coreecho.datasets.outlines import CAVITY, KnownOutlines
from coreecho.datasets.recording import Recording
from coreecho.errors import DatasetError, RecipeError, VideoError
from coreecho.evaluation.intervals import DEFAULT_RESAMPLES, Interval, bootstrap_intervals
from coreecho.inference.files import PredictionFailure
from coreecho.models.segmenter import Segmenter
from coreecho.names import printable
from coreecho.progress import track
from coreecho.ventricle.agreement import frame_offset
from coreecho.ventricle.beats import RangeRule
from coreecho.ventricle.segmentation import Segmentation
from coreecho.ventricle.segmenting import segment_video
from coreecho.ventricle.volume import Method, ejection_fraction
from coreecho.video.store import FrameStore
from coreecho.video.video import Video

Masks = NDArray[np.bool_]
# Is given what was found of one recording, whose id it has for a file's name.
Keep = Callable[[Segmentation | PredictionFailure], None]


@dataclass(frozen=True, kw_only=True)
class MeasuredVentricle:
    """One recording.

    Attributes:
        recording: its id.
        num_frames: of its video.
        num_outlined: frames in which the data set knows the outline that is compared.
        common: pixels that both masks have, over these frames.
        sizes: pixels of both masks together.
        common_ed: the same of the frame of end-diastole.
        sizes_ed: the same.
        common_es: of the frame of end-systole.
        sizes_es: the same.
        dice: 2 common / sizes.
        ed_offset: frames from the readers' end-diastole to the nearest one found; NaN where none was.
        es_offset: of end-systole, also those of beats that the clip cuts off.
        num_beats: complete ones.
        is_irregular: 1 or 0; NaN where that cannot be told.
        ef_percent: mean over the beats; NaN without one.
        ef_at_readers_frames: EF of the masks found at the readers' own ED and ES.
        ef_label: of the data set.
        reason: why it could not be segmented; empty where it was.
    """

    recording: str
    num_frames: int = 0
    num_outlined: int = 0
    common: int = 0
    sizes: int = 0
    common_ed: int = 0
    sizes_ed: int = 0
    common_es: int = 0
    sizes_es: int = 0
    dice: float = math.nan
    ed_offset: float = math.nan
    es_offset: float = math.nan
    num_beats: int = 0
    is_irregular: float = math.nan
    ef_percent: float = math.nan
    ef_at_readers_frames: float = math.nan
    ef_label: float = math.nan
    reason: str = ""


def compared_outline(segmenter: Segmenter, traces: KnownOutlines) -> str:
    """What Dice is of: the cavity, or of a data set that does not know it what else both know, such as the wall.

    Raises:
        RecipeError: there is nothing that both know.
    """
    known, outlined = traces.outlines, segmenter.network.outlines
    common = [CAVITY] if CAVITY in known else [name for name in known if name in outlined]
    if not common:
        raise RecipeError(
            f"The data set knows the {' and the '.join(known)}, and the model outlines the "
            f"{' and the '.join(outlined)}: there is nothing to compare. `coreecho train lv-outline` learns the cavity "
            "and the myocardium."
        )
    return common[0]


def measure_recordings(
    segmenter: Segmenter,
    store: FrameStore,
    recordings: Sequence[Recording],
    traces: KnownOutlines,
    *,
    outline: str = CAVITY,
    beats: RangeRule = "product",
    method: Method = "discs",
    is_phantom: bool = False,
    keep: Keep | None = None,
    show_progress: bool = False,
) -> pd.DataFrame:
    """Segment each recording, and compare it with what the data set knows.

    Args:
        segmenter: on the device that shall compute.
        store: decoded frames of all the recordings, of the segmenter's size.
        recordings: at least one.
        traces: where their ventricles are; recordings that it does not know have beats and an EF, and no Dice.
        outline: that is compared; see `compared_outline`.
        beats: how end-systole is told; see `find_end_systoles`.
        method: of the volumes.
        is_phantom: the hearts are simulated.
        keep: is given what was found of each recording, in order, or why nothing was; the pixels are gone after it.
        show_progress: show a bar with the time left, on stderr.

    Returns:
        One row a recording, in order, with the fields of `MeasuredVentricle` as columns.

    Raises:
        DatasetError: there is no recording, or what the data set knows cannot be read.
    """
    if not recordings:
        raise DatasetError("There is no recording to segment: the split is empty.")
    bar = track(recordings, "Segmenting", console=Console(stderr=True), disable=not show_progress, transient=True)
    rows = []
    for recording in bar:
        found = _segmented(segmenter, store, recording, beats, method, is_phantom=is_phantom)
        rows.append(asdict(_compared(found, segmenter, store, recording, traces, outline)))
        if keep is not None:
            keep(found)
    return pd.DataFrame(rows, columns=[field.name for field in fields(MeasuredVentricle)])


def _segmented(
    segmenter: Segmenter,
    store: FrameStore,
    recording: Recording,
    beats: RangeRule,
    method: Method,
    *,
    is_phantom: bool,
) -> Segmentation | PredictionFailure:
    """In the frames of the store, under the recording's id."""
    frames = np.asarray(store.frames(recording.id))
    try:
        video = Video(frames, recording.fps or store.fps(recording.id), recording.id, is_phantom=is_phantom)
        return segment_video(segmenter, video, recording.id, beats=beats, method=method)
    except VideoError as error:
        return PredictionFailure.of(recording.id, error)


def _compared(
    found: Segmentation | PredictionFailure,
    segmenter: Segmenter,
    store: FrameStore,
    recording: Recording,
    traces: KnownOutlines,
    outline: str,
) -> MeasuredVentricle:
    name, label = printable(recording.id), math.nan if recording.ef_percent is None else recording.ef_percent
    frames = np.asarray(store.frames(recording.id))
    if isinstance(found, PredictionFailure):
        return MeasuredVentricle(recording=name, num_frames=len(frames), ef_label=label, reason=found.error)
    known, ends = _known(traces, recording, outline, len(frames), store.frame_size)
    masks = found.frame_masks if outline == CAVITY else segmenter.masks(frames, outline=outline)
    volumes = found.curves[found.method].volumes
    ed, es = ends or (None, None)
    overall = _overlap(masks, known, list(known))
    at_ed, at_es = (_overlap(masks, known, [] if frame is None else [frame]) for frame in (ed, es))
    irregular = found.beats.is_irregular
    return MeasuredVentricle(
        recording=name,
        num_frames=len(frames),
        num_outlined=len(known),
        common=overall[0],
        sizes=overall[1],
        common_ed=at_ed[0],
        sizes_ed=at_ed[1],
        common_es=at_es[0],
        sizes_es=at_es[1],
        dice=2 * overall[0] / overall[1] if overall[1] else math.nan,
        ed_offset=_offset(found.ed_frames, ed),
        es_offset=_offset(found.beats.es_frames, es),
        num_beats=len(found.beats.beats),
        is_irregular=math.nan if irregular is None else float(irregular),
        ef_percent=math.nan if found.mean_ef_percent is None else found.mean_ef_percent,
        ef_at_readers_frames=math.nan if ends is None else ejection_fraction(*(float(volumes[each]) for each in ends)),
        ef_label=label,
    )


def _known(
    traces: KnownOutlines, recording: Recording, outline: str, num_frames: int, size: int
) -> tuple[dict[int, Masks], tuple[int, int] | None]:
    """An outline by frame, (S, S), and the frames of ED and ES."""
    if not traces.knows(recording):
        return {}, None
    frames = list(traces.frames(recording, num_frames))
    masks = traces.masks(recording, frames, num_frames, size)[:, traces.outlines.index(outline)]
    return dict(zip(frames, masks, strict=True)), traces.ends(recording)


def _overlap(masks: Masks, known: dict[int, Masks], frames: Sequence[int]) -> tuple[int, int]:
    """Pixels that both have, and those of both together, over frames in which the ventricle is known."""
    both = [(masks[frame], known[frame]) for frame in frames if frame in known]
    return sum(int((one & other).sum()) for one, other in both), sum(
        int(one.sum() + other.sum()) for one, other in both
    )


def _offset(found: Sequence[int], traced: int | None) -> float:
    offset = None if traced is None else frame_offset(found, traced)
    return math.nan if offset is None else float(offset)


# Of the table: a weighted figure over recordings.
_Figure = Callable[[pd.DataFrame, NDArray[np.float64]], NDArray[np.float64]]


def _pooled(common: str, sizes: str) -> _Figure:
    """Dice over all pixels of all frames, as EchoNet-Dynamic's."""
    return lambda table, counts: _ratio(
        counts @ (2.0 * table[common].to_numpy()), counts @ table[sizes].to_numpy(float)
    )


def _mean(values: Callable[[pd.DataFrame], "pd.Series[float]"]) -> _Figure:
    """Over the recordings in which it is known."""

    def figure(table: pd.DataFrame, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        numbers = values(table).to_numpy(float)
        is_known = np.isfinite(numbers)
        return _ratio(counts @ np.where(is_known, numbers, 0), counts @ is_known.astype(float))

    return figure


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)


FIGURES: dict[str, tuple[str, str, _Figure]] = {
    "dice": ("Dice, all known frames", "", _pooled("common", "sizes")),
    "dice_ed": ("Dice at ED", "", _pooled("common_ed", "sizes_ed")),
    "dice_es": ("Dice at ES", "", _pooled("common_es", "sizes_es")),
    "mean_dice": ("Dice, mean over recordings", "", _mean(lambda table: table["dice"])),
    "ed_distance": ("Distance of ED", "frames", _mean(lambda table: table["ed_offset"].abs())),
    "es_distance": ("Distance of ES", "frames", _mean(lambda table: table["es_offset"].abs())),
    "ef_mae": ("EF of beats, MAE", "points", _mean(lambda table: (table["ef_percent"] - table["ef_label"]).abs())),
    "ef_bias": ("EF of beats, bias", "points", _mean(lambda table: table["ef_percent"] - table["ef_label"])),
    "ef_at_readers_frames_mae": (
        "EF at the readers' frames, MAE",
        "points",
        _mean(lambda table: (table["ef_at_readers_frames"] - table["ef_label"]).abs()),
    ),
    "without_beat": ("Share without a beat", "", _mean(lambda table: (table["num_beats"] == 0).astype(float))),
}


def figures_of(
    table: pd.DataFrame, *, patients: Sequence[str] | None = None, resamples: int = DEFAULT_RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """All figures of a data set with 95 % bootstrap intervals over its recordings, or patients.

    Args:
        table: from `measure_recordings`.
        patients: (N,), whom each recording is of.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        By the names of `FIGURES`; NaN where the data set does not say.
    """

    def statistics(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([figure(table, counts) for _, _, figure in FIGURES.values()], axis=1)

    intervals = bootstrap_intervals(statistics, len(table), patients=patients, resamples=resamples, seed=seed)
    return dict(zip(FIGURES, intervals, strict=True))


def counts_of(table: pd.DataFrame) -> dict[str, Any]:
    """How many recordings the figures are of."""
    is_segmented = table["reason"] == ""
    return {
        "num_recordings": len(table),
        "num_segmented": int(is_segmented.sum()),
        "num_outlined": int((table["num_outlined"] > 0).sum()),
        "num_with_beats": int((table["num_beats"] > 0).sum()),
        "num_beats": int(table["num_beats"].sum()),
        "num_irregular": int((table["is_irregular"] == 1).sum()),
        "num_ed_unfound": int((is_segmented & (table["sizes_ed"] > 0) & table["ed_offset"].isna()).sum()),
        "num_es_unfound": int((is_segmented & (table["sizes_es"] > 0) & table["es_offset"].isna()).sum()),
    }

"""How much a model looks at the left ventricle: one number for a recording, and for a test set with its interval.

    LV focus = (share of the Grad-CAM energy that lies inside the LV) / (share of the sector that the LV takes)

1 is a model that looks everywhere in the sector alike; 2 looks twice as much at the LV as its size would give; looking
outside the sector lowers it, too. Energy is the sum of the map over pixels. Both shares are taken over the frames in
which the LV is known (see `ventricles.py`).
This is the claim of Maani et al. 2024, Fig. 3 ("reduced focus on backgrounds and more focus on the LV"), as a number.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coreecho.datasets import Recording
from coreecho.errors import DatasetError, VideoError
from coreecho.evaluation.intervals import DEFAULT_RESAMPLES, Interval, bootstrap_intervals
from coreecho.models.echo_model import EchoModel
from coreecho.names import printable
from coreecho.progress import track
from coreecho.saliency.encoder_levels import AUTO
from coreecho.saliency.grad_cam import Evidence
from coreecho.saliency.ventricles import KnownVentricle
from coreecho.saliency.video_explanation import explain_video
from coreecho.video.lit_sector import lit_sector
from coreecho.video.store import FrameStore

# The columns whose means are reported.
MEANS = ("lv_focus", "energy_in_lv", "lv_share_of_sector", "energy_in_sector")


@dataclass(frozen=True, kw_only=True)
class LVFocus:
    """LV focus of one recording, with its parts.

    Attributes:
        recording: its id.
        lv_focus: `energy_in_lv / lv_share_of_sector`; NaN where it is not defined.
        energy_in_lv: share of the map's energy inside the LV.
        lv_share_of_sector: pixels of the LV over pixels of the sector.
        energy_in_sector: share of the map's energy inside the sector; the rest lies on what is always black.
        num_frames: frames in which the LV is known.
        reason: why it is not defined; empty where it is.
    """

    recording: str
    lv_focus: float = math.nan
    energy_in_lv: float = math.nan
    lv_share_of_sector: float = math.nan
    energy_in_sector: float = math.nan
    num_frames: int = 0
    reason: str = ""


def focus_of_maps(
    recording: str, maps: NDArray[np.float32], ventricles: NDArray[np.bool_], sector: NDArray[np.bool_]
) -> LVFocus:
    """Measure maps against the LV.

    Args:
        recording: id.
        maps: (n, H, W), at least 0, of n frames.
        ventricles: (n, H, W), the LV in the same frames.
        sector: (H, W).
    """
    energy = maps.sum(dtype=np.float64)
    # The sector is found in the picture; what a reader traced belongs to it all the same.
    area = (ventricles | sector).sum()
    lv_share = float(ventricles.sum() / area) if area else 0.0
    if lv_share == 0:
        return LVFocus(recording=recording, num_frames=len(maps), reason="the traced LV holds no pixel")
    if energy == 0:
        return LVFocus(
            recording=recording,
            lv_share_of_sector=lv_share,
            num_frames=len(maps),
            reason="the map is zero everywhere: no evidence of this sign",
        )
    in_lv = float(maps[ventricles].sum(dtype=np.float64) / energy)
    return LVFocus(
        recording=recording,
        lv_focus=in_lv / lv_share,
        energy_in_lv=in_lv,
        lv_share_of_sector=lv_share,
        energy_in_sector=float((maps * (ventricles | sector)).sum(dtype=np.float64) / energy),
        num_frames=len(maps),
    )


def lv_focus_of_recording(
    model: EchoModel,
    frames: NDArray[np.uint8],
    ventricle: KnownVentricle,
    recording: str,
    *,
    level: str = AUTO,
    evidence: Evidence = "positive",
) -> LVFocus:
    """Measure one recording.

    Args:
        model: on the device that shall compute.
        frames: (F, S, S) uint8, of the model's frame size.
        ventricle: where the LV is, and the clips that see it there.
        recording: id.
        level: see `choose_level`.
        evidence: see `grad_cam`.

    Raises:
        VideoError: the video has no sector.
    """
    sector = lit_sector(frames, recording)
    explanation = explain_video(model, frames, ventricle.starts, level=level, evidence=evidence)
    return focus_of_maps(recording, explanation.at_frames(ventricle.frames), ventricle.masks, sector)


def lv_focus_of_recordings(
    model: EchoModel,
    store: FrameStore,
    recordings: Sequence[Recording],
    ventricle_of: Callable[[Recording], KnownVentricle],
    *,
    level: str = AUTO,
    evidence: Evidence = "positive",
    show_progress: bool = False,
) -> pd.DataFrame:
    """Measure a data set.

    Args:
        model: on the device that shall compute.
        store: decoded frames of all the recordings.
        recordings: at least one.
        ventricle_of: where the LV of a recording is; a VideoError of it says why that is not known.
        level: see `choose_level`.
        evidence: see `grad_cam`.
        show_progress: show a bar with the time left, on stderr.

    Returns:
        One row a recording, in order, with the fields of `LVFocus` as columns. Recordings in which it is not defined
        stay, with the reason.

    Raises:
        DatasetError: there is no recording.
    """
    if not recordings:
        raise DatasetError("There is no recording to explain: the split is empty.")
    rows = []
    bar = track(recordings, "Grad-CAM", disable=not show_progress, transient=True)
    for recording in bar:
        try:
            ventricle, frames = ventricle_of(recording), store.frames(recording.id)
            focus = lv_focus_of_recording(model, frames, ventricle, recording.id, level=level, evidence=evidence)
        except VideoError as error:
            focus = LVFocus(recording=recording.id, reason=str(error))
        rows.append(asdict(replace(focus, recording=printable(focus.recording))))
    return pd.DataFrame(rows, columns=[field.name for field in fields(LVFocus)])


def mean_lv_focus(
    table: pd.DataFrame, *, patients: Sequence[str] | None = None, resamples: int = DEFAULT_RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Mean over the recordings in which it is defined, with a 95 % bootstrap interval over recordings (or patients).

    Args:
        table: from `lv_focus_of_recordings`.
        patients: (N,), whom each recording is of; each recording is resampled for itself when not given.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        By column: `lv_focus`, `energy_in_lv`, `lv_share_of_sector`, `energy_in_sector`.

    Raises:
        DatasetError: it is not defined in any recording; says why, for the first.
    """
    is_defined = table["lv_focus"].notna().to_numpy()
    if not is_defined.any():
        first = table.iloc[0]
        raise DatasetError(
            f"LV focus is not defined in any of {len(table)} recordings; the first, {first['recording']}: "
            f"{first['reason']}."
        )
    values = table.loc[is_defined, list(MEANS)].to_numpy(dtype=np.float64)
    of_recordings = (
        None if patients is None else [name for name, kept in zip(patients, is_defined, strict=True) if kept]
    )

    def means(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(counts @ values / counts.sum(axis=1, keepdims=True))

    intervals = bootstrap_intervals(means, len(values), patients=of_recordings, resamples=resamples, seed=seed)
    return dict(zip(MEANS, intervals, strict=True))


def lv_focus_difference(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    patients: Sequence[str] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Mean LV focus of a second model minus that of a first, over the recordings in which both are defined, paired.

    Args:
        first: from `lv_focus_of_recordings`.
        second: of the same recordings, in any order.
        patients: (N,), whom each recording of the first is of.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        None where the recordings are not the same, or none is defined in both.
    """
    before, after = (table.set_index("recording")["lv_focus"] for table in (first, second))
    if set(before.index) != set(after.index):
        return None
    difference = (after.loc[before.index] - before).to_numpy(dtype=np.float64)
    is_defined = np.isfinite(difference)
    if not is_defined.any():
        return None
    kept = None if patients is None else [name for name, keep in zip(patients, is_defined, strict=True) if keep]

    def mean(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(counts @ difference[is_defined, None] / counts.sum(axis=1, keepdims=True))

    (interval,) = bootstrap_intervals(mean, int(is_defined.sum()), patients=kept, resamples=resamples, seed=seed)
    return interval

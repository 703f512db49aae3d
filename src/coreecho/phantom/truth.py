"""All that is true of a recording, for those who want to check a claim: masks, volumes, latent variables."""

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.phantom.contours import Outline
from coreecho.phantom.picture import FRAME_SIZE
from coreecho.phantom.simulation import RecordingPlan
from coreecho.phantom.wall_motion import SEGMENT_NUMBERS

Floats = NDArray[np.floating[Any]]

# Labels of the masks, as in CAMUS.
LV_LABEL = 1
MYOCARDIUM_LABEL = 2


def label_frame(plan: RecordingPlan, frame: int) -> NDArray[np.uint8]:
    """Mask (112, 112) of a frame: 0 background, 1 cavity of the left ventricle, 2 its myocardium."""
    labels = np.zeros((FRAME_SIZE, FRAME_SIZE), dtype=np.uint8)
    outer = plan.epicardium(frame)
    # Pixels away from the outline need no look, and those of the cavity lie inside of it.
    columns, rows = (_covered(ends) for ends in plan.to_pixels(*outer.polygon(), frame))
    places = np.arange(columns.start, columns.stop, dtype=float)[None, :], np.arange(rows.start, rows.stop)[:, None]
    x_mm, z_mm = plan.to_heart(*plan.view.from_pixels(*places), frame)
    inside = _is_inside(outer, x_mm, z_mm)
    in_cavity = _is_inside(plan.endocardium(frame), x_mm[inside], z_mm[inside])
    labels[rows, columns][inside] = np.where(in_cavity, LV_LABEL, MYOCARDIUM_LABEL)
    return labels


def _covered(places: Floats) -> slice:
    """The pixels between the smallest and the largest of some places along an axis, and one more at each end."""
    first, last = math.floor(places.min()) - 1, math.ceil(places.max()) + 2
    return slice(min(max(first, 0), FRAME_SIZE), min(max(last, 0), FRAME_SIZE))


def _is_inside(outline: Outline, x_mm: Floats, z_mm: Floats) -> NDArray[np.bool_]:
    first, last = outline.depth[0], outline.depth[-1]
    between = (z_mm >= first) & (z_mm <= last)
    # The levels are even, so that a place's neighbours are known without a search.
    steps = len(outline.depth) - 1
    place = np.maximum((z_mm - first) * (steps / (last - first)), 0.0)
    above = np.minimum(place.astype(np.intp), steps - 1)
    share = place - above
    septal = outline.septal_x[above] + share * np.diff(outline.septal_x)[above]
    lateral = outline.lateral_x[above] + share * np.diff(outline.lateral_x)[above]
    return np.asarray(between & (x_mm >= septal) & (x_mm <= lateral))


def frame_truth(plan: RecordingPlan) -> dict[str, NDArray[Any]]:
    """What is true frame by frame: labels (T, 112, 112), and (T,) volumes, movements and valve opening."""
    motion = plan.motion
    frames = range(motion.num_frames)
    return {
        "labels": np.stack([label_frame(plan, frame) for frame in frames]),
        "volume_ml": motion.volume_ml,
        "shortening_mm": motion.shortening_mm,
        "valve_opening": motion.valve_opening,
        "shift_x_mm": motion.shift_x_mm,
        "shift_z_mm": motion.shift_z_mm,
        "rotation_rad": motion.rotation_rad,
        "ed_frame": np.array(motion.ed_frame),
        "es_frame": np.array(motion.es_frame),
        "mm_per_pixel": np.array(plan.view.mm_per_pixel),
    }


def frame_masks(plan: RecordingPlan) -> dict[str, NDArray[Any]]:
    """What segmentation is trained from: labels (T, 112, 112) uint8, volumes (T,) in mL, frames of ED and ES."""
    motion = plan.motion
    return {
        "labels": np.stack([label_frame(plan, frame) for frame in range(motion.num_frames)]),
        "volume_ml": motion.volume_ml.astype(np.float32),
        "ed_frame": np.array(motion.ed_frame),
        "es_frame": np.array(motion.es_frame),
        "mm_per_pixel": np.array(plan.view.mm_per_pixel),
    }


def latents(plan: RecordingPlan) -> dict[str, str | float | int]:
    """All latent variables of a recording in one flat record; `ef_percent` is the true one, whatever the label says.

    `beat_starts_s` is a JSON list: the beats that start within the video, in seconds from its first frame.
    """
    motion, rhythm = plan.motion, plan.motion.rhythm
    starts = rhythm.starts_s
    shown = starts[(starts >= 0.0) & (starts < motion.num_frames / plan.facts.fps)]
    record: dict[str, str | float | int] = {
        "ef_percent": motion.ef_percent,
        "edv_ml": motion.edv_ml,
        "esv_ml": motion.esv_ml,
        "ed_frame": motion.ed_frame,
        "es_frame": motion.es_frame,
        "rhythm": rhythm.kind,
        "beat_starts_s": json.dumps([round(float(start), 4) for start in shown]),
        "labelled_beat_s": float(starts[rhythm.labelled]),
        "isovolumic_contraction_s": rhythm.isovolumic_contraction_s,
        "ejection_s": rhythm.ejection_s,
        "isovolumic_relaxation_s": rhythm.isovolumic_relaxation_s,
        "rapid_filling_share": rhythm.rapid_filling_share,
        "atrial_share": rhythm.atrial_share,
        "mm_per_pixel": plan.view.mm_per_pixel,
    }
    wall = plan.anatomy.wall_motion
    record |= {"infarct_territory": wall.territory, "infarct_kind": wall.kind, "apex_to_base": wall.apex_to_base}
    record |= {contractility_key(name): float(wall.segments.get(name, 1.0)) for name in SEGMENT_NUMBERS}
    for part in (plan.facts, plan.anatomy, plan.view, motion.sway):
        values = asdict(part)
        record |= {name: value for name, value in values.items() if name not in record and _is_cell(value)}
    for wide in (plan.view.framing, plan.view.layers, plan.view.echoes if plan.view.layers else None):
        if wide is not None:
            # Dots, since some names are those of the view as well.
            values = {f"{type(wide).__name__.lower()}.{name}": value for name, value in asdict(wide).items()}
            record |= {name: value if _is_cell(value) else "" for name, value in values.items()}
    return record


def contractility_key(segment: str) -> str:
    """The column of a segment's contractility (1 is normal): contractility_ and its name."""
    return f"contractility_{segment.replace(' ', '_')}"


def _is_cell(value: object) -> bool:
    return isinstance(value, str | int | float)

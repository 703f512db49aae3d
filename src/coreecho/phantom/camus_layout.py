"""Phantoms in the layout of CAMUS's NIfTI release: half beats of differing sizes, with graded quality."""

import gzip
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Image
from numpy.typing import NDArray

from coreecho.errors import DatasetError
from coreecho.files import write_whole
from coreecho.phantom.avi import PHANTOM_COMMENT
from coreecho.phantom.cohort import recording_generator
from coreecho.phantom.cohort_folder import make_card, write_cohort
from coreecho.phantom.enlargement import enlarge, enlarge_labels
from coreecho.phantom.settings import PhantomSettings
from coreecho.phantom.simulation import RecordingPlan, plan_recording, render_recording
from coreecho.phantom.stand_in import StandIn
from coreecho.phantom.truth import label_frame
from coreecho.phantom.view import View, draw_view

# Another scanner than EchoNet-Dynamic's; of each video only half a beat is kept.
CAMUS_SETTINGS = PhantomSettings(scanner="C", min_frames=28, max_frames=60)
# Typed in part only.
_IMAGE: Any = Nifti1Image
# CAMUS has 500 patients, whose official folds go by name.
MAX_RECORDINGS = 500
# Patients are named this far apart, so that a dozen of them lie in all ten folds already.
_NAME_STRIDE = 181
# Twice the pixel of CAMUS (0.308 mm): a quarter of the bytes, and still finer than the simulator's own.
_SPACING_MM = 0.616
# Stream of random numbers for the second recording; the simulator itself uses 0 to 7.
_SECOND_VIEW = 101
_SECOND_INDEX = 1 << 40
# What is left of the right heart where the image plane passes it by. The formulas divide by both, so not 0.
_NO_VENTRICLE_MM, _NO_ATRIUM_RATIO = 0.5, 0.02
# Upper limits of `_badness` for Good and Medium, so that of scanner C's views 35 % are Good and 19 % Poor, as in CAMUS.
_GOOD_BELOW, _MEDIUM_BELOW = -0.61, 2.25
# In about 2 % of CAMUS's sequences ES comes first: here in every 50th patient, from the 8th on.
_BACKWARD_PERIOD, _BACKWARD_PLACE = 50, 7
_NOTES = (
    "2CH is a recording of its own, without the right heart. The simulated left ventricle is round about its axis, so "
    "both views cut it alike; segments that 4CH does not show are not simulated.",
    "The contours label the left ventricle (1) and its myocardium (2), not the left atrium.",
)


@dataclass(frozen=True, kw_only=True)
class _Recording:
    """Half a beat in one file: frames (T, H, W), and the masks of its first and its last frame, (H, W)."""

    frames: NDArray[np.uint8]
    first_labels: NDArray[np.uint8]
    last_labels: NDArray[np.uint8]


def write_camus_phantoms(
    out: Path,
    *,
    recordings: int,
    seed: int,
    settings: PhantomSettings = CAMUS_SETTINGS,
    workers: int | None = None,
    show_progress: bool = False,
) -> None:
    """Write a cohort of simulated patients in the layout of CAMUS, and phantom.json.

    By default the patients are seen by scanner C, which differs from EchoNet-Dynamic's in texture, contrast, gain,
    depth and frame rate, so that the transfer of a model is a real question. Same settings and seed, same bytes.

    Args:
        out: the folder; made if it is missing. An interrupted cohort is continued.
        recordings: patients, 1 to 500.
        seed: 0 to 2^63 - 1.
        settings: of the cohort.
        workers: processes; the default is one for each core that this process may use, fewer for few recordings.
        show_progress: draw a progress bar on stderr.

    Raises:
        DatasetError: a number is out of range, the folder holds something else, or it cannot be written.
    """
    if recordings > MAX_RECORDINGS:
        raise DatasetError(f"phantoms for {out}: {recordings} recordings; CAMUS has at most {MAX_RECORDINGS} patients.")
    write_cohort(
        out,
        make_card("CAMUS", recordings, seed, settings, _NOTES),
        partial(_write_patient, settings, seed, out / "database_nifti"),
        tasks=lambda: range(recordings),
        workers=workers,
        show_progress=show_progress,
    )


STAND_IN = StandIn(folder="camus", write=write_camus_phantoms, seed=1, recordings=120, few=60, settings=CAMUS_SETTINGS)


def _write_patient(settings: PhantomSettings, seed: int, folder: Path, index: int) -> None:
    """Write both views of one patient, unless an interrupted run has written them."""
    name = f"patient{index * _NAME_STRIDE % MAX_RECORDINGS + 1:04d}"
    plan = plan_recording(settings, seed, index, "TRAIN")
    (folder / name).mkdir(parents=True, exist_ok=True)
    for chamber, shown in (("4CH", plan), ("2CH", two_chamber_recording(plan))):
        info = folder / name / f"Info_{chamber}.cfg"
        if not info.is_file():
            is_backward = index % _BACKWARD_PERIOD == _BACKWARD_PLACE
            num_frames = _write_images(folder / name / f"{name}_{chamber}", shown, is_backward)
            # The Info file comes last, and so stands for all.
            write_whole(info, _info_text(shown, num_frames, is_backward))


def two_chamber_recording(plan: RecordingPlan) -> RecordingPlan:
    """The same heart with the same beats in an apical two-chamber view: left ventricle and left atrium alone.

    Between the two views the probe was moved: its place, the speckle and the noise are others.
    """
    generator = recording_generator(plan.seed, plan.facts.index, _SECOND_VIEW)
    view = draw_view(plan.settings, plan.facts, plan.anatomy, generator, plan.scanner)
    anatomy = replace(
        plan.anatomy,
        rv_width_mm=_NO_VENTRICLE_MM,
        rv_wall_mm=_NO_VENTRICLE_MM,
        moderator_mm=0.0,
        right_atrium_ratio=_NO_ATRIUM_RATIO,
    )
    facts = replace(plan.facts, index=plan.facts.index + _SECOND_INDEX)
    return replace(plan, anatomy=anatomy, view=view, facts=facts)


def _write_images(stem: Path, plan: RecordingPlan, is_backward: bool) -> int:
    recording = _record(plan)
    frames = recording.frames[::-1] if is_backward else recording.frames
    images = {
        "half_sequence": frames,
        "ED": recording.frames[0],
        "ES": recording.frames[-1],
        "ED_gt": recording.first_labels,
        "ES_gt": recording.last_labels,
    }
    for kind, image in images.items():
        write_whole(stem.with_name(f"{stem.name}_{kind}.nii.gz"), _nifti(image))
    return len(frames)


def _record(plan: RecordingPlan) -> _Recording:
    """The frames from ED to ES, enlarged to CAMUS's kind of pixel and cut to the sector's width."""
    first, last = plan.motion.ed_frame, plan.motion.es_frame
    small = np.stack(list(islice(render_recording(plan), last + 1))[first:])
    side = round(small.shape[1] * plan.view.mm_per_pixel / _SPACING_MM)
    columns = np.flatnonzero(small.any(axis=(0, 1)))
    cut = slice(int(columns[0]), int(columns[-1]) + 1)
    width = round((cut.stop - cut.start) * plan.view.mm_per_pixel / _SPACING_MM)
    ends = [np.ascontiguousarray(label_frame(plan, frame)[:, cut]) for frame in (first, last)]
    return _Recording(
        frames=np.stack([enlarge(np.ascontiguousarray(frame[:, cut]), side, width) for frame in small]),
        first_labels=enlarge_labels(ends[0], side, width),
        last_labels=enlarge_labels(ends[1], side, width),
    )


def _nifti(image: NDArray[np.uint8]) -> bytes:
    """A compressed NIfTI file, columns first as in CAMUS; the same bytes for the same picture."""
    spacing = np.diag([_SPACING_MM, _SPACING_MM, 1.0, 1.0])
    volume = _IMAGE(np.ascontiguousarray(image.T), spacing)
    volume.header["descrip"] = PHANTOM_COMMENT
    # Speckle hardly compresses: at level 9 a file is 1 % smaller and takes three times as long.
    return gzip.compress(volume.to_bytes(), compresslevel=1, mtime=0)


def _info_text(plan: RecordingPlan, num_frames: int, is_backward: bool) -> str:
    # Half of the patients are men; ages spread as among those who are sent for an echocardiogram. Neither is visible.
    generator = recording_generator(plan.seed, plan.facts.index % _SECOND_INDEX, _SECOND_VIEW + 1)
    sex, age = "FM"[int(generator.integers(2))], int(np.clip(generator.normal(63, 16), 18, 95))
    ends = (num_frames, 1) if is_backward else (1, num_frames)
    # Like EchoNet's phantoms: the label may carry a reader's error. The release states whole numbers.
    ef_percent = round(min(max(plan.motion.ef_percent + plan.facts.label_error, 1.0), 97.0))
    lines = [
        f"ED: {ends[0]}",
        f"ES: {ends[1]}",
        f"NbFrame: {num_frames}",
        f"Sex: {sex}",
        f"Age: {age}",
        f"ImageQuality: {grade_quality(plan.view)}",
        f"EF: {ef_percent}",
        f"FrameRate: {plan.facts.fps:.1f}",
    ]
    return "\n".join(lines) + "\n"


def grade_quality(view: View) -> str:
    """Grade a view as a reader would, by what stands between the probe and the heart: Good, Medium or Poor."""
    badness = _badness(view)
    return "Good" if badness < _GOOD_BELOW else "Medium" if badness < _MEDIUM_BELOW else "Poor"


def _badness(view: View) -> float:
    """Noise, clutter, dropout at both sides and shadow, each about in units of its own spread."""
    return (
        (view.noise_db + 44.0) / 3.1
        + (view.haze_db + 15.0) / 3.7
        + (view.lateral_dropout_db - 5.7) / 3.9
        + (view.septal_dropout_db - 10.8) / 3.4
        + view.shadow_db / 10.0
    )

"""Phantoms in the layout of HMC-QU: whole screens, MI decided by the wall's motion, a sheet a view, and masks.

Every heart would have a normal EF. An infarct takes from it what its part of the wall no longer ejects, less what the
rest of the wall makes up for: it is seen where the wall does not move, and leaves its trace in the EF.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from coreecho.errors import DatasetError
from coreecho.files import write_whole
from coreecho.phantom.anatomy import draw_anatomy
from coreecho.phantom.avi import write_mjpeg_avi
from coreecho.phantom.camus_layout import two_chamber_recording
from coreecho.phantom.cohort import RecordingFacts, draw_facts, ef_score, median_edv_ml, recording_generator, scanner_of
from coreecho.phantom.cohort_folder import make_card, write_cohort
from coreecho.phantom.enlargement import enlarge, enlarge_labels
from coreecho.phantom.motion import simulate_motion
from coreecho.phantom.picture import FRAME_SIZE
from coreecho.phantom.rhythm import Rhythm
from coreecho.phantom.settings import PhantomSettings
from coreecho.phantom.simulation import RecordingPlan, render_recording
from coreecho.phantom.stand_in import StandIn
from coreecho.phantom.truth import MYOCARDIUM_LABEL, label_frame
from coreecho.phantom.view import View, draw_view
from coreecho.phantom.wall_motion import TERRITORIES, WallMotion
from coreecho.phantom.xlsx import workbook_bytes

# An older machine than EchoNet-Dynamic's.
HMC_QU_SETTINGS = PhantomSettings(scanner="B")
VIEW_NAME, SECOND_VIEW_NAME = "A4C", "A2C"
MASK_FOLDER = "LV Ground-truth Segmentation Masks"
MASK_SIZE = 224
# Six segments of the view, in the order of HMC-QU's sheet.
SEGMENTS = (3, 9, 14, 16, 12, 6)
# Of A2C. Its inferior wall stands where the septum does in A4C, and its anterior wall where the lateral one does.
SECOND_SEGMENTS = (4, 10, 15, 13, 7, 1)
_PLACES = (
    "basal inferoseptal",
    "mid inferoseptal",
    "apical septal",
    "apical lateral",
    "mid anterolateral",
    "basal anterolateral",
)
# What a coronary artery supplies of A2C (Cerqueira et al. 2002), by these places.
_SECOND_TERRITORIES = {
    "LAD": ("apex", "apical lateral", "mid anterolateral", "basal anterolateral"),
    "LCx": (),
    "RCA": ("basal inferoseptal", "mid inferoseptal", "apical septal"),
}
# HMC-QU: 25 frames per second, 422 x 636 pixels, 93 of 162 clips with MI, masks for about two of three.
FPS = 25.0
SCREEN_HEIGHT, SCREEN_WIDTH = 422, 636
_MI_SHARE = 93 / 162
_UNMASKED_PERIOD = 3
# The sector on the screen: below the text and above the ECG, all of which the published centre crop leaves out.
_SECTOR_TOP, _SECTOR_SIDE = 18, 368
_SECTOR_LEFT = (SCREEN_WIDTH - _SECTOR_SIDE) // 2
# A sweep of the ECG fills the width of the screen, and takes longer than any of these clips.
_ECG_ROW, _ECG_HEIGHT, _SWEEP_S = 414, 22.0, 4.0
_INK = 190
_TICK_SPACING_MM = 10.0
# Waves P, Q, R, S and T: seconds from the start of a beat, width in seconds, height relative to R.
_WAVES = ((-0.15, 0.025, 0.12), (-0.03, 0.008, -0.12), (-0.01, 0.009, 1.0), (0.015, 0.009, -0.22), (0.27, 0.045, 0.25))
# Streams of random numbers; the simulator itself uses 0 to 7, CAMUS's layout 101 and 102.
_ANATOMY, _MOTION, _VIEW, _INFARCT = 111, 112, 113, 114
# The video's length in mean cycles, so that one fits wherever the labelled beat begins.
_CYCLES = 2.4
# HMC-QU's cycles are 22 frames long in the mean, so its hearts beat slower than the usual cohort's.
_RATE_SHARE = 0.9
# EF in percent of healthy adults, mean and sd (Lang et al. 2015: 62 +- 5 in men, 64 +- 5 in women).
_HEALTHY_EF = (63.0, 5.0)
# What the rest of the wall makes up for, of what an infarct takes.
_COMPENSATION = (0.3, 0.9)
_CONTRACTILITY = {"hypokinetic": 0.35, "akinetic": 0.0}
_ONE_VIEW = "Only A4C is simulated."
_NOTES = "Hearts are healthy but for the infarct, which lowers their EF."


@dataclass(frozen=True, kw_only=True)
class _SheetRow:
    """A row of A4C.xlsx; frames count from 1."""

    name: str
    labels: tuple[str, ...]
    reference_frame: int
    end_of_cycle: int
    has_mask: bool


def write_hmc_qu_phantoms(
    out: Path,
    *,
    recordings: int,
    seed: int,
    two_views: bool = False,
    settings: PhantomSettings = HMC_QU_SETTINGS,
    workers: int | None = None,
    show_progress: bool = False,
) -> None:
    """Write a cohort of simulated patients in the layout of HMC-QU: A4C/*.avi, A4C.xlsx, masks, and phantom.json.

    With two views also A2C/*.avi and A2C.xlsx: the same hearts with the same infarcts, as far as A2C shows the walls
    that their arteries supply.

    By default the patients are seen by scanner B, an older machine than EchoNet-Dynamic's: coarser, harder, deeper.
    Same settings and seed, same bytes.

    Args:
        out: the folder; made if it is missing. An interrupted cohort is continued.
        recordings: patients.
        seed: 0 to 2^63 - 1.
        two_views: write A2C as well.
        settings: of the cohort; the number of frames and what is burned in follow the layout instead.
        workers: processes; the default is one for each core that this process may use, fewer for few recordings.
        show_progress: draw a progress bar on stderr.

    Raises:
        DatasetError: a number is out of range, the folder holds something else, or it cannot be written; or the
            difficulty is `clinic`, whose diseases this layout's labels do not know.
    """
    if settings.is_clinic:
        raise DatasetError(
            f"phantoms for {out}: HMC-QU's labels know infarcts in healthy hearts alone, and difficulty is 'clinic'; "
            "expected easy or standard."
        )
    write_cohort(
        out,
        make_card("HMC-QU", recordings, seed, settings, _NOTES if two_views else (_ONE_VIEW, *_NOTES)),
        partial(_write_patient, settings, seed, out, (VIEW_NAME, SECOND_VIEW_NAME) if two_views else (VIEW_NAME,)),
        tasks=lambda: range(recordings),
        finish=partial(_write_sheets, out),
        workers=workers,
        show_progress=show_progress,
    )


STAND_IN = StandIn(
    folder="hmc-qu",
    write=write_hmc_qu_phantoms,
    seed=2,
    # More than HMC-QU's 109 with masks: from 44 training clips no model learned to tell an infarct.
    recordings=600,
    few=40,
    settings=HMC_QU_SETTINGS,
)


def plan_patient(settings: PhantomSettings, seed: int, index: int) -> RecordingPlan:
    """Draw and simulate everything about a patient but the pictures."""
    facts = draw_facts(settings, seed, index, "TRAIN")
    facts, wall_motion = _infarct(facts, recording_generator(seed, index, _INFARCT))
    facts = replace(facts, heart_rate_bpm=_RATE_SHARE * facts.heart_rate_bpm)
    num_frames = int(np.ceil(_CYCLES * 60.0 / facts.heart_rate_bpm * FPS))
    facts = replace(facts, fps=FPS, num_frames=num_frames)
    anatomy = replace(draw_anatomy(facts, recording_generator(seed, index, _ANATOMY)), wall_motion=wall_motion)
    motion = simulate_motion(
        facts,
        anatomy,
        recording_generator(seed, index, _MOTION),
        pose_scale=settings.nuisance_scale,
        is_steady=settings.is_steady,
    )
    scanner = scanner_of(settings, seed, index)
    return RecordingPlan(
        facts=facts,
        anatomy=anatomy,
        motion=motion,
        view=draw_view(settings, facts, anatomy, recording_generator(seed, index, _VIEW), scanner),
        scanner=scanner,
        settings=replace(settings, overlay="none"),
        seed=seed,
    )


def second_view(plan: RecordingPlan) -> RecordingPlan:
    """The same heart with the same beats and the same infarct in an apical two-chamber view."""
    shown = two_chamber_recording(plan)
    wall = plan.anatomy.wall_motion
    contractility = min(wall.segments.values(), default=1.0)
    segments = dict.fromkeys(_SECOND_TERRITORIES.get(wall.territory, ()), contractility)
    anatomy = replace(shown.anatomy, wall_motion=replace(wall, segments=segments))
    # The same stream as the first view's: rhythm and volumes are the heart's, and only the wall's shape is another.
    motion = simulate_motion(
        plan.facts,
        anatomy,
        recording_generator(plan.seed, plan.facts.index, _MOTION),
        pose_scale=plan.settings.nuisance_scale,
        is_steady=plan.settings.is_steady,
    )
    return replace(shown, anatomy=anatomy, motion=motion)


def _infarct(facts: RecordingFacts, generator: np.random.Generator) -> tuple[RecordingFacts, WallMotion]:
    """Give a recording a healthy heart, and perhaps an infarct with what it takes from the EF."""
    chance, spread, slope, made_up_for = generator.random(4)
    territory, kind = str(generator.choice(list(TERRITORIES))), str(generator.choice(list(_CONTRACTILITY)))
    ef_percent = float(np.clip(generator.normal(*_HEALTHY_EF), 50.0, 76.0))
    wall_motion = WallMotion(apex_to_base=float(0.35 * slope - 0.05))
    if chance < _MI_SHARE:
        contractility = _CONTRACTILITY[kind] + 0.2 * (float(spread) - 0.5)
        segments = dict.fromkeys(TERRITORIES[territory], contractility)
        wall_motion = replace(wall_motion, segments=segments, territory=territory, kind=kind)
        compensation = float(np.interp(made_up_for, (0.0, 1.0), _COMPENSATION))
        ef_percent *= 1.0 - (1.0 - compensation) * wall_motion.lost_share
    # A fresh infarct has had no time to dilate the heart, whatever the EF that was drawn first.
    edv_ml = facts.edv_ml * median_edv_ml(_HEALTHY_EF[0]) / median_edv_ml(facts.ef_percent)
    return replace(facts, ef_percent=ef_percent, ef_score=ef_score(ef_percent), edv_ml=edv_ml), wall_motion


def _write_patient(
    settings: PhantomSettings, seed: int, out: Path, views: tuple[str, ...], index: int
) -> dict[str, _SheetRow]:
    """Write one patient's clips and masks, unless an interrupted run has written them; by view, rows of the sheets."""
    plan = plan_patient(settings, seed, index)
    return {view: _write_view(plan if view == VIEW_NAME else second_view(plan), out, view, index + 1) for view in views}


def _write_view(plan: RecordingPlan, out: Path, view: str, number: int) -> _SheetRow:
    # The original's names hold spaces in two ways.
    chambers = f"{view[1]}CH"
    name = f"ES{number:06d} N_{chambers}_1" if number % 5 == 0 else f"ES{number:04d} _{chambers}_1"
    first, last = cycle_frames(plan)
    has_mask = number % _UNMASKED_PERIOD != 0
    for folder in (view, MASK_FOLDER):
        (out / folder).mkdir(parents=True, exist_ok=True)
    clip, masks = out / view / f"{name}.avi", out / MASK_FOLDER / f"Mask_{name}.mat"
    if not clip.is_file():
        write_mjpeg_avi(clip, _screens(plan, last + 2), FPS)
    if has_mask and not masks.is_file():
        write_whole(masks, _mat_bytes(np.stack([_wall_mask(plan, frame) for frame in range(first, last + 1)])))
    return _SheetRow(
        name=name,
        labels=tuple(_labels(plan.anatomy.wall_motion)),
        reference_frame=first + 1,
        end_of_cycle=last + 1,
        has_mask=has_mask,
    )


def cycle_frames(plan: RecordingPlan) -> tuple[int, int]:
    """The first and the last frame of the labelled beat, counted from 0: from its ED to the next."""
    rhythm = plan.motion.rhythm
    last = int(rhythm.starts_s[rhythm.labelled + 1] * FPS)
    return plan.motion.ed_frame, min(max(last, plan.motion.es_frame + 2), plan.motion.num_frames - 1)


def _labels(wall_motion: WallMotion) -> Iterator[str]:
    """Of the six segments that a view shows, in the order of its sheet, which is that of their places."""
    for place in _PLACES:
        yield "MI" if wall_motion.segments.get(place, 1.0) < 0.7 else "non-MI"


def _screens(plan: RecordingPlan, num_frames: int) -> Iterator[NDArray[np.uint8]]:
    """The frames as a scanner shows them, (422, 636): the sector amid ticks, text and a running ECG."""
    background = _background(plan.view, plan.facts.heart_rate_bpm)
    ecg = _ecg_rows(plan.motion.rhythm, plan.motion.num_frames / FPS)
    for frame, small in enumerate(islice(render_recording(plan), num_frames)):
        image = Image.fromarray(background)
        drawn = int(frame / FPS / _SWEEP_S * SCREEN_WIDTH) + 2
        ImageDraw.Draw(image).line([(column, int(row)) for column, row in enumerate(ecg[:drawn])], fill=_INK)
        screen = np.array(image)
        sector = enlarge(small, _SECTOR_SIDE, _SECTOR_SIDE)
        place = screen[_SECTOR_TOP : _SECTOR_TOP + _SECTOR_SIDE, _SECTOR_LEFT : _SECTOR_LEFT + _SECTOR_SIDE]
        place[sector > 0] = sector[sector > 0]
        yield screen


def _background(view: View, heart_rate_bpm: float) -> NDArray[np.uint8]:
    """Depth ticks at the right, and text at the top: what stands still."""
    picture = np.zeros((SCREEN_HEIGHT, SCREEN_WIDTH), dtype=np.uint8)
    depths = np.arange(_TICK_SPACING_MM, view.depth_mm, _TICK_SPACING_MM)
    _, rows = view.to_pixels(np.zeros_like(depths), depths)
    for depth, row in zip(depths, rows, strict=True):
        length = 10 if depth % (5 * _TICK_SPACING_MM) == 0 else 5
        at = _SECTOR_TOP + round(float(row + 0.5) * _SECTOR_SIDE / FRAME_SIZE)
        picture[min(at, SCREEN_HEIGHT - 1), SCREEN_WIDTH - 24 : SCREEN_WIDTH - 24 + length] = _INK
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default_imagefont()
    pen.text((8, 6), "CoReEcho phantom", fill=_INK, font=font)
    pen.text((8, 20), f"HR {round(heart_rate_bpm)}  {round(view.depth_mm / 10)} cm", fill=_INK, font=font)
    return np.array(image)


def _ecg_rows(rhythm: Rhythm, duration_s: float) -> NDArray[np.intp]:
    """The row of the ECG in each column that its sweep reaches, from the left."""
    time_s = np.arange(int(duration_s / _SWEEP_S * SCREEN_WIDTH) + 1) * _SWEEP_S / SCREEN_WIDTH
    signal = np.zeros_like(time_s)
    for offset, width, height in _WAVES:
        since = time_s[:, None] - rhythm.starts_s[None, :] - offset
        signal += height * np.exp(-0.5 * np.square(since / width)).sum(axis=1)
    return np.clip(np.round(_ECG_ROW - _ECG_HEIGHT * signal), 0, SCREEN_HEIGHT - 1).astype(np.intp)


def _wall_mask(plan: RecordingPlan, frame: int) -> NDArray[np.uint8]:
    """The wall of the left ventricle on the screen, squashed to 224 x 224: 0 or 1."""
    wall = (label_frame(plan, frame) == MYOCARDIUM_LABEL).astype(np.uint8)
    screen = np.zeros((SCREEN_HEIGHT, SCREEN_WIDTH), dtype=np.uint8)
    place = screen[_SECTOR_TOP : _SECTOR_TOP + _SECTOR_SIDE, _SECTOR_LEFT : _SECTOR_LEFT + _SECTOR_SIDE]
    place[:] = enlarge_labels(wall, _SECTOR_SIDE, _SECTOR_SIDE)
    return enlarge_labels(screen, MASK_SIZE, MASK_SIZE)


def _mat_bytes(masks: NDArray[np.uint8]) -> bytes:
    """A MATLAB 5 file with `predicted` (F, 224, 224); its first 116 bytes are a text, which SciPy dates."""
    packed = io.BytesIO()
    # Its stubs know file names alone.
    save: Any = scipy.io.savemat
    save(packed, {"predicted": masks}, do_compression=True)
    return b"MATLAB 5.0 MAT-file, CoReEcho phantom".ljust(116) + packed.getvalue()[116:]


def _write_sheets(out: Path, patients: list[dict[str, _SheetRow]]) -> None:
    """Write the sheet of each view."""
    for view, numbers in ((VIEW_NAME, SEGMENTS), (SECOND_VIEW_NAME, SECOND_SEGMENTS)):
        if view in patients[0]:
            _write_sheet(out / f"{view}.xlsx", numbers, [patient[view] for patient in patients])


def _write_sheet(path: Path, numbers: tuple[int, ...], rows: list[_SheetRow]) -> None:
    """Write a sheet: two header rows of merged cells; the ticks are letters, drawn as ticks by the font Wingdings."""
    segments = [f"SEG{number}" for number in numbers]
    upper = ["ECHO", "LABEL", *[None] * 5, "One cardiac-cycle frames", None, "LV Wall Ground-truth Segmentation Masks"]
    lower = [None, *segments, "Reference Frame", "End of Cycle", None]
    cells: list[list[str | int | None]] = [
        [row.name, *row.labels, row.reference_frame, row.end_of_cycle, "ü" if row.has_mask else "û"] for row in rows
    ]
    merged = ("A1:A2", "B1:G1", "H1:I1", "J1:J2")
    write_whole(path, workbook_bytes([upper, lower, *cells], merged))

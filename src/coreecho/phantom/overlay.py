"""What a scanner burns into the picture outside of the sector: depth ticks, text, an ECG."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from coreecho.phantom.cohort import RecordingFacts
from coreecho.phantom.picture import FRAME_SIZE, Framing
from coreecho.phantom.rhythm import Rhythm
from coreecho.phantom.settings import PhantomSettings
from coreecho.phantom.view import View

Floats = NDArray[np.floating[Any]]

_GREY = 150
_TICK_SPACING_MM = 50.0
# Where the bracket beside the sector begins and ends, and dots beside it, as shares of the frame's height.
_BRACKET = (0.38, 0.56)
_DOTS = (0.2, 0.74)
# One sweep of the ECG fills the width of the picture.
_SWEEP_S = 3.0
_ECG_ROW = 104
_ECG_HEIGHT = 9.0
# The waves of the ECG: seconds from the start of a beat, width in seconds, height relative to R.
_WAVES = ((-0.15, 0.025, 0.12), (-0.03, 0.008, -0.12), (-0.01, 0.009, 1.0), (0.015, 0.009, -0.22), (0.27, 0.045, 0.25))


class BurnedIn:
    """The background of every frame of a recording.

    Args:
        settings: say what is burned in.
        view: gives the depth.
        facts: give the heart rate that is printed.
        rhythm: gives the beats of the ECG.
    """

    def __init__(self, settings: PhantomSettings, view: View, facts: RecordingFacts, rhythm: Rhythm) -> None:
        self._background = np.zeros((FRAME_SIZE, FRAME_SIZE), dtype=np.uint8)
        self._fps = facts.fps
        self._ecg: Floats | None = None
        if view.framing is not None and view.framing.mark_column is not None:
            self._draw_marks(view, view.framing, view.framing.mark_column)
        if settings.has_ticks:
            self._draw_ticks(view)
        if settings.has_texts:
            self._draw_text(view, facts)
            time_s = np.arange(facts.num_frames * FRAME_SIZE) * self._seconds_per_column
            self._ecg = _ecg(rhythm, time_s[time_s < facts.num_frames / facts.fps + _SWEEP_S])

    @property
    def _seconds_per_column(self) -> float:
        return _SWEEP_S / FRAME_SIZE

    def draw(self, frame: int) -> NDArray[np.uint8]:
        """A new picture (H, W) uint8 with all that is burned in at a frame; the sector is still to be drawn over it."""
        picture = self._background.copy()
        if self._ecg is None:
            return picture
        # The sweep overwrites the previous one from the left; columns that it has not reached are still empty or older.
        now = int(frame / self._fps / self._seconds_per_column)
        newest = now - (now - np.arange(FRAME_SIZE)) % FRAME_SIZE
        drawn = newest >= 0
        rows = np.round(_ECG_ROW - _ECG_HEIGHT * self._ecg[np.maximum(newest, 0)]).astype(np.intp)
        picture[rows[drawn], np.flatnonzero(drawn)] = _GREY
        return picture

    def _draw_ticks(self, view: View) -> None:
        depths = np.arange(_TICK_SPACING_MM, view.depth_mm, _TICK_SPACING_MM)
        _, rows = view.to_pixels(np.zeros_like(depths), depths)
        self._background[np.round(rows).astype(np.intp), FRAME_SIZE - 2 :] = _GREY

    def _draw_marks(self, view: View, framing: Framing, mark_column: float) -> None:
        """A small probe mark beside the sector's apex, and along its right edge a bracket with ticks at its ends."""
        picture = Image.fromarray(self._background)
        pen = ImageDraw.Draw(picture)
        top = max(framing.probe_row, 0.0)
        pen.ellipse((mark_column - 1.0, top - 1.0, mark_column + 1.0, top + 1.0), outline=_GREY)
        pen.point((mark_column, top), fill=_GREY - 60)
        # Down the edge, and away from it.
        sine, cosine = np.sin(view.half_angle_rad), np.cos(view.half_angle_rad)
        along, away = np.array([sine, cosine]), np.array([cosine, -sine])
        origin = np.array([framing.probe_column, framing.probe_row]) + framing.tick_offset * away
        first, last = (origin + share * FRAME_SIZE * along for share in _BRACKET)
        pen.line([tuple(first), tuple(last)], fill=_GREY)
        for end in (first, last):
            pen.line([tuple(end - 1.5 * away), tuple(end + 1.5 * away)], fill=_GREY)
        for share in _DOTS:
            pen.point(tuple(origin + share * FRAME_SIZE * along), fill=_GREY)
        self._background = np.array(picture)

    def _draw_text(self, view: View, facts: RecordingFacts) -> None:
        image = Image.fromarray(self._background)
        pen = ImageDraw.Draw(image)
        font = ImageFont.load_default_imagefont()
        pen.text((1, 0), f"{round(view.depth_mm / 10)}cm", fill=_GREY, font=font)
        pen.text((FRAME_SIZE - 32, 0), f"HR {round(facts.heart_rate_bpm)}", fill=_GREY, font=font)
        self._background = np.array(image)


def _ecg(rhythm: Rhythm, time_s: Floats) -> Floats:
    """Electrocardiogram at times (n,); the R wave is 1. Without an atrial kick there is no P wave."""
    signal = np.zeros_like(time_s)
    for offset, width, height in _WAVES:
        if offset < -0.1 and rhythm.atrial_share == 0.0:
            continue
        since = time_s[:, None] - rhythm.starts_s[None, :] - offset
        signal += height * np.exp(-0.5 * np.square(since / width)).sum(axis=1)
    return signal

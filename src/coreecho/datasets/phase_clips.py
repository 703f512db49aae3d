"""Clips about the two traced frames of a video, and what is to be learned of their frames.

The rules of UVT (Reynaud et al. 2021) and of EchoGraphs (Thomas et al. 2022). Only two frames of a video are traced, so
that nobody knows the phases of the others; but from the one to the other the heart contracts or fills once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Frames = NDArray[np.int64]

# UVT leaves out videos whose traced frames are at most this far apart, and makes clips of this many frames.
LEAST_DISTANCE = 10
CLIP_FRAMES = 128
# A frame of a clip that is black.
BLACK = -1
NEITHER, END_SYSTOLE, END_DIASTOLE = 0, 1, 2


@dataclass(frozen=True, eq=False)
class PhaseClip:
    """Frames to show, and their phases.

    Attributes:
        frames: (T,), frames of the video, or BLACK.
        signal: (T,), +1 at end-diastole, -1 at end-systole; 0 in a black frame.
    """

    frames: Frames
    signal: Floats

    @property
    def is_real(self) -> NDArray[np.bool_]:
        """(T,), whether a frame shows something."""
        return np.asarray(self.frames != BLACK)

    @property
    def classes(self) -> Frames:
        """(T,), the phase of each frame as a class: END_DIASTOLE and END_SYSTOLE in the traced frames alone."""
        ends = [self.signal == 1, self.signal == -1]
        return np.select(ends, [END_DIASTOLE, END_SYSTOLE], NEITHER).astype(np.int64)


def is_far_enough(ed_frame: int, es_frame: int) -> bool:
    """Whether UVT takes a video."""
    return abs(ed_frame - es_frame) > LEAST_DISTANCE


def phase_signal(offsets: Floats | NDArray[np.integer[Any]], distance: int) -> Floats:
    """The signal at frames near ED and ES: a cubic from +1 to -1 that stays near 0 half-way.

    Beyond ED and ES it turns back, as if the heart did what it had just done backwards. That is ours; in between it is
    the published label, but for its middle, which there is a whole frame, also where the distance is odd.

    Args:
        offsets: of the frames from ED, positive in the direction of ES.
        distance: from ED to ES, in frames.
    """
    share = np.abs(np.asarray(offsets, dtype=np.float64)) / distance
    folded = np.where(share > 1, 2 - share, share)
    return (1 - 2 * folded) ** 3


def mirrored_clip(ed_frame: int, es_frame: int, start: int, num_frames: int = CLIP_FRAMES) -> PhaseClip:
    """From one traced frame to the other, back, and so on: a heart that beats for as long as is asked.

    Where the traced frames lie more than half a clip apart, every second frame is shown.

    Args:
        ed_frame: counted from 0.
        es_frame: counted from 0, another.
        start: where in the there-and-back to begin; any whole number, drawn anew for each clip.
        num_frames: T, of the clip.

    Raises:
        ValueError: both frames are the same.
    """
    distance = _distance(ed_frame, es_frame)
    step = 2 if distance > num_frames // 2 else 1
    ed_place, es_place = ed_frame // step, es_frame // step
    first, last = sorted((ed_place, es_place))
    there = np.arange(first, last + 1)
    period = np.concatenate([there, there[-2:0:-1]])
    places = period[(start + np.arange(num_frames)) % len(period)]
    toward_es = 1 if es_place > ed_place else -1
    signal = phase_signal((places - ed_place) * toward_es, last - first)
    return PhaseClip(frames=(places * step).astype(np.int64), signal=signal)


def flanked_clip(
    ed_frame: int,
    es_frame: int,
    num_video_frames: int,
    *,
    divisors: tuple[float, float],
    share_before: float,
    num_frames: int = CLIP_FRAMES,
) -> PhaseClip:
    """One stretch from one traced frame to the other and a little beyond both, amid black frames.

    Args:
        ed_frame: counted from 0.
        es_frame: counted from 0, another.
        num_video_frames: length of the video.
        divisors: u before and after; distance // u frames come in beyond the traced ones. UVT draws them from 2 to 7.
        share_before: 0 to 1, of the black frames those that come first.
        num_frames: T, of the clip. Of a longer stretch every k-th frame is shown, and the
            traced ones instead of those next to them.

    Raises:
        ValueError: both frames are the same, or not in the video.
    """
    distance = _distance(ed_frame, es_frame)
    first, last = sorted((ed_frame, es_frame))
    if first < 0 or last >= num_video_frames:
        raise ValueError(f"frames {first} and {last} are not both among the {num_video_frames} of the video")
    start = max(0, first - int(distance // divisors[0]))
    stop = min(num_video_frames, last + 1 + int(distance // divisors[1]))
    shown = np.arange(start, stop, -(-(stop - start) // num_frames))
    for traced in (ed_frame, es_frame):
        shown[np.abs(shown - traced).argmin()] = traced
    toward_es = 1 if es_frame > ed_frame else -1
    at = round(share_before * (num_frames - len(shown)))
    frames = np.full(num_frames, BLACK, dtype=np.int64)
    signal = np.zeros(num_frames)
    frames[at : at + len(shown)] = shown
    signal[at : at + len(shown)] = phase_signal((shown - ed_frame) * toward_es, distance)
    return PhaseClip(frames=frames, signal=signal)


def frames_from_ed_to_es(ed_frame: int, es_frame: int, num_frames: int = 16) -> Frames:
    """Frames in equal steps from ED to ES, both included, as EchoGraphs sees a beat; backwards where ES comes first.

    Args:
        ed_frame: counted from 0.
        es_frame: counted from 0.
        num_frames: T, at least 2. Of a shorter stretch some frames come twice.
    """
    return np.rint(np.linspace(ed_frame, es_frame, num_frames)).astype(np.int64)


def _distance(ed_frame: int, es_frame: int) -> int:
    if ed_frame == es_frame:
        raise ValueError(f"end-diastole and end-systole are both in frame {ed_frame}: there is nothing in between")
    return abs(ed_frame - es_frame)

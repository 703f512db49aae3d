"""Clips about the two traced frames of a recording, with the phases, the points and the EF that are learned of them."""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from coreecho.datasets.clip_changes import Draw
from coreecho.datasets.outlines import KnownOutlines
from coreecho.datasets.phase_clips import BLACK, PhaseClip, flanked_clip, frames_from_ed_to_es, mirrored_clip
from coreecho.datasets.randomness import Purpose, generator_for
from coreecho.datasets.recording import Recording
from coreecho.video.affine import move_points, transform
from coreecho.video.store import FrameStore

Frames = NDArray[np.uint8]
PhaseRule = Literal["mirror", "random"]

# UVT: how many frames come in beyond the traced ones, as a divisor of the distance between these.
_DIVISORS = (2, 7)
# EchoGraphs: every second frame of a window, and how often and how far its clips are changed.
POINTS_STRIDE = 2
_CHANGED = 0.9
_SHIFT, _SCALE, _TURN_DEGREES = 0.15, 0.3, 45.0
# "Brightness or gamma" has no sizes in the publication; these are ours.
_GREY_SPREAD = 0.3


class PhaseBatch(NamedTuple):
    """Clips with the phases of their frames. As one item there is no B; as a batch B comes first.

    clips: (B, T, S, S) uint8 grey. signal: (B, T) float32, +1 at end-diastole, -1 at end-systole. classes: (B, T), see
    `PhaseClip`. is_real: (B, T), false in black frames. label: (B,) float32, EF in percent. recording: (B,) position.
    """

    clips: Tensor
    signal: Tensor
    classes: Tensor
    is_real: Tensor
    label: Tensor
    recording: Tensor


class PointsBatch(NamedTuple):
    """Clips with outlines at ED and ES. As one item there is no B; as a batch B comes first.

    clips: (B, T, S, S) uint8 grey. points: (B, 2, 40, 2), of ED and ES, fractions of the frame. places: (B, 2), where
    in the clip ED and ES are, counted from 1; 0 is not in the clip. label: (B,) float32, EF in percent. recording:
    (B,) position.
    """

    clips: Tensor
    points: Tensor
    places: Tensor
    label: Tensor
    recording: Tensor


@dataclass(frozen=True, kw_only=True)
class TracedRecordings:
    """Recordings with two traced frames.

    Attributes:
        recordings: each with two traced frames.
        store: decoded frames of all of them.
        traces: where the traced frames are.
        label_of: EF in percent; None where it is not known, which lessons of outlines alone need not.
    """

    recordings: Sequence[Recording]
    store: FrameStore
    traces: KnownOutlines
    label_of: Callable[[Recording], float | None]

    def ends(self, position: int) -> tuple[int, int]:
        """ED and ES of a recording."""
        ends = self.traces.ends(self.recordings[position])
        if ends is None:
            raise ValueError(f"recording {position} has no two traced frames")
        return ends

    def points(self, position: int) -> NDArray[np.float32]:
        """The outlines at ED and ES of a recording, (2, 40, 2)."""
        points = self.traces.points(self.recordings[position])
        if points is None:
            raise ValueError(f"recording {position} has no outlines of 40 points")
        return points

    def frames(self, position: int) -> Frames:
        """All frames of a recording."""
        return self.store.frames(self.recordings[position].id)

    def label(self, position: int) -> Tensor:
        """EF of a recording; NaN where it is not known."""
        label = self.label_of(self.recordings[position])
        return torch.tensor(math.nan if label is None else label, dtype=torch.float32)


class BeatClips(Dataset[Any]):
    """Clips of a training, called with (epoch, position), or where no seed is given the same ones every time.

    Args:
        traced: the recordings.
        seed: of the run; None of a validation, which is called with the position alone.
        stage: of the training.
    """

    def __init__(self, traced: TracedRecordings, *, seed: int | None, stage: int = 1) -> None:
        self.traced = traced
        self.seed = seed
        self.stage = stage

    def __len__(self) -> int:
        return len(self.traced.recordings)

    def __getitem__(self, key: Any) -> Any:
        """One clip with all that is learned of it."""
        if self.seed is None:
            return self._item(key, None, 0)
        epoch, position = key
        recording = self.traced.recordings[position].id
        draw = partial(generator_for, self.seed, stage=self.stage, epoch=epoch, recording=recording)
        return self._item(position, draw, epoch)

    @abstractmethod
    def _item(self, position: int, draw: Draw | None, epoch: int) -> Any:
        """One clip; of a training with what draws its random numbers."""


class PhaseClips(BeatClips):
    """Clips as UVT learns from: there and back between the traced frames, or one stretch amid black frames.

    Args:
        traced: recordings whose traced frames are far enough apart.
        rule: `mirror` or `random`.
        num_frames: T.
        seed: as of all.
        stage: as of all.
    """

    def __init__(
        self, traced: TracedRecordings, *, rule: PhaseRule, num_frames: int, seed: int | None, stage: int = 1
    ) -> None:
        super().__init__(traced, seed=seed, stage=stage)
        self.rule = rule
        self.num_frames = num_frames

    def _item(self, position: int, draw: Draw | None, epoch: int) -> PhaseBatch:
        video = self.traced.frames(position)
        clip = self._clip(self.traced.ends(position), len(video), draw)
        frames = video[np.maximum(clip.frames, 0)]
        frames[clip.frames == BLACK] = 0
        return PhaseBatch(
            clips=torch.from_numpy(frames),
            signal=torch.from_numpy(np.asarray(clip.signal, dtype=np.float32)),
            classes=torch.from_numpy(clip.classes),
            is_real=torch.from_numpy(clip.is_real),
            label=self.traced.label(position),
            recording=torch.tensor(position),
        )

    def _clip(self, ends: tuple[int, int], num_video_frames: int, draw: Draw | None) -> PhaseClip:
        rng = None if draw is None else draw(Purpose.START)
        if self.rule == "mirror":
            start = 0 if rng is None else int(rng.integers(2 * abs(ends[1] - ends[0])))
            return mirrored_clip(*ends, start, self.num_frames)
        low, high = _DIVISORS
        before, after = (low, low) if rng is None else map(float, rng.uniform(low, high, size=2))
        return flanked_clip(
            *ends,
            num_video_frames,
            divisors=(before, after),
            share_before=0.5 if rng is None else float(rng.random()),
            num_frames=self.num_frames,
        )


class PointsClips(BeatClips):
    """Clips as EchoGraphs learns from: from ED to ES in equal steps, or a window in which both are to be found.

    Args:
        traced: recordings with outlines of 40 points.
        is_told: the clip goes from ED to ES; else it is every second frame from a random start, or without a seed
            from the one that has ED and ES in its middle.
        num_frames: T.
        is_changed: flip, move, scale or turn, and brighten training clips at random, the points with them.
        seed: as of all.
        stage: as of all.
    """

    def __init__(
        self,
        traced: TracedRecordings,
        *,
        is_told: bool,
        num_frames: int,
        is_changed: bool,
        seed: int | None,
        stage: int = 1,
    ) -> None:
        super().__init__(traced, seed=seed, stage=stage)
        self.is_told = is_told
        self.num_frames = num_frames
        self.is_changed = is_changed

    def _item(self, position: int, draw: Draw | None, epoch: int) -> PointsBatch:
        video, ends, points = self.traced.frames(position), self.traced.ends(position), self.traced.points(position)
        if self.is_told:
            clip, places = video[frames_from_ed_to_es(*ends, self.num_frames)], (1, self.num_frames)
        else:
            clip, places = self._window(video, ends, draw)
        if draw is not None and self.is_changed:
            clip, points = change_with_points(clip, points, draw(Purpose.AUGMENTATION))
        return PointsBatch(
            clips=torch.from_numpy(np.ascontiguousarray(clip)),
            points=torch.from_numpy(np.asarray(points, dtype=np.float32)),
            places=torch.tensor(places),
            label=self.traced.label(position),
            recording=torch.tensor(position),
        )

    def _window(self, video: Frames, ends: tuple[int, int], draw: Draw | None) -> tuple[Frames, tuple[int, int]]:
        """Every second frame from a start on, black past the video's end; and where ED and ES are in it."""
        reach = (self.num_frames - 1) * POINTS_STRIDE
        last = max(len(video) - 1 - reach, 0)
        middle = (sum(ends) - reach) // 2
        start = min(max(middle, 0), last) if draw is None else int(draw(Purpose.START).integers(last + 1))
        clip = np.zeros((self.num_frames, *video.shape[1:]), dtype=np.uint8)
        taken = video[start : start + reach + 1 : POINTS_STRIDE]
        clip[: len(taken)] = taken
        ed, es = (round((end - start) / POINTS_STRIDE) + 1 for end in ends)
        return clip, (ed if 1 <= ed <= self.num_frames else 0, es if 1 <= es <= self.num_frames else 0)


class PointsFrames(BeatClips):
    """Single frames as EchoGraphs learns from: ED and ES of each recording, beside each other as a clip of two."""

    def __init__(self, traced: TracedRecordings, *, is_changed: bool, seed: int | None, stage: int = 1) -> None:
        super().__init__(traced, seed=seed, stage=stage)
        self.is_changed = is_changed

    def _item(self, position: int, draw: Draw | None, epoch: int) -> PointsBatch:
        clip = self.traced.frames(position)[list(self.traced.ends(position))]
        points = self.traced.points(position)
        if draw is not None and self.is_changed:
            clip, points = change_with_points(clip, points, draw(Purpose.AUGMENTATION))
        return PointsBatch(
            clips=torch.from_numpy(np.ascontiguousarray(clip)),
            points=torch.from_numpy(np.asarray(points, dtype=np.float32)),
            places=torch.tensor((1, 2)),
            label=self.traced.label(position),
            recording=torch.tensor(position),
        )


def change_with_points(
    clip: Frames, points: NDArray[np.floating[Any]], rng: np.random.Generator
) -> tuple[Frames, NDArray[np.floating[Any]]]:
    """Change a clip as EchoGraphs does, nine times in ten: mirror it or not; shift, scale or turn it; brighten it.

    Args:
        clip: (T, S, S).
        points: (..., 40, 2) of its outlines, fractions of the frame.
        rng: gives all draws.

    Returns:
        Another clip, and its points; mirrored ones in the reversed order, so that they still go down the same side.
    """
    changed, mirrored, kind, size = rng.random(), rng.random() < 0.5, int(rng.integers(3)), rng.uniform(-1, 1, size=2)
    is_gamma, grey = rng.random() < 0.5, float(rng.uniform(-_GREY_SPREAD, _GREY_SPREAD))
    if changed >= _CHANGED:
        return clip, points
    side = clip.shape[-1]
    pixels = np.asarray(points, dtype=np.float64) * side
    if mirrored:
        clip = np.ascontiguousarray(clip[..., ::-1])
        pixels = pixels[..., ::-1, :] * (-1.0, 1.0) + (side - 1.0, 0.0)
    down, right = (_SHIFT * side * size).tolist() if kind == 0 else (0.0, 0.0)
    scale = 1.0 + _SCALE * float(size[0]) if kind == 1 else 1.0
    degrees = _TURN_DEGREES * float(size[0]) if kind == 2 else 0.0
    clip = transform(clip, degrees=degrees, scale=scale, shift=(down, right))
    pixels = move_points(pixels, side, degrees=degrees, scale=scale, shift=(down, right))
    table = np.arange(256) / 255
    greys = table ** np.exp(grey) if is_gamma else table * (1 + grey)
    return np.clip(255 * greys + 0.5, 0, 255).astype(np.uint8)[clip], pixels / side

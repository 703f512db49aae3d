"""Half beats with the outlines at ED and ES, and EF: what co-learning learns from."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from coreecho.datasets.beat_clips import BeatClips, TracedRecordings
from coreecho.datasets.clip_changes import ClipChanges, Draw
from coreecho.video.temporal import TimeMethod, resample_time, take_beat


class HalfBeatBatch(NamedTuple):
    """Half beats. As one item there is no B; as a batch B comes first.

    clips: (B, T, S, S) uint8 grey, ED first and ES last. masks: (B, K, 2, S, S) Boolean, of ED and ES. is_known:
    (B, K), whether an outline is known. label: (B,) float32, EF in percent. recording: (B,) position.
    """

    clips: Tensor
    masks: Tensor
    is_known: Tensor
    label: Tensor
    recording: Tensor


class HalfBeats(BeatClips):
    """The stretch from ED to ES of each recording, interpolated in time, with the outlines of its two ends.

    Args:
        traced: recordings whose ED and ES are known, with their outlines.
        outlines: K, that the network gives; of those that nobody traced the masks are empty.
        num_frames: T.
        time: how the stretch is interpolated to T frames.
        changes: what is changed in training clips at random; masks move along.
        seed: of the run; None of a validation, which is called with the position alone, and changes nothing.
        stage: of the training.
    """

    def __init__(
        self,
        traced: TracedRecordings,
        *,
        outlines: tuple[str, ...],
        num_frames: int,
        time: TimeMethod,
        changes: ClipChanges,
        seed: int | None,
        stage: int = 1,
    ) -> None:
        super().__init__(traced, seed=seed, stage=stage)
        self.outlines = outlines
        self.num_frames = num_frames
        self.time = time
        self.changes = changes

    def _item(self, position: int, draw: Draw | None, epoch: int) -> HalfBeatBatch:
        clip, masks = self._read(position)
        if draw is None:
            return self._batch(position, clip, masks)
        # As long as the clip, so that what differs from frame to frame is the same draw for both.
        moved = np.zeros((len(masks), *clip.shape), dtype=np.bool_)
        for mask, ends in zip(moved, masks, strict=True):
            mask[[0, -1]] = ends
            mask[:] = self.changes.move(mask, draw, epoch=epoch)
        return self._batch(position, self.changes.change(clip, draw, epoch=epoch), moved[:, [0, -1]])

    def _read(self, position: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The half beat (T, S, S), and the masks (K, 2, S, S) of its ends."""
        traced, (ed, es) = self.traced, self.traced.ends(position)
        video = np.asarray(traced.frames(position))
        clip = resample_time(take_beat(video, ed, es), self.num_frames, self.time)
        known = traced.traces.masks(traced.recordings[position], (ed, es), len(video), clip.shape[-1])
        masks = np.zeros((len(self.outlines), *known.shape[:1], *known.shape[2:]), dtype=np.bool_)
        for place, name in enumerate(self.outlines):
            if name in traced.traces.outlines:
                masks[place] = known[:, traced.traces.outlines.index(name)]
        return clip, masks

    def _batch(self, position: int, clip: NDArray[np.uint8], masks: NDArray[np.bool_]) -> HalfBeatBatch:
        return HalfBeatBatch(
            clips=torch.from_numpy(np.ascontiguousarray(clip)),
            masks=torch.from_numpy(np.ascontiguousarray(masks)),
            is_known=torch.tensor([name in self.traced.traces.outlines for name in self.outlines]),
            label=self.traced.label(position),
            recording=torch.tensor(position),
        )

"""Frames with the outlines of the left ventricle in them -> tensors."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from coreecho.datasets.clip_changes import ClipChanges
from coreecho.datasets.outlines import KnownOutlines
from coreecho.datasets.randomness import Purpose, generator_for
from coreecho.datasets.recording import Recording
from coreecho.video.store import FrameStore


class OutlineBatch(NamedTuple):
    """N frames, of one recording or of a batch of them.

    frames: (N, n, S, S) uint8 grey, the n frames that are seen for each. masks: (N, K, S, S) Boolean.
    is_known: (N, K), whether an outline is known; where it is not, its mask is empty and says nothing.
    recording: (N,) position of the recording in the data set.
    """

    frames: Tensor
    masks: Tensor
    is_known: Tensor
    recording: Tensor


def join(items: Sequence[OutlineBatch]) -> OutlineBatch:
    """Put the frames of several recordings one after another."""
    return OutlineBatch(*(torch.cat(parts) for parts in zip(*items, strict=True)))


class _Outlines(Dataset[OutlineBatch]):
    """Args: see `TrainingOutlines`."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        store: FrameStore,
        traces: KnownOutlines,
        *,
        outlines: Sequence[str],
        frame_offsets: Sequence[int],
        num_frames: int,
    ) -> None:
        self.recordings = list(recordings)
        self.store = store
        self.traces = traces
        self.is_known = torch.tensor([outline in traces.outlines for outline in outlines])
        self._places = [
            (place, traces.outlines.index(name)) for place, name in enumerate(outlines) if name in traces.outlines
        ]
        self.frame_offsets = np.array(frame_offsets)
        self.num_frames = num_frames

    def __len__(self) -> int:
        return len(self.recordings)

    def _read(self, position: int, frames: Sequence[int]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """What is seen for each frame, (N, n, S, S), and the masks (N, K, S, S)."""
        recording = self.recordings[position]
        video = self.store.frames(recording.id)
        seen = (np.array(frames)[:, None] + self.frame_offsets).clip(0, len(video) - 1)
        known = self.traces.masks(recording, frames, len(video), self.store.frame_size)
        masks = np.zeros((len(frames), len(self.is_known), *known.shape[2:]), dtype=np.bool_)
        for place, index in self._places:
            masks[:, place] = known[:, index]
        return video[seen], masks

    def _item(self, position: int, frames: NDArray[np.uint8], masks: NDArray[np.bool_]) -> OutlineBatch:
        return OutlineBatch(
            frames=torch.from_numpy(np.ascontiguousarray(frames)),
            masks=torch.from_numpy(np.ascontiguousarray(masks)),
            is_known=self.is_known.expand(len(frames), -1),
            recording=torch.full((len(frames),), position),
        )


class TrainingOutlines(_Outlines):
    """Some frames of each recording whose outlines are known, changed at random, and their masks with them.

    Frames and changes are a function of (seed, stage, epoch, recording). The frames of a recording are in the order of
    time, and one draw moves all of them.

    Args:
        recordings: whose outlines are known.
        store: decoded frames of all of them.
        traces: where their outlines are.
        outlines: K, that the network has; those that nobody traced have empty masks.
        frame_offsets: n, frames that are seen for each mask; see `SegmentationNetwork`.
        num_frames: of each recording at a time; fewer where fewer are known.
        changes: what is changed at random.
        seed: of the run.
        stage: of the training, from 1.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        store: FrameStore,
        traces: KnownOutlines,
        *,
        outlines: Sequence[str],
        frame_offsets: Sequence[int],
        num_frames: int,
        changes: ClipChanges,
        seed: int,
        stage: int = 1,
    ) -> None:
        super().__init__(
            recordings, store, traces, outlines=outlines, frame_offsets=frame_offsets, num_frames=num_frames
        )
        self.changes = changes
        self.seed = seed
        self.stage = stage

    def __getitem__(self, epoch_and_recording: tuple[int, int]) -> OutlineBatch:
        """Frames of one recording in one epoch."""
        epoch, position = epoch_and_recording
        recording = self.recordings[position].id
        draw = partial(generator_for, self.seed, stage=self.stage, epoch=epoch, recording=recording)
        known = self.traces.frames(self.recordings[position], self.store.num_frames(recording))
        count = min(self.num_frames, len(known))
        chosen = np.sort(draw(Purpose.START).choice(len(known), count, replace=False))
        frames, masks = self._read(position, [known[place] for place in chosen])
        seen = frames.shape[1]
        frames = self.changes.change(frames.reshape(-1, *frames.shape[2:]), draw, epoch=epoch).reshape(frames.shape)
        for channel in range(masks.shape[1]):
            if self.is_known[channel]:
                # As often as frames are seen for each, so that what differs from frame to frame is the same draw.
                repeated = masks[:, channel].repeat(seen, axis=0)
                masks[:, channel] = self.changes.move(repeated, draw, epoch=epoch)[seen // 2 :: seen]
        return self._item(position, frames, masks)


class ValidationOutlines(_Outlines):
    """The same evenly placed frames of each recording whose outlines are known, every time, as they are.

    Args:
        recordings: as of `TrainingOutlines`, and all up to `frame_offsets`.
        store: the same.
        traces: the same.
        outlines: the same.
        frame_offsets: the same.
        num_frames: of each recording; fewer where fewer are known.
    """

    def __getitem__(self, position: int) -> OutlineBatch:
        """Frames of one recording."""
        known = self.traces.frames(self.recordings[position], self.store.num_frames(self.recordings[position].id))
        places = np.linspace(0, len(known) - 1, min(self.num_frames, len(known))).round().astype(int)
        return self._item(position, *self._read(position, [known[place] for place in places]))

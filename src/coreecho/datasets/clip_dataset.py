"""Recording + store + clip sampling + augmentation -> tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from coreecho.datasets.clip_changes import Augmentation, ClipChanges, Distortion
from coreecho.datasets.randomness import Purpose, generator_for
from coreecho.datasets.recording import Recording
from coreecho.errors import DatasetError
from coreecho.tasks import EF, Task
from coreecho.video.clips import ClipSampling, even_starts, random_start, take_clip
from coreecho.video.store import FrameStore


class ClipBatch(NamedTuple):
    """Clips with their labels. As one item there is no B; as a batch B comes first.

    clips: (B, V, T, H, W) uint8 grey. num_valid_frames: (B, V), frames of each clip that are not padding.
    label: (B,) float32, EF in percent, or 1 with an infarction and 0 without.
    recording: (B,) position of the recording in the data set.
    """

    clips: Tensor
    num_valid_frames: Tensor
    label: Tensor
    recording: Tensor


class _RecordingClips(Dataset[ClipBatch]):
    def __init__(
        self, recordings: Sequence[Recording], store: FrameStore, sampling: ClipSampling, task: Task | None
    ) -> None:
        self.labels = _labels(recordings, task or EF())
        self.recordings = list(recordings)
        self.store = store
        self.sampling = sampling

    def __len__(self) -> int:
        return len(self.recordings)

    def _item(self, recording: int, clips: list[np.ndarray], num_valid_frames: list[int]) -> ClipBatch:
        return ClipBatch(
            clips=torch.from_numpy(np.stack(clips)),
            num_valid_frames=torch.tensor(num_valid_frames),
            label=torch.tensor(self.labels[recording], dtype=torch.float32),
            recording=torch.tensor(recording),
        )


class TrainingClips(_RecordingClips):
    """Random views of each recording, one draw per (seed, stage, epoch, recording, view).

    Args:
        recordings: each with its label.
        store: decoded frames of all of them.
        sampling: frames of a clip and their stride.
        views: clips taken of each recording (2 in stage 1 of CoReEcho, 1 in stage 2).
        is_same_clip: all views share one start and differ by augmentation only (the ablation of Table 3).
        augment: changes a clip (T, H, W) at random; None leaves clips as they are.
        distortions: what else changes it, one after the other, each by random numbers of its own purpose.
        stride_spread: standard deviation of the logarithm of the stride of a clip about that of `sampling`.
        ramp_epochs: epochs over which distortions and spread of the stride grow to full strength, evenly.
        seed: of the run.
        stage: of the training, from 1; each has its own draws.
        task: says which label; EF when not given.

    Raises:
        DatasetError: a recording has no label.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        store: FrameStore,
        sampling: ClipSampling,
        *,
        views: int,
        is_same_clip: bool,
        augment: Augmentation | None,
        distortions: Mapping[Purpose, Distortion] | None = None,
        stride_spread: float = 0.0,
        ramp_epochs: int = 0,
        seed: int,
        stage: int = 1,
        task: Task | None = None,
    ) -> None:
        super().__init__(recordings, store, sampling, task)
        self.stage = stage
        self.views = views
        self.is_same_clip = is_same_clip
        self.changes = ClipChanges(augment=augment, distortions=dict(distortions or {}), ramp_epochs=ramp_epochs)
        self.stride_spread = stride_spread
        self.seed = seed

    def __getitem__(self, epoch_and_recording: tuple[int, int]) -> ClipBatch:
        """Views of one recording in one epoch: clips (V, T, H, W)."""
        epoch, recording = epoch_and_recording
        frames = self.store.frames(self.recordings[recording].id)
        clips, num_valid_frames = [], []
        for view in range(self.views):
            draw = partial(
                generator_for, self.seed, stage=self.stage, epoch=epoch, recording=self.recordings[recording].id
            )
            of_time = 0 if self.is_same_clip else view
            sampling = self._sampling(len(frames), epoch, draw(Purpose.STRIDE, view=of_time))
            start = random_start(len(frames), sampling, draw(Purpose.START, view=of_time))
            clip, valid = take_clip(frames, start, sampling)
            clips.append(self.changes.change(clip, draw, epoch=epoch, view=view))
            num_valid_frames.append(valid)
        return self._item(recording, clips, num_valid_frames)

    def _sampling(self, num_frames: int, epoch: int, rng: np.random.Generator) -> ClipSampling:
        """How a clip of a video is cut: faster hearts and slower ones, as far as the video is long enough."""
        if not self.stride_spread or self.sampling.is_whole_beat:
            return self.sampling
        usual = self.sampling.stride
        drawn = round(usual * float(np.exp(self.changes.strength(epoch) * self.stride_spread * rng.standard_normal())))
        longest = max(usual, num_frames // self.sampling.num_frames)
        return replace(self.sampling, stride=min(max(drawn, 1), longest))


class ValidationClips(_RecordingClips):
    """The same evenly placed clips of each recording, every time: clips (V, T, H, W).

    V is `num_clips`, or 1 of whole beats.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        store: FrameStore,
        sampling: ClipSampling,
        *,
        num_clips: int,
        task: Task | None = None,
    ) -> None:
        super().__init__(recordings, store, sampling, task)
        self.num_clips = num_clips

    def __getitem__(self, recording: int) -> ClipBatch:
        """All clips of one recording."""
        frames = self.store.frames(self.recordings[recording].id)
        starts = even_starts(len(frames), self.sampling, self.num_clips)
        taken = [take_clip(frames, start, self.sampling) for start in starts]
        return self._item(recording, [clip for clip, _ in taken], [valid for _, valid in taken])


def _labels(recordings: Sequence[Recording], task: Task) -> list[float]:
    labels = [task.label_of(recording) for recording in recordings]
    unlabelled = [recording.id for recording, label in zip(recordings, labels, strict=True) if label is None]
    if unlabelled:
        raise DatasetError(
            f"{len(unlabelled)} recordings have no {task.noun}, e.g. {unlabelled[:5]}; training needs one for each."
        )
    return [label for label in labels if label is not None]

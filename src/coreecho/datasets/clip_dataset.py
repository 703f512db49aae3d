"""Study + store + clip sampling + augmentation -> tensors."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from coreecho.datasets.randomness import Purpose, generator_for
from coreecho.datasets.study import Study
from coreecho.errors import DatasetError
from coreecho.target import Target
from coreecho.video.clips import ClipSampling, even_starts, random_start, take_clip
from coreecho.video.store import FrameStore

# Called with a clip (T, H, W) and `rng=`, a generator; gives another clip of that shape.
Augmentation = Callable[..., NDArray[np.uint8]]
_LABEL_NAMES: dict[Target, str] = {"ef": "EF", "mi": "finding of infarction"}


class ClipBatch(NamedTuple):
    """Clips with their labels. As one item there is no B; as a batch B comes first.

    clips: (B, V, T, H, W) uint8 grey. num_valid_frames: (B, V), frames of each clip that are not padding.
    label: (B,) float32, EF in percent, or 1 with an infarction and 0 without.
    study: (B,) position of the study in the data set.
    """

    clips: Tensor
    num_valid_frames: Tensor
    label: Tensor
    study: Tensor


class _StudyClips(Dataset[ClipBatch]):
    def __init__(self, studies: Sequence[Study], store: FrameStore, sampling: ClipSampling, target: Target) -> None:
        self.labels = _labels(studies, target)
        self.studies = list(studies)
        self.store = store
        self.sampling = sampling

    def __len__(self) -> int:
        return len(self.studies)

    def _item(self, study: int, clips: list[np.ndarray], num_valid_frames: list[int]) -> ClipBatch:
        return ClipBatch(
            clips=torch.from_numpy(np.stack(clips)),
            num_valid_frames=torch.tensor(num_valid_frames),
            label=torch.tensor(self.labels[study], dtype=torch.float32),
            study=torch.tensor(study),
        )


class TrainingClips(_StudyClips):
    """Random views of each study, one draw per (seed, stage, epoch, study, view).

    Args:
        studies: each with its label.
        store: decoded frames of all of them.
        sampling: frames of a clip and their stride.
        views: clips taken of each study (2 in stage 1 of CoReEcho, 1 in stage 2).
        is_same_clip: all views share one start and differ by augmentation only (the ablation of Table 3).
        augment: changes a clip (T, H, W) at random; None leaves clips as they are.
        seed: of the run.
        stage: of the training, from 1; each has its own draws.
        target: which label.

    Raises:
        DatasetError: a study has no label.
    """

    def __init__(
        self,
        studies: Sequence[Study],
        store: FrameStore,
        sampling: ClipSampling,
        *,
        views: int,
        is_same_clip: bool,
        augment: Augmentation | None,
        seed: int,
        stage: int = 1,
        target: Target = "ef",
    ) -> None:
        super().__init__(studies, store, sampling, target)
        self.stage = stage
        self.views = views
        self.is_same_clip = is_same_clip
        self.augment = augment
        self.seed = seed

    def __getitem__(self, epoch_and_study: tuple[int, int]) -> ClipBatch:
        """Views of one study in one epoch: clips (V, T, H, W)."""
        epoch, study = epoch_and_study
        frames = self.store.frames(self.studies[study].id)
        clips, num_valid_frames = [], []
        for view in range(self.views):
            draw = partial(
                generator_for, self.seed, stage=self.stage, epoch=epoch, recording=self.studies[study].id
            )
            starts = draw(Purpose.START, view=0 if self.is_same_clip else view)
            clip, valid = take_clip(frames, random_start(len(frames), self.sampling, starts), self.sampling)
            if self.augment is not None:
                clip = self.augment(clip, rng=draw(Purpose.AUGMENTATION, view=view))
            clips.append(clip)
            num_valid_frames.append(valid)
        return self._item(study, clips, num_valid_frames)


class ValidationClips(_StudyClips):
    """The same evenly placed clips of each study, every time: clips (V, T, H, W); V = `num_clips`, 1 of whole beats."""

    def __init__(
        self,
        studies: Sequence[Study],
        store: FrameStore,
        sampling: ClipSampling,
        *,
        num_clips: int,
        target: Target = "ef",
    ) -> None:
        super().__init__(studies, store, sampling, target)
        self.num_clips = num_clips

    def __getitem__(self, study: int) -> ClipBatch:
        """All clips of one study."""
        frames = self.store.frames(self.studies[study].id)
        starts = even_starts(len(frames), self.sampling, self.num_clips)
        taken = [take_clip(frames, start, self.sampling) for start in starts]
        return self._item(study, [clip for clip, _ in taken], [valid for _, valid in taken])


def _labels(studies: Sequence[Study], target: Target) -> list[float]:
    unlabelled = [study.id for study in studies if study.label(target) is None]
    if unlabelled:
        raise DatasetError(
            f"{len(unlabelled)} studies have no {_LABEL_NAMES[target]}, e.g. {unlabelled[:5]}; training needs one for "
            "each."
        )
    return [label for study in studies if (label := study.label(target)) is not None]

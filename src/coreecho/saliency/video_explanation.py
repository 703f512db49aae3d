"""The Grad-CAM of a video: of several of its clips, and of all its frames together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from coreecho.models.echo_model import EchoModel
from coreecho.saliency.encoder_levels import AUTO
from coreecho.saliency.grad_cam import Evidence, GradCam, grad_cam
from coreecho.tasks import Task
from coreecho.video.clips import ClipSampling, take_clip
from coreecho.video.temporal import places_of

_EVIDENCE: Mapping[Evidence, str] = {"positive": "raises", "negative": "lowers", "absolute": "moves"}


@dataclass(frozen=True, eq=False)
class VideoExplanation:
    """Where a model looks in a video of F frames.

    Attributes:
        clip_maps: (k, T, H, W) float32, of each clip; at least 0.
        clip_predictions: (k,) float64, the network's output of each clip: EF in percent, or logits.
        task: what the network reads.
        starts: frame of the file at which each clip starts.
        num_valid_frames: frames of each clip that lie inside the video; maps of the others mean nothing.
        sampling: how the clips were cut.
        num_frames: F.
        level: where the activations were taken.
        grid: cells of that level in time, height and width.
        evidence: which sign was kept.
    """

    clip_maps: NDArray[np.float32]
    clip_predictions: NDArray[np.float64]
    task: Task
    starts: tuple[int, ...]
    num_valid_frames: tuple[int, ...]
    sampling: ClipSampling
    num_frames: int
    level: str
    grid: tuple[int, int, int]
    evidence: Evidence

    @property
    def prediction(self) -> float:
        """The network's output of the video: the mean over its clips. The task's link makes of it what is read."""
        return float(self.clip_predictions.mean())

    @property
    def predicted(self) -> str:
        """What is read from the video, in words: `predicted EF 55.0 %`."""
        value = self.task.value_of(np.array([self.prediction]))[0]
        return f"predicted {self.task.quantity} {self.task.say(float(value))}"

    @property
    def meaning(self) -> str:
        """What is bright on the maps: `what raises the EF`."""
        return f"what {_EVIDENCE[self.evidence]} the {self.task.quantity}"

    def mean_clip_map(self) -> NDArray[np.float32]:
        """Mean over the clips, (T, H, W): frame i of all clips together. 0 where all are past the video's end."""
        is_valid = np.arange(self.clip_maps.shape[1]) < np.array(self.num_valid_frames)[:, None]
        total = np.einsum("kthw,kt->thw", self.clip_maps, is_valid.astype(np.float32))
        return np.asarray(total / np.maximum(is_valid.sum(axis=0), 1)[:, None, None], dtype=np.float32)

    def at_frames(self, frames: Sequence[int]) -> NDArray[np.float32]:
        """Mean over the clips that see each of some frames of the file, linear in time between sampled frames.

        Args:
            frames: n frames of the file, in any order.

        Returns:
            (n, H, W); NaN where no clip sees the frame.
        """
        total = np.zeros((len(frames), *self.clip_maps.shape[2:]), dtype=np.float32)
        seen_by = np.zeros(len(frames), dtype=np.int64)
        wanted = np.asarray(frames)
        for clip_map, start, valid in zip(self.clip_maps, self.starts, self.num_valid_frames, strict=True):
            is_seen, places = self._places_in_clip(wanted, start, valid)
            position = np.clip(places[is_seen], 0, valid - 1)
            before = position.astype(np.int64)
            share = (position - before).astype(np.float32)[:, None, None]
            after = np.minimum(before + 1, valid - 1)
            total[is_seen] += (1 - share) * clip_map[before] + share * clip_map[after]
            seen_by += is_seen
        total[seen_by == 0] = np.nan
        return np.asarray(total / np.maximum(seen_by, 1)[:, None, None], dtype=np.float32)

    def _places_in_clip(
        self, frames: NDArray[np.int64], start: int, num_valid_frames: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Whether a clip sees each frame of the file, and which of its own that is; a whole number where sampled."""
        sampling = self.sampling
        if sampling.interpolation is not None:
            is_inside = (frames >= 0) & (frames < self.num_frames)
            return is_inside, places_of(frames, self.num_frames, sampling.num_frames, sampling.interpolation)
        # A sampled frame stands also for the unsampled ones after it, up to where the next would be.
        end = start + num_valid_frames * sampling.stride
        return (frames >= start) & (frames < end), (frames - start) / sampling.stride

    def video_map(self) -> NDArray[np.float32]:
        """All frames of the video, (F, H, W); NaN where no clip looks."""
        return self.at_frames(range(self.num_frames))


def explain_video(
    model: EchoModel,
    frames: NDArray[np.uint8],
    starts: Sequence[int],
    *,
    level: str = AUTO,
    evidence: Evidence = "positive",
    batch_size: int = 4,
) -> VideoExplanation:
    """Explain what a model says of a video, clip by clip.

    Args:
        model: on the device that shall compute.
        frames: (F, S, S) uint8, of the model's frame size; may be memory-mapped.
        starts: frames of the file at which clips start.
        level: see `choose_level`.
        evidence: see `grad_cam`.
        batch_size: clips at once.

    Raises:
        ValueError: there are no starts, the batch size is below 1, or the frames are not of the model's size.
        VideoError: a start lies outside the video.
        RecipeError: no such level or evidence.
    """
    if not starts or batch_size < 1:
        raise ValueError(
            f"explain_video needs at least one start and a batch size of at least 1, got {len(starts)}, {batch_size}"
        )
    taken = [take_clip(frames, start, model.model_input) for start in starts]
    batches: list[GradCam] = []
    for first in range(0, len(taken), batch_size):
        clips, valid = zip(*taken[first : first + batch_size], strict=True)
        clip_tensor = torch.from_numpy(np.stack(clips))
        batches.append(grad_cam(model, clip_tensor, torch.tensor(valid), level=level, evidence=evidence))
    return VideoExplanation(
        clip_maps=np.concatenate([batch.maps for batch in batches]),
        clip_predictions=np.concatenate([batch.prediction for batch in batches]),
        task=model.task,
        starts=tuple(starts),
        num_valid_frames=tuple(valid for _, valid in taken),
        sampling=model.model_input,
        num_frames=len(frames),
        level=batches[0].level,
        grid=batches[0].grid,
        evidence=evidence,
    )

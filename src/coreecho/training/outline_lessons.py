"""Outlines of the left ventricle as masks: lessons of networks that tell what each pixel is."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from coreecho.datasets.outline_clips import OutlineBatch, TrainingOutlines, ValidationOutlines, join
from coreecho.losses.segmentation import overlap_loss, traced_frames_loss
from coreecho.models.evaluation_mode import evaluation_mode
from coreecho.models.segmentation_network import SegmentationNetwork
from coreecho.training.distributed import gather_rows
from coreecho.training.lesson import Examples
from coreecho.training.segmenter_lesson import SegmenterLesson


class _Wanted(TypedDict):
    outlines: Sequence[str]
    frame_offsets: Sequence[int]


class OutlineLesson(SegmenterLesson):
    """A lesson of masks. Dice of the validation is told beside its loss."""

    def loss_of(self, logits: Tensor, masks: Tensor, is_known: Tensor) -> dict[str, Tensor]:
        """Terms of the loss.

        Args:
            logits: (N, K, H, W).
            masks: (N, K, H, W), 0 and 1.
            is_known: (N, K).
        """
        raise NotImplementedError

    def training_examples(self, examples: Examples) -> TrainingOutlines:
        """Random frames of each recording."""
        return TrainingOutlines(
            examples.recordings,
            examples.store,
            self._outlines(examples.data),
            **self._wanted,
            num_frames=self.recipe.frames_per_video,
            changes=examples.changes,
            seed=examples.seed,
            stage=examples.stage,
        )

    def validation_examples(self, examples: Examples) -> ValidationOutlines:
        """Evenly placed frames of each recording."""
        return ValidationOutlines(
            examples.recordings,
            examples.store,
            self._outlines(examples.data),
            **self._wanted,
            num_frames=self.recipe.validation_clips,
        )

    @property
    def _wanted(self) -> _Wanted:
        """What the network is shown and shows."""
        network = self._blank()
        return {"outlines": network.outlines, "frame_offsets": network.frame_offsets}

    @property
    def collate(self) -> Callable[[list[Any]], Any]:
        """Frames of all recordings one after another: of some fewer are known."""
        return join

    # Learning.

    def inputs(self, batch: OutlineBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Frames (N, n, S, S), masks (N, K, S, S), and which are known (N, K)."""
        return batch.frames, batch.masks, batch.is_known

    def terms(self, model: SegmentationNetwork, frames: Tensor, masks: Tensor, is_known: Tensor) -> dict[str, Tensor]:
        """The loss of the outlines that are known."""
        return self.loss_of(self._logits(model, frames), masks, is_known)

    # Validation.

    @torch.no_grad()
    def validate(self, network: SegmentationNetwork, loader: DataLoader[OutlineBatch]) -> pd.DataFrame:
        """One row a recording: `loss`, the mean of its frames; and pixels found, expected and common.

        Pixels are those of the first outline that is known: the cavity, or of data that know the wall alone, the wall.
        """
        device = next(network.parameters()).device
        rows: list[Tensor] = [torch.empty(0, 5, dtype=torch.float64)]
        with evaluation_mode(network):
            for batch in loader:
                frames, masks, is_known = (each.to(device) for each in self.inputs(batch))
                logits = self._logits(network, frames)
                shown = int(is_known[0].int().argmax())
                found, expected = logits[:, shown] > 0, masks[:, shown]
                for position in batch.recording.unique():
                    of = (batch.recording == position).to(device)
                    loss = torch.stack(list(self.loss_of(logits[of], masks[of], is_known[of]).values())).sum()
                    counts = (found[of].sum(), expected[of].sum(), (found[of] & expected[of]).sum())
                    values = [float(position), float(loss) / self._size_of(int(of.sum()))]
                    rows.append(torch.tensor([[*values, *map(float, counts)]], dtype=torch.float64))
        columns = ["recording", "loss", "found", "expected", "common"]
        table = pd.DataFrame(gather_rows(torch.cat(rows)).numpy(), columns=columns)
        return table.astype({"recording": int}).sort_values("recording", ignore_index=True)

    def _size_of(self, num_frames: int) -> float:
        """What the loss of so many frames is divided by, to be comparable; 1 where it is a mean already."""
        return 1.0

    def _logits(self, network: SegmentationNetwork, frames: Tensor) -> Tensor:
        logits: Tensor = network(self.shown(network, frames))
        return logits.float()


class LVOutline(OutlineLesson):
    """Cavity and myocardium, by cross-entropy and overlap: what `default-lv` learns."""

    def loss_of(self, logits: Tensor, masks: Tensor, is_known: Tensor) -> dict[str, Tensor]:
        """The overlap loss of the outlines that are known; each counts alike."""
        # As frames of one channel each: which outline it is does not matter to the loss.
        return {"overlap": overlap_loss(logits[is_known][:, None], masks[is_known][:, None])}


class TracedFrames(OutlineLesson):
    """EchoNet-Dynamic's: cross-entropy of the cavity, summed over the pixels of the traced frames, and halved."""

    takes_traced_alone = True

    def loss_of(self, logits: Tensor, masks: Tensor, is_known: Tensor) -> dict[str, Tensor]:
        """(sum over ED + sum over ES) / 2 of the cross-entropy: the same whichever of two frames is which."""
        cavity, traced = logits[:, 0], masks[:, 0]
        return {"bce": traced_frames_loss(cavity, cavity[:0], traced, traced[:0])}

    def _size_of(self, num_frames: int) -> float:
        """Of a frame and its pixels, so that recordings with more traced frames do not count more."""
        return num_frames * self.recipe.input.frame_size**2 / 2

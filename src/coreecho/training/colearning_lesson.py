"""Wei et al.'s lesson, as far as their abstract tells it: EF together with outlines and motion over the half beat."""

from typing import cast

import torch
from torch import Tensor

from coreecho.datasets import Recording
from coreecho.datasets.clip_changes import ClipChanges
from coreecho.datasets.half_beat_clips import HalfBeatBatch, HalfBeats
from coreecho.datasets.outlines import KnownOutlines, Masks
from coreecho.losses.colearning import appearance_loss, shape_loss
from coreecho.losses.outlines import ef_fraction_loss
from coreecho.losses.segmentation import overlap_loss
from coreecho.models.colearning import CoLearning
from coreecho.models.echo_model import EchoModel
from coreecho.training.beat_lessons import BeatLesson
from coreecho.training.lesson import Examples

# Weights of the terms are not in the abstract: ours, such that each is about as large as the others in the beginning.
_APPEARANCE, _SMOOTHNESS, _EF = 10.0, 0.1, 10.0


class CoLearningLesson(BeatLesson):
    """Outlines at ED and ES, appearance and shape in all frames, and EF."""

    needs = "ED and ES with their outlines"
    # A recording is the half beat itself, so that every command sees the clips that are learned from.
    has_own_clips = False
    outlines_ends = True
    encoder = CoLearning

    def clip_faults(self) -> list[str]:
        """Clips that are no whole half beats."""
        recipe = self.recipe
        if recipe.input.is_whole_beat:
            return []
        return [f"objective is {recipe.objective} and time is stride, expected spline or trilinear"]

    def takes(self, recording: Recording, traces: KnownOutlines) -> bool:
        """Whether the outlines at ED and ES are there."""
        return traces.knows(recording) and traces.ends(recording) is not None

    def training_examples(self, examples: Examples) -> HalfBeats:
        """Half beats that are changed at random."""
        return self._clips(examples, seed=examples.seed, changes=examples.changes)

    def validation_examples(self, examples: Examples) -> HalfBeats:
        """The same half beats as they are."""
        return self._clips(examples, seed=None, changes=ClipChanges())

    def inputs(self, batch: HalfBeatBatch) -> tuple[Tensor, ...]:
        """Clips (B, T, S, S), masks (B, K, 2, S, S), which are known (B, K), labels (B,)."""
        return batch.clips, batch.masks, batch.is_known, batch.label

    def terms(
        self, model: EchoModel, clips: Tensor, masks: Tensor, is_known: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """Outlines that are known, appearance, shape, and EF."""
        shown = model.normalise(clips)
        read = cast(CoLearning, model.encoder).outputs(shown)
        ends = read.logits[:, :, [0, -1]]
        appearance = appearance_loss(shown[:, 0], read.fields, smoothness=_SMOOTHNESS)
        return {
            # As frames of one channel each: which outline it is does not matter to the loss.
            "outlines": overlap_loss(ends[is_known].flatten(0, 1)[:, None], masks[is_known].flatten(0, 1)[:, None]),
            "appearance": _APPEARANCE * appearance,
            "shape": shape_loss(read.logits, masks, is_known, read.fields),
            "ef": _EF * ef_fraction_loss(read.ef_fraction, labels),
        }

    @torch.no_grad()
    def end_masks(self, network: EchoModel, batch: HalfBeatBatch) -> tuple[Masks, Masks]:
        """The cavity at ED and at ES."""
        device = next(network.parameters()).device
        logits: Tensor = self.outputs(network, batch.clips.to(device)).logits
        return (logits[:, 0, [0, -1]] > 0).cpu().numpy(), batch.masks[:, 0].numpy()

    def _clips(self, examples: Examples, *, seed: int | None, changes: ClipChanges) -> HalfBeats:
        sampling = self.recipe.input
        assert sampling.interpolation is not None
        return HalfBeats(
            self._traced(examples),
            outlines=CoLearning.outlines,
            num_frames=sampling.num_frames,
            time=sampling.interpolation,
            changes=changes,
            seed=seed,
            stage=examples.stage,
        )

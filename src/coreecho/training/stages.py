"""What one step of each stage does. `training_step` reads like Algorithm 1 of the paper."""

import math
from abc import ABC, abstractmethod
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional

from coreecho.datasets.clip_dataset import ClipBatch
from coreecho.datasets.randomness import Purpose, generator_for
from coreecho.losses import rank_n_contrast_loss
from coreecho.models.echo_model import EchoModel
from coreecho.training.distributed import gather_with_gradients
from coreecho.training.optimizers import build_optimizer
from coreecho.training.recipe import Recipe

StageName = Literal["stage1", "stage2"]


class Stage(pl.LightningModule, ABC):
    """One stage of the training.

    Args:
        model: encoder and head, trained in place.
        recipe: of the run.
        steps_per_epoch: of this stage.
        first_step: steps of this stage already done.
        optimizer_state: of AdamW after those steps; None at the first.
    """

    name: StageName
    number: int

    def __init__(
        self,
        model: EchoModel,
        recipe: Recipe,
        *,
        steps_per_epoch: int,
        first_step: int = 0,
        optimizer_state: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.steps_per_epoch = steps_per_epoch
        self.first_step = first_step
        self.optimizer_state = optimizer_state
        if self.is_encoder_frozen:
            model.encoder.requires_grad_(False)

    @property
    @abstractmethod
    def is_encoder_frozen(self) -> bool:
        """Whether the head alone learns."""

    @staticmethod
    @abstractmethod
    def num_views_of(recipe: Recipe) -> int:
        """Clips of each recording in a step."""

    @property
    def selection(self) -> str | None:
        """The validation metric whose smallest value makes the best epoch; None where the last epoch is."""
        return self.recipe.task.selection

    @staticmethod
    @abstractmethod
    def epochs_of(recipe: Recipe) -> int:
        """Epochs of this stage."""

    @property
    def epochs(self) -> int:
        """Epochs of this stage."""
        return self.epochs_of(self.recipe)

    @property
    def step(self) -> int:
        """Optimiser steps of this stage that are done, those before a resume included."""
        return self.first_step + self.global_step

    @property
    def num_steps(self) -> int:
        """Optimiser steps of the whole stage."""
        return self.epochs * self.steps_per_epoch

    @abstractmethod
    def losses(self, clips: Tensor, num_valid_frames: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Terms of the loss, whose sum is minimised.

        Args:
            clips: (B V, T, H, W) uint8, the views of a recording beside each other.
            num_valid_frames: (B V,).
            labels: (B V,), EF in percent, or 1 with an infarction and 0 without.
        """

    def learning_rate_factor(self, step: int) -> float:
        """What the recipe's learning rate is multiplied with at a step; constant unless a stage says otherwise."""
        return 1.0

    def training_step(self, batch: ClipBatch, batch_idx: int) -> dict[str, Tensor]:
        """Loss of one batch: {"loss": total, and its terms, detached}."""
        terms = self.losses(
            batch.clips.flatten(0, 1),
            batch.num_valid_frames.flatten(),
            batch.label.repeat_interleave(batch.clips.shape[1]),
        )
        return {"loss": torch.stack(list(terms.values())).sum()} | {name: term.detach() for name, term in terms.items()}

    def embed(self, clips: Tensor, num_valid_frames: Tensor) -> Tensor:
        """Embeddings (B V, D); without a graph where the encoder is frozen."""
        with torch.set_grad_enabled(not self.is_encoder_frozen):
            return self.model.embed(clips, num_valid_frames)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set what depends on the step alone, so that a resumed run needs no more than its number."""
        if self.is_encoder_frozen:
            # Its batch statistics and dropout stay still as well.
            self.model.encoder.eval()
        # Dropout draws from torch's global generator.
        stream = generator_for(
            self.recipe.seed,
            Purpose.DROPOUT,
            stage=self.number,
            epoch=self.step,
            view=self.global_rank,
        )
        torch.manual_seed(int(stream.integers(2**63)))
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.recipe.learning_rate * self.learning_rate_factor(self.step)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The recipe's optimiser over the parameters that this stage trains.

        The published code has an optimiser for the encoder and one for the head with equal settings; as the
        stop-gradient leaves no parameter with gradients of both losses, that is one optimiser on the sum of Eq. (1).
        """
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = build_optimizer(self.recipe, trained)
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
        return optimizer


class Stage1(Stage):
    """Encoder and head together: Algorithm 1 of the paper, or a baseline; or the head alone, MLP probing."""

    name = "stage1"
    number = 1

    def __init__(self, model: EchoModel, recipe: Recipe, **progress: Any) -> None:
        super().__init__(model, recipe, **progress)
        if recipe.objective == "rnc":
            # Nothing of its loss reaches the head, and processes that share gradients would wait for it.
            model.head.requires_grad_(False)

    @property
    def is_encoder_frozen(self) -> bool:
        """Whether the recipe probes."""
        return self.recipe.trained == "head"

    @staticmethod
    def num_views_of(recipe: Recipe) -> int:
        """Two, unless the recipe wants one."""
        return 1 if recipe.views == "one_clip" else 2

    @property
    def selection(self) -> str | None:
        """As for any stage; but with Rank-N-Contrast alone the head, and so the validation, says nothing yet."""
        return None if self.recipe.objective == "rnc" else super().selection

    @staticmethod
    def epochs_of(recipe: Recipe) -> int:
        """Epochs of stage 1."""
        return recipe.stage1_epochs

    def losses(self, clips: Tensor, num_valid_frames: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Eq. (1): Rank-N-Contrast on the embeddings, L1 on the prediction from SG(embeddings). Or what is asked."""
        embeddings, objective = self.embed(clips, num_valid_frames), self.recipe.objective
        if objective == "l1" or objective == "mse" or objective == "bce":
            return {objective: prediction_loss(objective, self.model.predict(embeddings), labels)}
        contrast = rank_n_contrast_loss(
            gather_with_gradients(embeddings), gather_with_gradients(labels), self.recipe.temperature
        )
        if objective == "rnc":
            return {"rnc": contrast}
        return {"rnc": contrast, "l1": prediction_loss("l1", self.model.predict(embeddings.detach()), labels)}

    def learning_rate_factor(self, step: int) -> float:
        """Warm-up, then the recipe's schedule."""
        warmup = min(1.0, (step + 1) / (self.recipe.warmup_steps + 1))
        if self.recipe.schedule == "step":
            return warmup * self.recipe.decay_factor ** (step // (self.recipe.decay_every * self.steps_per_epoch))
        if self.recipe.schedule == "constant":
            return warmup
        return warmup * 0.5 * (1 + math.cos(math.pi * step / self.num_steps))


class Stage2(Stage):
    """Head alone on the frozen encoder: Eq. (2) of the paper. One view of each video, constant learning rate."""

    name = "stage2"
    number = 2

    @staticmethod
    def epochs_of(recipe: Recipe) -> int:
        """Epochs of stage 2."""
        return recipe.stage2_epochs

    def __init__(self, model: EchoModel, recipe: Recipe, **progress: Any) -> None:
        super().__init__(model, recipe, **progress)
        model.head.requires_grad_(True)

    @property
    def is_encoder_frozen(self) -> bool:
        """Always."""
        return True

    @staticmethod
    def num_views_of(recipe: Recipe) -> int:
        """One."""
        return 1

    def losses(self, clips: Tensor, num_valid_frames: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """L1 on the prediction from SG(embeddings)."""
        predicted = self.model.predict(self.embed(clips, num_valid_frames))
        return {"l1": prediction_loss("l1", predicted, labels)}


def prediction_loss(kind: Literal["l1", "mse", "bce"], predicted: Tensor, labels: Tensor) -> Tensor:
    """Mean loss of predictions (B,) against labels (B,): EF in percent, or with `bce` logits against 0 and 1."""
    if kind == "l1":
        return functional.l1_loss(predicted, labels)
    if kind == "mse":
        return functional.mse_loss(predicted, labels)
    return functional.binary_cross_entropy_with_logits(predicted, labels)


STAGES: dict[StageName, type[Stage]] = {"stage1": Stage1, "stage2": Stage2}

"""What one step of each stage does. `training_step` reads like Algorithm 1 of the paper."""

import math
from abc import ABC, abstractmethod
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor

from coreecho.datasets.clip_dataset import ClipBatch
from coreecho.datasets.randomness import Purpose, generator_for
from coreecho.losses import rank_n_contrast_loss
from coreecho.models.ef_model import EFModel
from coreecho.training.distributed import gather_with_gradients
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
    num_views: int

    def __init__(
        self,
        model: EFModel,
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
    def losses(self, clips: Tensor, num_valid_frames: Tensor, ef_percent: Tensor) -> dict[str, Tensor]:
        """Terms of the loss, whose sum is minimised.

        Args:
            clips: (B V, T, H, W) uint8, the views of a study beside each other.
            num_valid_frames: (B V,).
            ef_percent: (B V,), true EF.
        """

    def learning_rate_factor(self, step: int) -> float:
        """What the recipe's learning rate is multiplied with at a step; constant unless a stage says otherwise."""
        return 1.0

    def training_step(self, batch: ClipBatch, batch_idx: int) -> dict[str, Tensor]:
        """Loss of one batch: {"loss": total, and its terms, detached}."""
        terms = self.losses(
            batch.clips.flatten(0, 1),
            batch.num_valid_frames.flatten(),
            batch.ef_percent.repeat_interleave(batch.clips.shape[1]),
        )
        return {"loss": torch.stack(list(terms.values())).sum()} | {name: term.detach() for name, term in terms.items()}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set what depends on the step alone, so that a resumed run needs no more than its number."""
        # Dropout draws from torch's global generator.
        stream = generator_for(
            self.recipe.seed, Purpose.DROPOUT, epoch=self.step, study=self.global_rank, view=self.num_views
        )
        torch.manual_seed(int(stream.integers(2**63)))
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.recipe.learning_rate * self.learning_rate_factor(self.step)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW over the parameters that this stage trains.

        The published code has an optimiser for the encoder and one for the head with equal settings; as the
        stop-gradient leaves no parameter with gradients of both losses, that is one AdamW on the sum of Eq. (1).
        """
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=self.recipe.learning_rate, weight_decay=self.recipe.weight_decay)
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
        return optimizer


class Stage1(Stage):
    """Encoder and head together: Algorithm 1 of the paper, or its baseline, L1 end to end."""

    name = "stage1"
    num_views = 2

    @staticmethod
    def epochs_of(recipe: Recipe) -> int:
        """Epochs of stage 1."""
        return recipe.stage1_epochs

    def losses(self, clips: Tensor, num_valid_frames: Tensor, ef_percent: Tensor) -> dict[str, Tensor]:
        """Eq. (1): Rank-N-Contrast on the embeddings, L1 on the prediction from SG(embeddings)."""
        embeddings = self.model.embed(clips, num_valid_frames)
        if self.recipe.objective == "l1":
            return {"l1": (self.model.predict_ef(embeddings) - ef_percent).abs().mean()}
        predicted = self.model.predict_ef(embeddings.detach())
        return {
            "rnc": rank_n_contrast_loss(
                gather_with_gradients(embeddings), gather_with_gradients(ef_percent), self.recipe.temperature
            ),
            "l1": (predicted - ef_percent).abs().mean(),
        }

    def learning_rate_factor(self, step: int) -> float:
        """Warm-up, then the recipe's schedule."""
        warmup = min(1.0, (step + 1) / (self.recipe.warmup_steps + 1))
        if self.recipe.schedule == "step":
            return warmup * (
                self.recipe.decay_factor if step >= self.recipe.decay_epoch * self.steps_per_epoch else 1.0
            )
        return warmup * 0.5 * (1 + math.cos(math.pi * step / self.num_steps))


class Stage2(Stage):
    """Head alone on the frozen encoder: Eq. (2) of the paper. One view of each video, constant learning rate."""

    name = "stage2"
    num_views = 1

    @staticmethod
    def epochs_of(recipe: Recipe) -> int:
        """Epochs of stage 2."""
        return recipe.stage2_epochs

    def __init__(self, model: EFModel, recipe: Recipe, **progress: Any) -> None:
        super().__init__(model, recipe, **progress)
        self.model.encoder.requires_grad_(False)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Keep the encoder's batch statistics and dropout still as well."""
        self.model.encoder.eval()
        super().on_train_batch_start(batch, batch_idx)

    def losses(self, clips: Tensor, num_valid_frames: Tensor, ef_percent: Tensor) -> dict[str, Tensor]:
        """L1 on the prediction from SG(embeddings)."""
        with torch.no_grad():
            embeddings = self.model.embed(clips, num_valid_frames)
        return {"l1": (self.model.predict_ef(embeddings) - ef_percent).abs().mean()}


STAGES: dict[StageName, type[Stage]] = {"stage1": Stage1, "stage2": Stage2}

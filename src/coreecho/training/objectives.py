"""What a stage of the training minimises. The `terms` of each objective read like its equation.

An objective is a lesson (see `lesson.py`) of one number that is read from a clip. It owns how many clips of a recording
a step looks at, which parts of the model learn from it, and the terms of its loss. A further one is a class of this
kind, in this package or any other: `objective: my_package.module:Mine`. What teaches something else than a number, such
as outlines, derives from `Lesson` itself.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from coreecho.datasets.clip_dataset import ClipBatch, TrainingClips, ValidationClips
from coreecho.errors import RecipeError
from coreecho.losses import rank_n_contrast_loss
from coreecho.models.echo_model import EchoModel
from coreecho.tasks import MI, Task
from coreecho.training.distributed import gather_with_gradients
from coreecho.training.lesson import Examples, Lesson
from coreecho.training.number_lesson import NumberLesson
from coreecho.training.parts import OBJECTIVES
from coreecho.training.validation import validate, validation_metrics

if TYPE_CHECKING:
    from coreecho.training.recipe import Recipe

# Mean losses of predictions (B,) against labels (B,); of `bce` logits against 0 and 1.
PREDICTION_LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,
    "mse": functional.mse_loss,
    "huber": functional.huber_loss,
    "bce": functional.binary_cross_entropy_with_logits,
}
# What people call them and L_RnC; terms of other objectives are called what they are called in metrics.csv.
TERM_NAMES: Mapping[str, str] = {
    "rnc": "Rank-N-Contrast",
    "l1": "L1",
    "mse": "squared error",
    "huber": "Huber loss",
    "bce": "cross-entropy",
}
_VIEWS = {"two_clips": 2, "same_clip": 2, "one_clip": 1}


class Objective(NumberLesson):
    """What a stage of the training minimises, of a number that is read from a clip.

    Args:
        recipe: of the run.

    Attributes:
        loss: name of the loss that it takes of predictions; None where it takes none, or one of its own.
        learns_encoder: whether the encoder learns from it; else it stays as it is, batch statistics included.
        learns_head: whether the head learns from it.
        num_views: V, clips of each recording in a step.
    """

    loss: ClassVar[str | None] = None
    learns_encoder: bool = True
    learns_head: bool = True

    def __init__(self, recipe: "Recipe") -> None:
        super().__init__(recipe)
        self.num_views = _VIEWS[recipe.views]

    @abstractmethod
    def terms(self, model: EchoModel, clips: Tensor, num_valid_frames: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Terms of the loss, by name, whose sum is minimised.

        Args:
            model: learns.
            clips: (B V, T, H, W) uint8, the views of a recording beside each other.
            num_valid_frames: (B V,), frames of each clip that are not padding.
            labels: (B V,), what the task learns.
        """

    @property
    def selects(self) -> bool:
        """Whether the validation tells good epochs from bad ones. A head that does not learn says nothing."""
        return self.learns_head

    @property
    def selection(self) -> str:
        """The task's."""
        return self.recipe.task.selection

    @property
    def unit(self) -> str:
        """Of the task's errors."""
        return self.recipe.task.error_unit

    def fits(self, task: Task) -> bool:
        """Whether it can teach this task."""
        return self.loss is None or self.loss in task.losses

    def faults(self) -> list[str]:
        """Losses that the task has not, a head that nothing trains, and where it cannot start."""
        recipe, task, losses = self.recipe, self.recipe.task, ", ".join(self.recipe.task.losses)
        faults = []
        if not self.fits(task):
            faults.append(
                f"objective is {recipe.objective} and task is {task.name}, expected an objective with a loss that "
                f"fits the task: {losses}"
            )
        if not self.learns_head and not recipe.stage2:
            faults.append(
                f"objective is {recipe.objective} and stage2 is false, expected true: nothing else trains the head"
            )
        if recipe.stage2 and not Refining(recipe).fits(task):
            faults.append(
                f"task is {task.name} and stage2 is true, expected false: stage 2 refines the head by "
                f"{Refining.loss}, and the losses that fit the task are {losses}"
            )
        return [*faults, *super().faults()]

    def embed(self, model: EchoModel, clips: Tensor, num_valid_frames: Tensor) -> Tensor:
        """Embeddings (B V, D); without a graph where the encoder does not learn."""
        with torch.set_grad_enabled(self.learns_encoder):
            return model.embed(clips, num_valid_frames)

    def training_examples(self, examples: Examples) -> TrainingClips:
        """Random clips, as many of each recording as it looks at."""
        recipe = self.recipe
        return TrainingClips(
            examples.recordings,
            examples.store,
            recipe.input,
            views=self.num_views,
            is_same_clip=recipe.shows_same_clip,
            augment=examples.changes.augment,
            distortions=examples.changes.distortions,
            stride_spread=recipe.stride_spread,
            ramp_epochs=examples.changes.ramp_epochs,
            seed=examples.seed,
            stage=examples.stage,
            task=recipe.task,
        )

    def validation_examples(self, examples: Examples) -> ValidationClips:
        """Evenly placed clips."""
        recipe = self.recipe
        return ValidationClips(
            examples.recordings, examples.store, recipe.input, num_clips=recipe.validation_clips, task=recipe.task
        )

    def prepare(self, network: EchoModel) -> None:
        """Only what it teaches has gradients."""
        network.encoder.requires_grad_(self.learns_encoder)
        network.head.requires_grad_(self.learns_head)

    def resting(self, network: EchoModel) -> Sequence[nn.Module]:
        """An encoder that does not learn."""
        return () if self.learns_encoder else (network.encoder,)

    def inputs(self, batch: ClipBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Clips (B V, T, H, W), their valid frames (B V,) and labels (B V,)."""
        num_views = batch.clips.shape[1]
        return batch.clips.flatten(0, 1), batch.num_valid_frames.flatten(), batch.label.repeat_interleave(num_views)

    def validate(self, network: EchoModel, loader: DataLoader[ClipBatch]) -> pd.DataFrame:
        """The mean prediction of each recording's clips; see `training.validation.validate`."""
        return validate(network, loader)

    def figures(self, table: pd.DataFrame) -> dict[str, float]:
        """The task's quick metrics."""
        return validation_metrics(self.recipe.task, table)


class Rnc(Objective):
    """Rank-N-Contrast alone (Zha et al. 2023): the encoder learns, the head waits for the second stage."""

    learns_head = False

    def __init__(self, recipe: "Recipe") -> None:
        super().__init__(recipe)
        self.temperature = recipe.temperature

    def terms(self, model: EchoModel, clips: Tensor, num_valid_frames: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """L_RnC over the embeddings of all processes."""
        return {"rnc": self.contrast(self.embed(model, clips, num_valid_frames), labels)}

    def contrast(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """L_RnC of embeddings (B V, D), together with those of all other processes."""
        return rank_n_contrast_loss(gather_with_gradients(embeddings), gather_with_gradients(labels), self.temperature)


class RncL1(Rnc):
    """CoReEcho: Eq. (1) of Maani et al. 2024, L = L_RnC(E) + L_L1(F_R(SG(E)), y), in Algorithm 1."""

    loss = "l1"
    learns_head = True

    def terms(self, model: EchoModel, clips: Tensor, num_valid_frames: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Rank-N-Contrast for the encoder, and L1 behind the stop-gradient for the head."""
        embeddings = self.embed(model, clips, num_valid_frames)
        return {
            "rnc": self.contrast(embeddings, labels),
            "l1": prediction_loss("l1", model.read_embeddings(embeddings.detach()), labels),
        }


class EndToEnd(Objective):
    """One loss of the predictions, from which encoder and head learn: the baselines."""

    loss: ClassVar[str]

    def terms(self, model: EchoModel, clips: Tensor, num_valid_frames: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The loss of the predictions."""
        predicted = model.read_embeddings(self.embed(model, clips, num_valid_frames))
        return {self.loss: prediction_loss(self.loss, predicted, labels)}

    def for_frozen_encoder(self) -> Objective:
        """MLP probing: the same loss, and the encoder stays as it is."""
        probing = type(self)(self.recipe)
        probing.learns_encoder = False
        return probing


class L1(EndToEnd):
    """Mean absolute error, end to end."""

    loss = "l1"


class MSE(EndToEnd):
    """Mean squared error, end to end: EchoNet-Dynamic's and EchoCoTr's."""

    loss = "mse"


class Huber(EndToEnd):
    """Huber loss, end to end: half the square of an error below 1, and linear above it."""

    loss = "huber"


class BCE(EndToEnd):
    """Binary cross-entropy of logits, end to end: for a diagnosis."""

    usual_task = MI.name
    loss = "bce"


class Refining(L1):
    """Eq. (2) of Maani et al. 2024, the second stage: L1 on F_R(SG(E)), for the head alone, one clip a recording."""

    learns_encoder = False

    def __init__(self, recipe: "Recipe") -> None:
        super().__init__(recipe)
        self.num_views = 1


def objective_class(name: str) -> type[Lesson]:
    """Find an objective.

    Raises:
        RecipeError: the name is unknown, or what it stands for is no objective.
    """
    found: object = OBJECTIVES.get(name)
    if not (isinstance(found, type) and issubclass(found, Lesson)):
        raise RecipeError(
            f"objective is {name!r}, expected a class derived from coreecho.training.objectives.Objective."
        )
    return found


def build_objective(recipe: "Recipe") -> Lesson:
    """Make the objective of the recipe's first stage.

    Raises:
        RecipeError: there is no such objective, or nothing of it is left on the frozen encoder that is asked for.
    """
    objective = objective_class(recipe.objective)(recipe)
    if not recipe.is_of_head_alone:
        return objective
    probing = objective.for_frozen_encoder()
    if probing is None:
        raise RecipeError(
            f"trained is {recipe.trained} and objective is {recipe.objective}, which trains the encoder; expected a "
            "loss of the predictions alone: l1, mse, huber or bce"
        )
    return probing


def prediction_loss(kind: str, predicted: Tensor, labels: Tensor) -> Tensor:
    """Mean loss of predictions (B,) against labels (B,), a scalar.

    Args:
        kind: a key of `PREDICTION_LOSSES`.
        predicted: numbers in the label's unit, or with `bce` logits.
        labels: in their unit, or with `bce` 0 and 1.
    """
    return PREDICTION_LOSSES[kind](predicted, labels)

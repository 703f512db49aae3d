"""What a stage of the training minimises. The `terms` of each objective read like its equation.

An objective owns how many clips of a recording a step looks at, which parts of the model learn from it, and the terms
of its loss. A further one is a class of this kind, in this package or any other: `objective: my_package.module:Mine`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from coreecho.errors import RecipeError
from coreecho.losses import rank_n_contrast_loss
from coreecho.models.echo_model import EchoModel
from coreecho.registry import Registry
from coreecho.tasks import Task
from coreecho.training.distributed import gather_with_gradients

if TYPE_CHECKING:
    from coreecho.training.recipe import Recipe

# Mean losses of predictions (B,) against labels (B,); of `bce` logits against 0 and 1.
PREDICTION_LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,
    "mse": functional.mse_loss,
    "bce": functional.binary_cross_entropy_with_logits,
}
_VIEWS = {"two_clips": 2, "same_clip": 2, "one_clip": 1}


class Objective(ABC):
    """What a stage of the training minimises.

    Args:
        recipe: of the run.

    Attributes:
        usual_task: name of what a recipe learns to read that does not say it.
        loss: name of the loss that it takes of predictions; None where it takes none, or one of its own.
        learns_encoder: whether the encoder learns from it; else it stays as it is, batch statistics included.
        learns_head: whether the head learns from it.
        num_views: V, clips of each recording in a step.
    """

    usual_task: ClassVar[str] = "ef"
    loss: ClassVar[str | None] = None
    learns_encoder: bool = True
    learns_head: bool = True

    def __init__(self, recipe: "Recipe") -> None:
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

    def fits(self, task: Task) -> bool:
        """Whether it can teach this task."""
        return self.loss is None or self.loss in task.losses

    def for_frozen_encoder(self, recipe: "Recipe") -> "Objective | None":
        """What of it teaches the head alone; None where it is about the encoder."""
        return None

    def embed(self, model: EchoModel, clips: Tensor, num_valid_frames: Tensor) -> Tensor:
        """Embeddings (B V, D); without a graph where the encoder does not learn."""
        with torch.set_grad_enabled(self.learns_encoder):
            return model.embed(clips, num_valid_frames)


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

    def for_frozen_encoder(self, recipe: "Recipe") -> Objective:
        """MLP probing: the same loss, and the encoder stays as it is."""
        probing = type(self)(recipe)
        probing.learns_encoder = False
        return probing


class L1(EndToEnd):
    """Mean absolute error, end to end."""

    loss = "l1"


class MSE(EndToEnd):
    """Mean squared error, end to end: EchoNet-Dynamic's and EchoCoTr's."""

    loss = "mse"


class BCE(EndToEnd):
    """Binary cross-entropy of logits, end to end: for a diagnosis."""

    usual_task = "mi"
    loss = "bce"


class Refining(L1):
    """Eq. (2) of Maani et al. 2024, the second stage: L1 on F_R(SG(E)), for the head alone, one clip a recording."""

    learns_encoder = False

    def __init__(self, recipe: "Recipe") -> None:
        super().__init__(recipe)
        self.num_views = 1


OBJECTIVES: Registry[type[Objective]] = Registry(
    "objective",
    "coreecho.objectives",
    {
        "rnc_l1": "coreecho.training.objectives:RncL1",
        "rnc": "coreecho.training.objectives:Rnc",
        "l1": "coreecho.training.objectives:L1",
        "mse": "coreecho.training.objectives:MSE",
        "bce": "coreecho.training.objectives:BCE",
    },
)


def objective_class(name: str) -> type[Objective]:
    """Find an objective.

    Raises:
        RecipeError: the name is unknown, or what it stands for is no objective.
    """
    found = OBJECTIVES.get(name)
    if not (isinstance(found, type) and issubclass(found, Objective)):
        raise RecipeError(
            f"objective is {name!r}, expected a class derived from coreecho.training.objectives.Objective."
        )
    return found


def build_objective(recipe: "Recipe") -> Objective:
    """Make the objective of the recipe's first stage.

    Raises:
        RecipeError: there is no such objective, or nothing of it is left on the frozen encoder that is asked for.
    """
    objective = objective_class(recipe.objective)(recipe)
    if recipe.trained == "all":
        return objective
    probing = objective.for_frozen_encoder(recipe)
    if probing is None:
        raise RecipeError(
            f"trained is {recipe.trained} and objective is {recipe.objective}, which trains the encoder; expected a "
            "loss of the predictions alone: l1, mse or bce"
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

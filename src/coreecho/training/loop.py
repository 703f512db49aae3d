"""One stage of the training, step by step: Algorithm 1 of Maani et al. 2024 in stage 1, and Eq. (2) in stage 2."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from coreecho.datasets.randomness import Purpose, generator_for
from coreecho.stopping import Stop
from coreecho.training.distributed import share_batch_statistics
from coreecho.training.fabric import seed_generators
from coreecho.training.lesson import Lesson
from coreecho.training.optimisers import build_optimiser
from coreecho.training.recorder import Recorder
from coreecho.training.stages import Stage

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def run_stage(
    stage: Stage,
    model: nn.Module,
    batches: DataLoader[Any],
    validation: DataLoader[Any] | None,
    recorder: Recorder,
    *,
    fabric: "Fabric",
    stop: Stop,
) -> bool:
    """Train from the step at which the run's state stands to the stage's end, or until a stop is asked for.

    Args:
        stage: says what is minimised, and at which rate.
        model: on the fabric's device, with the state's weights; it learns in place.
        batches: what remains of the stage.
        validation: the validation split; None where there is none.
        recorder: keeps the state, the best weights and the figures.
        fabric: what it runs on.
        stop: asked after each step.

    Returns:
        Whether it was stopped before its end.
    """
    learner = fabric.setup_module(Learner(model, stage.objective))
    optimizer = build_optimiser(stage.recipe, [each for each in model.parameters() if each.requires_grad])
    state = recorder.state
    if state.optimizer is not None:
        optimizer.load_state_dict(state.optimizer)
    for batch in batches:
        _set_learning_rate(optimizer, stage.learning_rate(state.step, recorder.steps_per_epoch))
        _seed_dropout(stage, state.step, fabric)

        terms = learner(*fabric.to_device(stage.objective.inputs(batch)))
        loss = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()

        is_stopping = recorder.note_step(loss, terms, is_stopping=stop.is_set)
        if recorder.is_epoch_done:
            with fabric.autocast():
                predictions = None if validation is None else stage.objective.validate(model, validation)
            learner.train()
            recorder.finish_epoch(predictions, optimizer, learning_rate=optimizer.param_groups[0]["lr"])
        elif is_stopping or recorder.is_save_due:
            recorder.save_state(optimizer)
        if is_stopping:
            return True
    return False


class Learner(nn.Module):
    """A model with its objective: from a batch to the terms of the loss in one call, which processes share.

    Only what the objective teaches has gradients, and what does not learn stays in evaluation mode: its batch
    statistics and dropout stand still as well.
    """

    def __init__(self, model: nn.Module, objective: Lesson) -> None:
        super().__init__()
        self.model = model
        self.objective = objective
        objective.prepare(model)
        self.train()

    def train(self, mode: bool = True) -> "Learner":
        """Put what learns into training mode, and leave what does not in evaluation mode."""
        super().train(mode)
        for part in self.objective.resting(self.model):
            part.eval()
        return self

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Terms of the loss; see `Lesson.terms`."""
        return self.objective.terms(self.model, *inputs)


def prepare_model(model: nn.Module, fabric: "Fabric") -> nn.Module:
    """Move a model to the fabric's device, and let several processes share its batch statistics."""
    if fabric.world_size > 1:
        share_batch_statistics(model, on_gpu=fabric.device.type == "cuda")
    return model.to(fabric.device)


def _set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _seed_dropout(stage: Stage, step: int, fabric: "Fabric") -> None:
    """Make what dropout draws a function of the step, so that a run that is resumed needs no more than its number."""
    stream = generator_for(stage.recipe.seed, Purpose.DROPOUT, stage=stage.number, epoch=step, view=fabric.global_rank)
    seed_generators(int(stream.integers(2**63)), fabric.device)

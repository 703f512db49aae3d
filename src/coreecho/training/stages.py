"""The stages of a training: what each minimises, for how long, at which learning rate."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from coreecho.training.lesson import Lesson
from coreecho.training.objectives import Refining, build_objective
from coreecho.training.recipe import Recipe

StageName = Literal["stage1", "stage2"]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of a training.

    Attributes:
        name: in tables and names of files.
        number: from 1; each has random numbers of its own.
        epochs: passes over the training split.
        objective: what it minimises.
        recipe: of the run.
    """

    name: StageName
    number: int
    epochs: int
    objective: Lesson
    recipe: Recipe

    @property
    def selection(self) -> str | None:
        """The validation metric whose smallest value makes the epoch that is kept; None where the last one is kept."""
        is_best_kept = self.recipe.keeps_best and self.objective.selects
        return self.objective.selection if is_best_kept else None

    def learning_rate(self, step: int, steps_per_epoch: int) -> float:
        """Of a step, counted from 0: stage 1 follows the recipe's schedule, stage 2 keeps its rate."""
        if self.number > 1:
            return self.recipe.learning_rate
        warmup = min(1.0, (step + 1) / (self.recipe.warmup_steps + 1))
        factor = SCHEDULES[self.recipe.schedule](self.recipe, step, steps_per_epoch)
        return self.recipe.learning_rate * (warmup * factor)


def stages_of(recipe: Recipe) -> list[Stage]:
    """The stages that a recipe asks for, in their order."""
    first = Stage(
        name="stage1", number=1, epochs=recipe.stage1_epochs, objective=build_objective(recipe), recipe=recipe
    )
    if not recipe.stage2:
        return [first]
    second = Stage(name="stage2", number=2, epochs=recipe.stage2_epochs, objective=Refining(recipe), recipe=recipe)
    return [first, second]


def _step(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Times `decay_factor` after each `decay_every` epochs."""
    return recipe.decay_factor ** (step // (recipe.decay_every * steps_per_epoch))


def _cosine(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """From 1 at the first step to 0 after the last."""
    return 0.5 * (1 + math.cos(math.pi * step / (recipe.stage1_epochs * steps_per_epoch)))


def _constant(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    return 1.0


# What the learning rate is multiplied with at a step.
SCHEDULES: Mapping[str, Callable[[Recipe, int, int], float]] = {
    "step": _step,
    "cosine": _cosine,
    "constant": _constant,
}

"""A run is made longer: `coreecho train --resume RUN --stage1-epochs 40` of a run that had 25.

Where the learning rate of the epochs that are done would have been the same in the longer run (the schedules `step` and
`constant`, and stage 2), the longer run is, on the CPU, bit for bit the one that had so many epochs from its beginning.
A schedule that is laid out over the whole stage, as `cosine` is, had other rates in them: training goes on at the rate
that the longer schedule has from there on, which is higher than the last one was, and gives other weights than a run of
that length from its beginning. `what_differs` says which it is.

When stage 1 grows, it goes on from its last state, and stage 2 is done again from the new best weights.
"""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from coreecho.errors import CheckpointError, RecipeError
from coreecho.files import replacing, write_whole
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import RunFolder
from coreecho.training.stages import stages_of
from coreecho.training.state import load_state

log = logging.getLogger("coreecho")


def longer_recipe(recipe: Recipe, *, stage1_epochs: int | None, stage2_epochs: int | None) -> Recipe:
    """The recipe with more epochs.

    Raises:
        RecipeError: fewer epochs than the recipe has, or epochs of a stage that it leaves out.
    """
    asked = {"stage1_epochs": stage1_epochs, "stage2_epochs": stage2_epochs}
    given: dict[str, Any] = {
        name: epochs for name, epochs in asked.items() if epochs is not None and epochs != getattr(recipe, name)
    }
    for name, epochs in given.items():
        if epochs < getattr(recipe, name):
            raise RecipeError(
                f"`{name}` is {epochs}, and the run has {getattr(recipe, name)}: a run can only be made longer. "
                "For fewer, train anew with another `--out`."
            )
    if "stage2_epochs" in given and not recipe.stage2:
        raise RecipeError("`stage2_epochs` is given, and the run has no stage 2: leave it out.")
    return replace(recipe, **given) if given else recipe


def what_differs(recipe: Recipe, longer: Recipe, *, steps_per_epoch: int = 100) -> str:
    """What a longer run is, beside one that was as long from its beginning, in a sentence.

    Args:
        recipe: of the run as it was.
        longer: of the run as it shall be.
        steps_per_epoch: of both; any number shows whether the rates differ.
    """
    before, after = stages_of(recipe)[0], stages_of(longer)[0]
    last = before.epochs * steps_per_epoch - 1
    rates = [stage.learning_rate(step, steps_per_epoch) for stage in (before, after) for step in range(last + 1)]
    if rates[: last + 1] == rates[last + 1 :]:
        return (
            f"The schedule ({recipe.schedule}) is the same in the epochs that are done: this becomes the run that had "
            "so many epochs from its beginning, on the CPU bit for bit."
        )
    return (
        f"The {recipe.schedule} schedule was laid out over {before.epochs} epochs, and the rate had come down to "
        f"{rates[last]:.2g}. It is now laid out over {after.epochs}: training goes on at {rates[-1]:.2g}, and the "
        "weights will not be those of a run that had so many epochs from its beginning."
    )


def keep_stage(run: RunFolder, stage: str) -> None:
    """Keep the last state of a stage that is done, beside its weights, before another follows."""
    # A copy: until the next state is saved, this one is what the run goes on from.
    if run.state.is_file():
        with replacing(run.stage_state(stage)) as temporary:
            shutil.copyfile(run.state, temporary)


def lengthen(run: RunFolder, longer: Recipe) -> None:
    """Put a run to where it goes on as one of more epochs. Cut off at any point, the same call mends it.

    Args:
        run: finished or not; nobody trains in it.
        longer: its recipe, with more epochs.

    Raises:
        CheckpointError: it kept no state of the stage that grows.
        OSError: the files cannot be written.
    """
    grows_first = longer.stage1_epochs > run.recipe.stage1_epochs
    if grows_first and run.state.exists() and load_state(run.state).stage != stages_of(run.recipe)[0].name:
        _return_to_stage1(run)
    if run.info["is_finished"] and not run.state.exists():
        raise CheckpointError(
            f"{run.state} is missing: this run cannot be made longer, since no state was kept of where it ended. "
            "Train anew with another `--out`."
        )
    log.info("made longer: %s", what_differs(run.recipe, longer))
    before: Mapping[str, int] = {"stage1_epochs": run.recipe.stage1_epochs, "stage2_epochs": run.recipe.stage2_epochs}
    run.info["lengthened"] = [*run.info.get("lengthened", ()), dict(before)]
    # First this: a run that is not finished goes on, whichever of the two recipes it finds.
    run.info["is_finished"] = False
    run.write_info()
    run.recipe = longer
    run.write_recipe()


def _return_to_stage1(run: RunFolder) -> None:
    """Make the last state of stage 1 the run's, and its best weights the run's best."""
    state = run.stage_state("stage1")
    if not state.is_file():
        raise CheckpointError(
            f"{state} is missing: stage 1 of this run cannot be made longer, since its last state was not kept (it is "
            "from this version on). `--stage2-epochs` can be given, or train anew with another `--out`."
        )
    history = load_state(state).history
    pairs = {
        run.stage_weights("stage1"): run.best_weights,
        run.stage_validation("stage1"): run.validation,
        state: run.state,
    }
    for kept, place in pairs.items():
        if kept.is_file():
            write_whole(place, kept.read_bytes())
    run.write_metrics(history)

"""`coreecho train`."""

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from cyclopts import App, Parameter
from cyclopts.config import Yaml
from rich.console import Console

from coreecho.errors import RecipeError
from coreecho.report.figures import bland_altman, learning_curves, scatter
from coreecho.training.recipe import Recipe, find_recipe
from coreecho.training.run import resume as resume_run
from coreecho.training.run import train as train_run
from coreecho.training.run_folder import Hardware, RunFolder


def _recipe_file_as_defaults(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """Let the named recipe's YAML give every setting that no flag gives."""
    for argument in arguments:
        if argument.field_info.name == "recipe_name" and argument.tokens:
            path = find_recipe(argument.tokens[0].value)
            Yaml(str(path), use_commands_as_keys=False)(app, commands, arguments)


app = App(name="train", config=_recipe_file_as_defaults)


@app.default
def train(
    recipe_name: str | None = None,
    /,
    *,
    data: Path | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    dataset: str = "echonet",
    store: Path | None = None,
    checkpoint_minutes: float = 5.0,
    hardware: Annotated[Hardware | None, Parameter(name="*")] = None,
    recipe: Recipe | None = None,
) -> int:
    """Train a model, or go on with a run.

    Parameters
    ----------
    recipe_name:
        A recipe that comes with coreecho (`echonet`, `demo`) or the path of a YAML file.
    data:
        Root of the data set.
    out:
        Folder of the run [default: runs/RECIPE-seedSEED].
    resume:
        Folder of a run to go on with, instead of a recipe.
    dataset:
        Layout of the data set.
    store:
        Folder for the decoded frames [default: beside the data].
    checkpoint_minutes:
        The longest time between two saved states; 0 saves after every step.
    hardware:
        What to compute on.
    recipe:
        The settings of the recipe; each flag overrules the recipe's file.
    """
    settings: dict[str, Any] = {"checkpoint_minutes": checkpoint_minutes, "show_progress": True}
    if resume is not None:
        if recipe_name is not None or recipe is not None or out is not None:
            raise RecipeError(
                "`--resume RUN` goes on with the recipe of that run: give no recipe, setting or `--out` with it."
            )
        run = resume_run(resume, data=data, hardware=hardware, **settings)
    else:
        if recipe_name is None or data is None:
            raise RecipeError(
                "Say what to train: `coreecho train RECIPE --data ROOT`, or `coreecho train --resume RUN`."
            )
        recipe = recipe or Recipe()
        out = out or Path("runs") / f"{recipe.name}-seed{recipe.seed}"
        run = train_run(recipe, data=data, out=out, dataset=dataset, store=store, hardware=hardware, **settings)
    return show_run(run)


def show_run(run: RunFolder) -> int:
    """Draw the run's plots and say where it stands; 130, as after Ctrl-C, when it was stopped."""
    console = Console(stderr=True)
    if (run.path / "metrics.csv").exists():
        draw_run(run)
    if not run.is_finished:
        console.print(f"Stopped. Go on with: coreecho train --resume {run.path}")
        return 130
    metrics = run.metrics()
    best = metrics.val_mae[metrics.stage == metrics.stage.iloc[-1]].min()
    kind = " (simulated hearts)" if run.data.is_phantom else ""
    console.print(f"Finished: {run.path}, best validation MAE {best:.2f} EF points{kind}.")
    console.print(f"Next: coreecho evaluate {run.path}")
    return 0


def draw_run(run: RunFolder) -> None:
    """Draw learning curves, and scatter and Bland-Altman of the validation split."""
    plots = run.path / "plots"
    plots.mkdir(exist_ok=True)
    validation = pd.read_csv(run.path / "validation.csv")
    learning_curves(run.metrics(), plots / "learning_curves.png", is_phantom=run.data.is_phantom)
    scatter(validation, plots / "validation_scatter.png", is_phantom=run.data.is_phantom)
    bland_altman(validation, plots / "validation_bland_altman.png", is_phantom=run.data.is_phantom)

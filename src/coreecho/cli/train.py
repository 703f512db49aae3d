"""`coreecho train`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from cyclopts import App, Parameter
from cyclopts.config import Dict
from rich.console import Console

from coreecho.cli.whole_numbers import refuse_fractions
from coreecho.datasets.layout import LAYOUTS, parse_options
from coreecho.errors import CoReEchoError, RecipeError
from coreecho.evaluation.calibrating import calibrate_subject
from coreecho.evaluation.measured_clips import Computing
from coreecho.inference.subject import open_subject
from coreecho.models.weights import hash_weights
from coreecho.report.figures import bland_altman, learning_curves, scatter
from coreecho.stopping import Stop, stop_on_signals
from coreecho.training.fabric import is_first_process
from coreecho.training.recipe import Recipe, find_recipe, read_recipe_file
from coreecho.training.run import resume as resume_run
from coreecho.training.run import train as train_run
from coreecho.training.run_folder import Hardware, RunFolder
from coreecho.trust import calibration_path, read_calibration, write_calibration


def _files_as_defaults(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """Let the recipe's YAML, or the hardware of the run to go on with, give every setting that no flag gives."""
    given = {argument.field_info.name: argument.tokens[0].value for argument in arguments if argument.tokens}
    if "recipe_name" in given:
        path = find_recipe(given["recipe_name"])
        Dict(_flags_of(read_recipe_file(path)), source=str(path), use_commands_as_keys=False)(app, commands, arguments)
    elif "resume" in given:
        saved = asdict(RunFolder.open(given["resume"]).hardware)
        known = {name: value for name, value in saved.items() if value is not None}
        Dict(known, source=given["resume"], use_commands_as_keys=False)(app, commands, arguments)


def _flags_of(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a file as flags give them; what a file leaves open, `null`, is no flag."""
    return {name: value for name, value in settings.items() if value is not None}


app = App(name="train", config=(refuse_fractions, _files_as_defaults))


@app.default
def train(
    recipe_name: str | None = None,
    /,
    *,
    data: Path | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    dataset: str | None = None,
    fold: int | None = None,
    view: str | None = None,
    option: list[str] | None = None,
    leave_out_faulty: Annotated[bool, Parameter(negative=())] = False,
    store: Path | None = None,
    checkpoint_minutes: float = 5.0,
    tensorboard: bool = False,
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
        Layout of the data set: `echonet`, `echonet-pediatric`, `camus`, `hmc-qu` or `table` [default: echonet].
    fold:
        Of a data set with folds: the one that is tested; the next one validates [default: its loader's].
    view:
        Of a data set with several views: which, such as `A2C` [default: its loader's].
    option:
        Another option of the data set as NAME=VALUE: `columns=path=file,ef_percent=LVEF` of `table`,
        `end_frame=exclusive` of `hmc-qu`, `folds=blocks` of `camus`. May be given more than once.
    leave_out_faulty:
        Take the recordings that nothing is wrong with, and name the others, instead of refusing the data set.
    store:
        Folder for the decoded frames [default: beside the data].
    checkpoint_minutes:
        The longest time between two saved states; 0 saves after every step.
    tensorboard:
        Write TensorBoard's files into the run's folder as well.
    hardware:
        What to compute on.
    recipe:
        The settings of the recipe; each flag overrules the recipe's file.
    """
    keeping: dict[str, Any] = {
        "checkpoint_minutes": checkpoint_minutes,
        "show_progress": True,
        "tensorboard": tensorboard,
    }
    if resume is not None:
        if any(given is not None for given in (recipe_name, recipe, out, dataset, fold, view, option)):
            raise RecipeError(
                "`--resume RUN` goes on with the recipe of that run: "
                "give no recipe, setting, `--dataset` or `--out` with it."
            )
        with stop_on_signals(doing="after this step") as stop:
            run = resume_run(resume, data=data, store=store, hardware=hardware, stop=stop, **keeping)
    else:
        if recipe_name is None or data is None:
            raise RecipeError(
                "Say what to train: `coreecho train RECIPE --data ROOT`, or `coreecho train --resume RUN`."
            )
        recipe = recipe or Recipe()
        options = {name: value for name, value in (("fold", fold), ("view", view)) if value is not None}
        options |= parse_options(option or ())
        layout = LAYOUTS.get(dataset or "echonet")
        options = {**layout.options_of(recipe.name), **options}
        if leave_out_faulty:
            options["leave_out_faulty"] = True
        out = out or Path("runs") / f"{recipe.name}-seed{recipe.seed}"
        with stop_on_signals(doing="after this step") as stop:
            run = train_run(
                recipe,
                data=data,
                out=out,
                dataset=dataset or "echonet",
                options=options,
                store=store,
                hardware=hardware,
                stop=stop,
                **keeping,
            )
    return show_run(run, stop) if is_first_process() else 0


def show_run(run: RunFolder, stop: Stop) -> int:
    """Say where a run stands, and draw its plots; 130 or 143 when it was stopped by Ctrl-C or SIGTERM."""
    console = Console(stderr=True)
    if not run.is_finished:
        # Nothing is drawn: who stops a program waits for it, and a cluster not for long.
        console.print(f"Stopped. Go on with: coreecho train --resume {run.path}", markup=False, soft_wrap=True)
        return stop.exit_code
    draw_run(run)
    if said := calibrate_run(run):
        console.print(said, markup=False, soft_wrap=True)
    kind = " (simulated hearts)" if run.data.is_phantom else ""
    console.print(f"Finished: {run.path}{_in_words(run)}{kind}.", markup=False, soft_wrap=True)
    measure = run.lesson.measured_by.format(run=run.path, data=run.data.root, dataset=run.data.dataset)
    console.print(f"Next: {measure}", markup=False, soft_wrap=True)
    return 0


def _in_words(run: RunFolder) -> str:
    """The validation of the weights that were kept, where there is one."""
    metrics, lesson = run.metrics(), run.lesson
    last = metrics[metrics.stage == metrics.stage.iloc[-1]].reset_index(drop=True)
    if lesson.selection not in last or last[lesson.selection].isna().all():
        return ", last epoch"
    epoch = len(last) - 1 if run.recipe.select == "last" else int(last[lesson.selection].argmin())
    name = lesson.selection.removeprefix("val_").upper()
    value = f"{last[lesson.selection][epoch]:.3g} {lesson.unit}".rstrip()
    return f", {run.recipe.select} epoch {epoch + 1} of {len(last)}, validation {name} {value}"


def calibrate_run(run: RunFolder) -> str:
    """Calibrate a finished run on its VAL split; say in one line why it was not, or nothing of what has no intervals.

    A calibration that lies there and is of these weights stays: a site may have made it on its own clips.
    """
    if not run.task.interval_edges:
        return ""
    path = calibration_path(run.best_weights)
    try:
        if path.exists() and read_calibration(path).intervals.model == hash_weights(run.best_weights):
            return f"Calibrated before: {path}."
        computing = Computing(device=run.hardware.device, show_progress=True)
        calibrated = calibrate_subject(open_subject(run), computing=computing)
        write_calibration(path, calibrated)
    except CoReEchoError as error:
        # The training is done, and whole without it.
        return f"Not calibrated, so no EF of this run gets an interval. {error}"
    return f"Calibrated on {calibrated.intervals.num_recordings} recordings of the VAL split: {path}."


def draw_run(run: RunFolder) -> None:
    """Draw learning curves, and of numbers scatter and Bland-Altman of the validation split."""
    metrics, lesson = run.metrics(), run.lesson
    if lesson.selection not in metrics:
        return
    plots = run.path / "plots"
    plots.mkdir(exist_ok=True)
    words: Any = {"task": run.task, "model": run.recipe.name, "is_phantom": run.data.is_phantom}
    learning_curves(metrics, plots / "learning_curves.png", chosen_by=lesson.selection, **words)
    validation = pd.read_csv(run.path / "validation.csv")
    if not run.task.is_number or not {run.task.true_column, run.task.output_column} <= set(validation):
        return
    scatter(validation, plots / "validation_scatter.png", **words)
    bland_altman(validation, plots / "validation_bland_altman.png", **words)

"""`coreecho train`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from cyclopts.config import Dict
from rich.console import Console

from coreecho.cli.data_faults import naming_all_faults
from coreecho.cli.options import LeaveOutFaulty, data_options
from coreecho.cli.typed import CONFIG
from coreecho.errors import CoReEchoError, RecipeError
from coreecho.experiments.seed_runs import parse_seeds
from coreecho.names import counted
from coreecho.training.hardware import Hardware
from coreecho.training.recipe import Recipe, read_recipe_file
from coreecho.training.recipe_files import find_recipe

if TYPE_CHECKING:
    from coreecho.stopping import Stop
    from coreecho.training.run_folder import RunFolder


def _files_as_defaults(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """Let the recipe's YAML, or the run to go on with, give every setting that no flag gives."""
    given = {argument.field_info.name: argument.tokens[0].value for argument in arguments if argument.tokens}
    if "seeds" in given:
        # Here, since to make a recipe brings PyTorch.
        parse_seeds(given["seeds"])
    if "recipe_name" in given:
        path = find_recipe(given["recipe_name"])
        if "data" not in given and "resume" not in given:
            raise _no_data(given["recipe_name"])
        Dict(_flags_of(read_recipe_file(path)), source=str(path), use_commands_as_keys=False)(app, commands, arguments)
    elif "resume" in given:
        from coreecho.training.run_folder import RunFolder

        run = RunFolder.open(given["resume"])
        known = _flags_of({**run.recipe.to_mapping(), **asdict(run.hardware)})
        Dict(known, source=given["resume"], use_commands_as_keys=False)(app, commands, arguments)


def _no_data(recipe_name: str) -> RecipeError:
    return RecipeError(f"Say on which data: `coreecho train {recipe_name} --data ROOT`.")


def _flags_of(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a file as flags give them; what a file leaves open, `null`, is no flag."""
    return {name: value for name, value in settings.items() if value is not None}


app = App(name="train", config=(*CONFIG, _files_as_defaults))


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
    columns: str | None = None,
    option: list[str] | None = None,
    seeds: str | None = None,
    leave_out_faulty: LeaveOutFaulty = False,
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
        Folder of a run to go on with, instead of a recipe. A finished one trains longer with more `--stage1-epochs` or
        `--stage2-epochs` than it had; what that means for its schedule is said.
    dataset:
        Layout of the data set: `echonet`, `echonet-pediatric`, `camus`, `hmc-qu` or `table` [default: echonet].
    fold:
        Of a data set with folds: the one that is tested; the next one validates [default: its loader's].
    view:
        Of a data set with several views: which, such as `A2C` [default: its loader's].
    columns:
        Of `table`, whose columns are `path`, and `ef_percent`, `has_mi`, `esv_ml`, `edv_ml` or any other of numbers;
        optional are `split`, `fold`, `patient`, `id`, `quality` and `view`. Columns by other names:
        `path=file,ef_percent=LVEF`.
    option:
        Another option of the data set as NAME=VALUE: `end_frame=exclusive` of `hmc-qu`, `folds=blocks` of `camus`. May
        be given more than once.
    seeds:
        Train once with each of several seeds, one after the other, into OUT/seed-0, OUT/seed-1, ...: `0:5` are 0 to 4,
        or `1,2,7` [OUT by default: runs/RECIPE]. Stopped, the same command goes on.
    leave_out_faulty:
        Go on without them.
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
    keeping: dict[str, Any] = {"checkpoint_minutes": checkpoint_minutes, "tensorboard": tensorboard}
    options = data_options(option=option, fold=fold, view=view, columns=columns, leave_out_faulty=leave_out_faulty)
    if resume is not None:
        of_new_runs = (recipe_name, out, dataset, fold, view, option, columns, seeds)
        if any(given is not None for given in of_new_runs) or leave_out_faulty:
            raise RecipeError(
                "`--resume RUN` goes on with the recipe of that run, on its data: give no recipe, `--dataset`, option "
                "of the data, `--seeds` or `--out` with it."
            )
        return _go_on(resume, recipe, data=data, store=store, hardware=hardware, keeping=keeping)
    if recipe_name is not None and data is None:
        raise _no_data(recipe_name)
    if recipe_name is None or data is None:
        raise RecipeError("Say what to train: `coreecho train RECIPE --data ROOT`, or `coreecho train --resume RUN`.")
    numbers = None if seeds is None else parse_seeds(seeds)
    recipe = recipe or Recipe()
    from coreecho.datasets.layout import LAYOUTS
    from coreecho.datasets.layout_names import USUAL_LAYOUT

    layout = LAYOUTS.get(dataset or USUAL_LAYOUT)
    options = {**layout.options_of(recipe.name), **options}
    loading: dict[str, Any] = {"dataset": layout.name, "options": options, "store": store}
    if numbers is not None:
        folder = out or Path("runs") / recipe.name
        return _train_seeds(recipe, numbers, folder, {"root": data, **loading}, hardware=hardware, keeping=keeping)
    from coreecho.stopping import stop_on_signals
    from coreecho.training.fabric import is_first_process
    from coreecho.training.run import train as train_run

    out = out or Path("runs") / f"{recipe.name}-seed{recipe.seed}"
    with stop_on_signals(doing="after this step") as stop, naming_all_faults(layout.name, data, options):
        run = train_run(
            recipe, data=data, out=out, hardware=hardware, show_progress=True, stop=stop, **loading, **keeping
        )
    return show_run(run, stop) if is_first_process() else 0


@contextmanager
def _saying_once() -> Iterator[None]:
    """Warnings that say the same are shown once, such as those of a data set that each seed reads anew."""
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        has_been_said = text in said
        said.add(text)
        return not has_been_said

    # What Python shows of warnings where nobody has said otherwise; the runs' own logs keep them all.
    shown = logging.lastResort
    if shown is not None:
        shown.addFilter(is_new)
    try:
        yield
    finally:
        if shown is not None:
            shown.removeFilter(is_new)


def _go_on(
    path: Path,
    recipe: Recipe | None,
    *,
    data: Path | None,
    store: Path | None,
    hardware: Hardware | None,
    keeping: dict[str, Any],
) -> int:
    """Go on with a run; with more epochs, where flags ask for them."""
    from coreecho.stopping import stop_on_signals
    from coreecho.training.fabric import is_first_process
    from coreecho.training.longer import what_differs
    from coreecho.training.run import resume as resume_run
    from coreecho.training.run_folder import RunFolder

    own = RunFolder.open(path, data=data, store=store).recipe
    longer = recipe or own
    lengths = {name: getattr(longer, name) for name in ("stage1_epochs", "stage2_epochs")}
    others = [
        name for name, value in longer.to_mapping().items() if name not in lengths and value != own.to_mapping()[name]
    ]
    if others:
        flags = ", ".join(f"`--{name.replace('_', '-')}`" for name in others)
        raise RecipeError(
            f"`--resume RUN` goes on with the recipe of that run, and only `--stage1-epochs` and `--stage2-epochs` may "
            f"be given with it; got {flags}. Another setting is another run: train anew with another `--out`."
        )
    if longer != own and is_first_process():
        Console(stderr=True).print(what_differs(own, longer), markup=False, soft_wrap=True)
    with stop_on_signals(doing="after this step") as stop:
        run = resume_run(
            path, data=data, store=store, hardware=hardware, show_progress=True, stop=stop, **lengths, **keeping
        )
    return show_run(run, stop) if is_first_process() else 0


def _train_seeds(
    recipe: Recipe,
    numbers: list[int],
    folder: Path,
    data: dict[str, Any],
    *,
    hardware: Hardware | None,
    keeping: dict[str, Any],
) -> int:
    """Train the recipe once with each seed, one after the other."""
    from coreecho.experiments.data import Data
    from coreecho.experiments.runs import Execution, finish_run
    from coreecho.experiments.seed_runs import seed_folder
    from coreecho.stopping import stop_on_signals

    console = Console(stderr=True)
    read = Data(**data)
    with (
        stop_on_signals(doing="after this step") as stop,
        _saying_once(),
        naming_all_faults(read.dataset, read.root, data["options"]),
    ):
        execution = Execution(hardware=hardware, show_progress=True, stop=stop)
        for number in numbers:
            path = seed_folder(folder, number)
            console.rule(f"seed {number}", characters="-")
            run = finish_run(replace(recipe, seed=number), read, path, execution, keeps_state=True, keeping=keeping)
            draw_run(run)
            if said := calibrate_run(run):
                console.print(said, markup=False, soft_wrap=True)
            console.print(f"Finished: {path}{_in_words(run)}{_hearts(run)}.", markup=False, soft_wrap=True)
    alone = f"coreecho compare {folder} for means over the seeds, or " if len(numbers) > 1 else ""
    console.print(f"Next: {alone}coreecho compare {folder} OTHER", markup=False, soft_wrap=True)
    console.print("OTHER: the folder of another recipe, trained with the same seeds.", markup=False, soft_wrap=True)
    return 0


def show_run(run: "RunFolder", stop: "Stop") -> int:
    """Say where a run stands, and draw its plots; 130 or 143 when it was stopped by Ctrl-C or SIGTERM."""
    console = Console(stderr=True)
    if not run.is_finished:
        # Nothing is drawn: who stops a program waits for it, and a cluster not for long.
        console.print(f"Stopped. Go on with: coreecho train --resume {run.path}", markup=False, soft_wrap=True)
        return stop.exit_code
    draw_run(run)
    if said := calibrate_run(run):
        console.print(said, markup=False, soft_wrap=True)
    if left_out := run.info.get("left_out"):
        said = f"{counted(len(left_out), 'recordings')} left out for faults, which {run.path / 'run.json'} lists."
        console.print(said, markup=False, soft_wrap=True)
    console.print(f"Finished: {run.path}{_in_words(run)}{_hearts(run)}.", markup=False, soft_wrap=True)
    measure = run.lesson.measured_by.format(run=run.path, data=run.data.root, dataset=run.data.dataset)
    console.print(f"Next: {measure}", markup=False, soft_wrap=True)
    return 0


def _hearts(run: "RunFolder") -> str:
    return " (simulated hearts)" if run.data.is_phantom else ""


def _in_words(run: "RunFolder") -> str:
    """The validation of the weights that were kept, where there is one."""
    metrics, lesson = run.metrics(), run.lesson
    last = metrics[metrics.stage == metrics.stage.iloc[-1]].reset_index(drop=True)
    if lesson.selection not in last or last[lesson.selection].isna().all():
        return ", last epoch"
    epoch = int(last[lesson.selection].argmin()) if run.recipe.keeps_best else len(last) - 1
    name = lesson.selection.removeprefix("val_").upper()
    value = f"{last[lesson.selection][epoch]:.3g} {lesson.unit}".rstrip()
    return f", {run.recipe.select} epoch {epoch + 1} of {len(last)} of its last stage, validation {name} {value}"


def calibrate_run(run: "RunFolder") -> str:
    """Calibrate a finished run on its VAL split; say in one line why it was not, or nothing of what has no intervals.

    A calibration that lies there and is of these weights stays: a site may have made it on its own clips.
    """
    from coreecho.evaluation.calibrating import calibrate_subject
    from coreecho.evaluation.measured_clips import Computing
    from coreecho.inference.opening import open_subject
    from coreecho.models.weights import hash_weights
    from coreecho.trust import calibration_path, read_calibration, write_calibration

    if not run.task.is_appraised or not run.lesson.reads_number:
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
        return f"Not calibrated, so no EF of this run gets an interval: {error}"
    return f"Calibrated on {calibrated.intervals.num_recordings} recordings of the VAL split: {path}."


def draw_run(run: "RunFolder") -> None:
    """Draw learning curves, and of numbers scatter and Bland-Altman of the validation split."""
    import pandas as pd

    from coreecho.report.figures import bland_altman, learning_curves, scatter

    metrics, lesson = run.metrics(), run.lesson
    if lesson.selection not in metrics:
        return
    plots = run.path / "plots"
    plots.mkdir(exist_ok=True)
    words: Any = {"task": run.task, "model": run.recipe.name, "is_phantom": run.data.is_phantom}
    learning_curves(metrics, plots / "learning_curves.png", chosen_by=lesson.selection, **words)
    validation = pd.read_csv(run.validation)
    if not run.task.is_number or not {run.task.true_column, run.task.output_column} <= set(validation):
        return
    # What a person reads: of some tasks another number than the network's output, which is all that the table holds.
    validation[run.task.predicted_column] = run.task.value_of(validation[run.task.output_column].to_numpy())
    scatter(validation, plots / "validation_scatter.png", **words)
    bland_altman(validation, plots / "validation_bland_altman.png", **words)

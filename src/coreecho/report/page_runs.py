"""The runs of a page: what they are called there, what they were trained on, and how their recipes differ."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from coreecho.datasets import Split
from coreecho.errors import DatasetError
from coreecho.evaluation import Interval, Metrics
from coreecho.evaluation.evaluate import Evaluation
from coreecho.inference.subject import Subject
from coreecho.models.echo_model import EchoModel
from coreecho.report.figures import loss_columns, term_name
from coreecho.report.page_elements import Row, Table
from coreecho.report.pictures import BLUE, VERMILION
from coreecho.saliency.encoder_levels import has_grid
from coreecho.tasks import Task
from coreecho.training.data_folder import DataFolder
from coreecho.training.recipe import Recipe
from coreecho.training.recipe_files import find_recipe, recipe_names
from coreecho.training.run_folder import RunFolder

_STYLES = ((BLUE, "o", "-"), (VERMILION, "s", "--"))
# Where one of two does not say what the other says.
_UNKNOWN = "not known"
_SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class ShownRun:
    """A run on a page.

    Attributes:
        number: 0 for the first.
        count: runs on the page.
        subject: model and recordings.
        model: its weights.
        evaluation: of these weights on these recordings.
        learning: one row an epoch; empty of a file of weights, which does not say how it learned.
    """

    number: int
    count: int
    subject: Subject
    model: EchoModel
    evaluation: Evaluation[Any]
    learning: pd.DataFrame

    @property
    def letter(self) -> str:
        """A or B; empty where the page has one run."""
        return "AB"[self.number] if self.count > 1 else ""

    @property
    def style(self) -> dict[str, str]:
        """Of its lines and dots; runs differ by colour, and for grey and for print by marker and line."""
        colour, marker, line = _STYLES[self.number]
        return {"color": colour, "marker": marker, "linestyle": line}

    @property
    def name(self) -> str:
        """Name of the run's folder or of the file, and nothing of the path to it: that may name people."""
        return self.subject.name

    @property
    def title(self) -> str:
        """`A · demo-seed0`, or without the letter where there is one run."""
        return f"{self.letter} · {self.name}" if self.letter else self.name

    def without_path(self, text: str) -> str:
        """Of the path to the data leave the last part, since the others may name people."""
        run = self.subject.run
        for root in (self.subject.data.root, *([] if run is None else [run.data.root])):
            for path in (root.resolve(), root):
                text = text.replace(str(path), root.resolve().name)
        return text

    @property
    def has_maps(self) -> bool:
        """Whether its encoder gives a grid of the clip somewhere, which Grad-CAM needs."""
        seen = self.model.model_input
        return has_grid(self.model.encoder, (seen.num_frames, seen.frame_size, seen.frame_size))

    @property
    def has_recipe(self) -> bool:
        """Whether it is known by which recipe it learned, and how that went."""
        return self.subject.run is not None

    @property
    def run(self) -> RunFolder:
        """The run that made the weights. Raises ValueError: they are a file of weights."""
        if self.subject.run is None:
            raise ValueError(f"{self.name} is a file of weights, and no run")
        return self.subject.run

    @property
    def metrics(self) -> Metrics:
        """Of its evaluation."""
        metrics: Metrics = self.evaluation.metrics
        return metrics

    @property
    def task(self) -> Task:
        """What it reads."""
        return self.model.task

    @property
    def is_phantom(self) -> bool:
        """Whether simulated hearts have any part in its figures."""
        return self.evaluation.is_phantom or self.subject.learned_from_phantoms


def without_paths(runs: Sequence[ShownRun], text: str) -> str:
    """Of the paths to the data of all runs leave the last part."""
    for run in runs:
        text = run.without_path(text)
    return text


def in_cell(interval: Interval, digits: int = 2) -> str:
    """An estimate and its interval, with real minus signs."""
    return interval.format(digits).replace("-", "−")


def training_table(runs: Sequence[ShownRun]) -> Table:
    """What was trained on what, with what; rows in which two runs differ are marked."""
    facts: dict[str, Callable[[ShownRun], str]] = {
        "Recipe": lambda run: run.subject.recipe_name,
        "Objective": _of_run(_objective),
        "Model": lambda run: f"{run.subject.card.encoder}, {_num_parameters(run):,} parameters",
        "Starting point": _of_run(lambda run: _starting_point(run.run.recipe)),
        "Input": _input,
        "Data": _training_data,
        "Hearts": _hearts,
        "Recordings (train, validation, test)": _of_run(
            lambda run: ", ".join(f"{len(run.run.split_ids[split]):,}" for split in _SPLITS)
        ),
        f"{runs[0].task.noun[0].upper()}{runs[0].task.noun[1:]} of the training recordings": _training_labels,
        "Seed": _of_run(lambda run: str(run.run.recipe.seed)),
        "Epochs done": _of_run(_epochs),
        "Weights shown here": _best_epoch,
    }
    if not all(run.subject.is_own_data for run in runs):
        facts["Tested on"] = lambda run: _named(run.subject.data)
    caption = "What was trained on what" + ("; marked rows differ" if len(runs) > 1 else "")
    return _facts_table(runs, facts, caption)


def small_print_table(runs: Sequence[ShownRun]) -> Table:
    """What whoever wants to make the figures again has to know, and nobody else."""
    facts: dict[str, Callable[[ShownRun], str]] = {
        "Fingerprint of the weights": lambda run: f"SHA-256 {run.subject.weights_sha256[:12]}…",
        "Trained on": _of_run(lambda run: run.run.hardware_words),
        "Precision of these figures": lambda run: run.evaluation.protocol.precision,
        "Versions": _of_run(_versions),
    }
    return _facts_table(runs, facts, "To make these figures again")


def _facts_table(runs: Sequence[ShownRun], facts: Mapping[str, Callable[[ShownRun], str]], caption: str) -> Table:
    known = {name: values for name, fact in facts.items() if any(values := tuple(fact(run) for run in runs))}
    rows = []
    for name, of_runs in known.items():
        values = tuple(value or _UNKNOWN for value in of_runs)
        is_shared = len(runs) > 1 and len(set(values)) == 1
        cells = (name, values[0]) if is_shared else (name, *values)
        rows.append(Row(cells=cells, is_marked=len(set(values)) > 1, is_shared=is_shared))
    return Table(caption=caption, header=("", *(run.title for run in runs)), rows=tuple(rows), is_text=True)


def _of_run(fact: Callable[[ShownRun], str]) -> Callable[[ShownRun], str]:
    """A fact that only a run knows; empty of a file of weights."""
    return lambda run: fact(run) if run.has_recipe else ""


def _named(data: DataFolder) -> str:
    return f"{data.dataset}, folder {data.root.resolve().name}"


def _training_data(run: ShownRun) -> str:
    if run.has_recipe:
        return _named(run.run.data)
    return "" if run.subject.trained_on is None else run.subject.trained_on.dataset


def _hearts(run: ShownRun) -> str:
    if run.subject.learned_from_phantoms:
        return "simulated (phantoms)"
    return "real" if run.has_recipe or run.subject.trained_on is not None else ""


def recipe_tables(runs: Sequence[ShownRun]) -> tuple[Table, Table]:
    """Lay out the settings that deserve a look, and all others.

    With two runs these are the settings in which they differ; with one, those that differ from the recipe of its name
    that comes with coreecho.
    """
    settings = [run.run.recipe.to_mapping() | {"init": _file_name(run.run.recipe.init)} for run in runs]
    shipped = _shipped_settings(runs[0].run.recipe)
    different, alike = [], []
    for key in settings[0]:
        values = tuple(_in_words(of_run[key]) for of_run in settings)
        standard = _in_words(shipped[key]) if len(runs) == 1 and shipped else values[0]
        row = Row(
            cells=(key, *values), is_marked=True, remark=f"as shipped: {standard}" if standard != values[0] else ""
        )
        if len({*values, standard}) > 1:
            different.append(row)
        else:
            alike.append(Row(cells=(key, values[0])))
    header = ("Setting", *(run.title for run in runs))
    alike_header = ("Setting", "Both runs" if len(runs) > 1 else "Value")
    caption = "Settings in which the recipes differ"
    if len(runs) == 1:
        caption = f"Settings changed from the recipe {runs[0].run.recipe.name} that comes with coreecho"
    return (
        Table(caption=caption, header=header, rows=tuple(different), is_text=True),
        Table(caption="All other settings", header=alike_header, rows=tuple(alike), is_text=True),
    )


def unchanged_words(runs: Sequence[ShownRun]) -> str:
    """What stands in place of settings that differ, where none does; empty where nobody knows the recipes."""
    if not all(run.has_recipe for run in runs):
        return ""
    if len(runs) > 1:
        return "The recipes of the two runs are the same, setting by setting."
    recipe = runs[0].run.recipe
    if _shipped_settings(recipe):
        return f"No setting differs from the recipe {recipe.name} that comes with coreecho."
    return f"No recipe that comes with coreecho is called {recipe.name}, so none is marked as changed."


def _shipped_settings(recipe: Recipe) -> dict[str, Any]:
    """Settings of the shipped recipe of that name; the seed is nobody's change."""
    if recipe.name not in recipe_names():
        return {}
    return Recipe.from_yaml(find_recipe(recipe.name)).to_mapping() | {"seed": recipe.seed}


def _in_words(value: object) -> str:
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _num_parameters(run: ShownRun) -> int:
    return sum(parameter.numel() for parameter in run.model.parameters())


def _file_name(path: str) -> str:
    """The last part of a path of any system: the others may name people."""
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _starting_point(recipe: Recipe) -> str:
    return "from scratch" if recipe.is_from_scratch else f"weights of {_file_name(recipe.init)}"


def _input(run: ShownRun) -> str:
    shape = run.subject.model_input
    pixels = f"{shape.frame_size} × {shape.frame_size} pixels"
    if shape.is_whole_beat:
        return f"one whole beat, resampled to {shape.num_frames} frames, {pixels}"
    return f"clips of {shape.num_frames} frames, every {_ordinal(shape.stride)} one, {pixels}"


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"


def _objective(run: ShownRun) -> str:
    """Its name, and the terms that the losses of the first stage had."""
    learning = run.learning
    terms = loss_columns(learning[learning["stage"] == learning["stage"].iloc[0]])
    of_name = [term_name(column) for column in terms if column != "train_loss"]
    name = f"{run.run.recipe.objective} ({' + '.join(of_name)})" if of_name else run.run.recipe.objective
    return f"{name}, of the head alone" if run.run.recipe.is_of_head_alone else name


def _training_labels(run: ShownRun) -> str:
    task = run.task
    if not run.has_recipe:
        return ""
    try:
        recordings = run.run.recordings("train")
    except DatasetError:
        # A run that is asked about other data may no longer have its own.
        return ""
    known = [task.label_of(recording) for recording in recordings]
    labels = [label for label in known if label is not None]
    if not labels:
        return "none"
    if not task.is_number:
        return f"{sum(labels):.0f} of {len(labels)} {task.say_label(1)}"
    return f"{min(labels):.1f} to {task.say(max(labels))}, mean {task.say(sum(labels) / len(labels))}"


def _epochs(run: ShownRun) -> str:
    done = run.learning["stage"].value_counts(sort=False)
    text = ", ".join(f"{count} of {str(stage).replace('stage', 'stage ')}" for stage, count in done.items())
    minutes = run.learning["seconds"].sum() / 60
    finished = "" if run.run.is_finished else "; the run is not finished"
    took = f"{minutes:.1f} minutes" if minutes >= 0.05 else "less than 0.1 minutes"
    return f"{text}, in {took}{finished}"


def _best_epoch(run: ShownRun) -> str:
    trained_on = run.subject.trained_on
    if trained_on is None:
        return "the best so far" if run.has_recipe else ""
    weights = trained_on.weights_in_words
    if trained_on.best_validation is None:
        return weights
    measured = f"validation {term_name(run.task.selection)} {trained_on.best_validation:.2f}"
    return f"{weights}, {measured} {run.task.error_unit}".rstrip()


def _versions(run: ShownRun) -> str:
    return ", ".join(f"{name} {version}" for name, version in run.run.info.get("versions", {}).items())

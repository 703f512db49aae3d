"""A table as it is written down: rows, what each trains, columns, questions, and the paper's figures by name.

The tables of the paper lie in `tables/`; a user's own has the same form and runs by `coreecho reproduce my.yaml`. What
a table may say is what the classes below have as fields; `table_plan` makes jobs of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import resources
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from coreecho.datasets import Split
from coreecho.errors import RecipeError

Method = Literal["probe", "fine-tune"]
Weights = Literal["best", "stage1"]
SHARED = "trainings"
S = TypeVar("S")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        metric: a key of the metrics of the table's task.
        label: as the paper has it.
        scale: what the metric is multiplied with: 100 where the paper gives percent.
        digits: after the point, as in the paper.
        group: image quality of the recordings; None for all.
        split: that is read.
    """

    metric: str
    label: str
    scale: float = 1.0
    digits: int = 2
    group: str | None = None
    split: Split = "test"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A question: second row minus first row, paired over recordings and seeds."""

    question: str
    first: str
    second: str


@dataclass(frozen=True, kw_only=True)
class TrainingEntry:
    """A training, by what distinguishes it from a shipped recipe.

    Attributes:
        recipe: a shipped recipe, or the path of one.
        init: `scratch`, or the name under which the user gives the weights that the encoder starts from.
        settings: that replace the recipe's.
        equal: settings that take the value of another one.
        phantom: settings on phantoms alone.
        cue: on phantoms with a planted shortcut.
        named_from_scratch: what it is called where it starts from scratch and so is the same as another training.
    """

    recipe: str
    init: str = "scratch"
    settings: Mapping[str, Any] = field(default_factory=dict)
    equal: Mapping[str, str] = field(default_factory=dict)
    phantom: Mapping[str, Any] = field(default_factory=dict)
    cue: bool = False
    named_from_scratch: str | None = None


@dataclass(frozen=True, kw_only=True)
class PretrainedEntry:
    """What a transfer starts from.

    Attributes:
        weights: the name under which the user gives them.
        name: for labels.
        phantom: the training that stands for them on phantoms; None where nothing does.
        name_of_phantom: for labels on phantoms.
    """

    weights: str
    name: str
    phantom: str | None = None
    name_of_phantom: str | None = None


@dataclass(frozen=True, kw_only=True)
class RowEntry:
    """A method: a training, a transfer, or figures that are only cited.

    Attributes:
        label: its name; `{baseline}` stands for the name of the pretrained `baseline`.
        training: which.
        transfer: by which method.
        source: what a transfer starts from, `from` in the file; from scratch where nothing is said.
        clips: of each recording, as `coreecho evaluate --clips`.
        takes_start_index: tested at the starts of `--start-index FILE` in place of `clips`, where that is given.
        weights: the training's `best`, or those with which its `stage1` ended.
        when: the row is measured only where these weights are given.
        unless: the row is there only where these weights are not given.
        otherwise: what is said in place of figures where the weights of `when` are not given; without it the row goes.
        paper: its figures by the columns' labels: a value, or mean and standard deviation.
    """

    label: str
    training: str | None = None
    transfer: Method | None = None
    source: str | None = None
    clips: int | Literal["all"] = 3
    takes_start_index: bool = False
    weights: Weights = "best"
    when: str | None = None
    unless: str | None = None
    otherwise: str | None = None
    paper: Mapping[str, float | Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TableFile:
    """A table as it is written down.

    Attributes:
        title: what it shows.
        data: layout of its data set.
        columns: of it.
        rows: of it.
        comparisons: differences below it.
        notes: its protocol, and what differs from the paper.
        notes_of_phantoms: on phantoms as well.
        trainings: of its own, beside those that tables share.
        pretrained: what its transfers start from.
        paper_seeds: how many seeds are trained on real data; all of the scale's when not given.
        only_phantoms: why real data will not do, where they do not.
        name: of its results; that of its file.
    """

    title: str
    data: str
    columns: tuple[Column, ...]
    rows: tuple[RowEntry, ...]
    comparisons: tuple[Comparison, ...] = ()
    notes: tuple[str, ...] = ()
    notes_of_phantoms: tuple[str, ...] = ()
    trainings: Mapping[str, TrainingEntry] = field(default_factory=dict)
    pretrained: Mapping[str, PretrainedEntry] = field(default_factory=dict)
    paper_seeds: int | None = None
    only_phantoms: str | None = None
    name: str = ""

    def weights_needed(self) -> tuple[str, ...]:
        """Names of the weights that a user may give for it."""
        inits = [self.trainings[row.training].init for row in self.rows if row.training]
        given = [self.pretrained[row.source].weights for row in self.rows if row.source]
        return tuple(name for name in dict.fromkeys([*inits, *given]) if name != "scratch")


def table_names() -> tuple[str, ...]:
    """Names of the tables that are shipped."""
    found = (Path(str(entry)) for entry in _shipped().iterdir())
    return tuple(sorted(path.stem for path in found if path.suffix == ".yaml" and path.stem != SHARED))


def read_table(name_or_path: str) -> TableFile:
    """Read a table.

    Args:
        name_or_path: a shipped table, or a YAML file.

    Raises:
        RecipeError: there is no such table, or the file is not as a table is written; it says where and why.
    """
    if Path(name_or_path).suffix in (".yaml", ".yml"):
        path = Path(name_or_path)
    elif name_or_path in table_names():
        path = Path(str(_shipped() / f"{name_or_path}.yaml"))
    else:
        known = ", ".join(table_names())
        raise RecipeError(f"There is no table {name_or_path!r}; there are {known}; or give the path of a .yaml file.")
    shared = _read_yaml(Path(str(_shipped() / f"{SHARED}.yaml")))
    entries = _read_yaml(path)
    entries["trainings"] = shared | dict(entries.get("trainings") or {})
    table = _build(TableFile, {"name": path.stem, **entries}, str(path))
    faults = _misfits(table)
    if faults:
        raise RecipeError(f"{path} does not hold together: " + "; ".join(faults) + ".")
    return table


def _shipped() -> Any:
    return resources.files("coreecho.experiments") / "tables"


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"Cannot read the table {path}: {error.strerror or error}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise RecipeError(f"{path} is not YAML: {error}.") from error
    if not isinstance(entries, dict):
        raise RecipeError(f"{path}: expected `key: value` lines, got {type(entries).__name__}.")
    return entries


def _misfits(table: TableFile) -> list[str]:
    """What is named and not there."""
    faults = []
    labels, columns = {row.label for row in table.rows}, {column.label for column in table.columns}
    for row in table.rows:
        if row.training and row.training not in table.trainings:
            faults.append(f"row {row.label!r}: no training {row.training!r}; there are {', '.join(table.trainings)}")
        if row.source and row.source not in table.pretrained:
            faults.append(f"row {row.label!r}: from {row.source!r}, and `pretrained` has {', '.join(table.pretrained)}")
        if row.training and row.transfer:
            faults.append(f"row {row.label!r}: is both a training and a transfer")
        if row.source and not row.transfer:
            faults.append(f"row {row.label!r}: `from` is given without `transfer`")
        if unknown := sorted(row.paper.keys() - columns):
            faults.append(f"row {row.label!r}: figures of {', '.join(unknown)}, which are no columns")
    if len(labels) < len(table.rows):
        faults.append("two rows have one label")
    for comparison in table.comparisons:
        if missing := [each for each in (comparison.first, comparison.second) if each not in labels]:
            faults.append(f"comparison {comparison.question!r}: no row {', '.join(map(repr, missing))}")
    return faults


def _build(kind: type[S], entries: Any, where: str) -> S:
    """Make a dataclass of plain entries, as its fields' types say."""
    if not isinstance(entries, Mapping):
        raise RecipeError(f"{where}: expected `key: value` lines, got {type(entries).__name__}.")
    # `from` is a word of Python's.
    entries = {"source" if key == "from" else key: value for key, value in entries.items()}
    hints = get_type_hints(kind)
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(map(str, entries.keys() - known)):
        raise RecipeError(f"{where}: no entry {', '.join(unknown)} is known; known are {', '.join(sorted(known))}.")
    try:
        return kind(**{key: _convert(hints[key], value, f"{where}: {key}") for key, value in entries.items()})
    except TypeError as error:
        raise RecipeError(f"{where}: {str(error).partition('()')[2].strip() or error}.") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Check a value against a field's type, and build what it nests."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return _build(hint, value, where)
    if origin in (Union, UnionType):
        for each in arguments:
            try:
                return _convert(each, value, where)
            except RecipeError:
                continue
    elif origin is Literal and value in arguments:
        return value
    elif origin is tuple and isinstance(value, list):
        return tuple(_convert(arguments[0], each, f"{where} {place}") for place, each in enumerate(value, start=1))
    elif isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {str(key): _convert(arguments[1], each, f"{where}, {key}") for key, each in value.items()}
    elif isinstance(origin, type) and issubclass(origin, Sequence) and isinstance(value, list):
        return [_convert(arguments[0], each, where) for each in value]
    elif hint is Any or (hint is type(None) and value is None):
        return value
    elif hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif isinstance(hint, type) and type(value) is hint:
        return value
    raise RecipeError(f"{where}: expected {_in_words(hint)}, got {value!r}.")


def _in_words(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(map(str, get_args(hint)))
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "nothing"}
    if hint in words:
        return words[hint]
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_in_words(each) for each in get_args(hint) if each is not type(None))
    return "`key: value` lines" if get_origin(hint) is not tuple else "a list"

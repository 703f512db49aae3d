"""A table as it is written down: rows, what each trains, columns, questions, and the paper's figures by name.

The tables of the paper lie in `tables/`; a user's own has the same form and runs by `coreecho reproduce my.yaml`. What
a table may say is what the classes below have as fields; `table_plan` makes jobs of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from coreecho.checking import nearest
from coreecho.datasets import Split
from coreecho.documents import MAY_BE_ABSENT, build_document
from coreecho.errors import RecipeError
from coreecho.settings_files import read_settings
from coreecho.training.recipe import SCRATCH

Method = Literal["probe", "fine-tune"]
Weights = Literal["best", "stage1"]
SHARED = "trainings"
# Weights for which `coreecho reproduce` has flags of their own.
_WITH_A_FLAG = ("k400", "r2plus1d", "coreecho", "echocotr", "saeed")
# A double has no more.
_DIGITS_AT_MOST = 15
# What settings of a recipe are in YAML.
Plain = bool | int | float | str | None | list[float]


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
    scale: float = field(default=1.0, metadata=MAY_BE_ABSENT)
    digits: int = field(default=2, metadata=MAY_BE_ABSENT)
    group: str | None = field(default=None, metadata=MAY_BE_ABSENT)
    split: Split = field(default="test", metadata=MAY_BE_ABSENT)


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
    init: str = field(default="scratch", metadata=MAY_BE_ABSENT)
    settings: Mapping[str, Plain] = field(default_factory=dict, metadata=MAY_BE_ABSENT)
    equal: Mapping[str, str] = field(default_factory=dict, metadata=MAY_BE_ABSENT)
    phantom: Mapping[str, Plain] = field(default_factory=dict, metadata=MAY_BE_ABSENT)
    cue: bool = field(default=False, metadata=MAY_BE_ABSENT)
    named_from_scratch: str | None = field(default=None, metadata=MAY_BE_ABSENT)


@dataclass(frozen=True, kw_only=True)
class PretrainedEntry:
    """What a transfer starts from.

    Attributes:
        weights: the name under which the user gives them.
        name: for labels.
        phantom: the training that stands for them on phantoms; None where nothing does.
        name_of_phantom: for labels on phantoms.
        phantom_data: layout of the phantoms that this training learns from; those of the table when not given.
    """

    weights: str
    name: str
    phantom: str | None = field(default=None, metadata=MAY_BE_ABSENT)
    name_of_phantom: str | None = field(default=None, metadata=MAY_BE_ABSENT)
    phantom_data: str | None = field(default=None, metadata=MAY_BE_ABSENT)


@dataclass(frozen=True, kw_only=True)
class RowEntry:
    """A method: a training, a transfer, or figures that are only cited.

    Attributes:
        label: its name; `{baseline}` stands for the name of the pretrained `baseline`.
        training: which.
        transfer: by which method.
        pretrained: what a transfer starts from, `from` in the file; from scratch where nothing is said.
        settings: of a transfer, that replace its recipe's.
        phantom: settings of a transfer on phantoms alone.
        walls: told by the motion of the wall in the data's masks, by the rule of `degerli` or `nguyen`.
        classifier: of `walls`.
        beats: a training of a segmenter; clips of `training` are placed about the end-systoles that it finds.
        real: settings of a transfer on patients' data alone.
        called: in the name of its folder, of a transfer with settings of its own.
        clips: of each recording, as `coreecho evaluate --clips`.
        takes_start_index: tested at the starts of `--start-index FILE` in place of `clips`, where that is given.
        weights: the training's `best`, or those with which its `stage1` ended.
        when: the row is measured only where these weights are given.
        unless: the row is there only where these weights are not given.
        otherwise: what is said in place of figures where the weights of `when` are not given; without it the row goes.
        paper: its figures by the columns' labels: a value, or mean and standard deviation.
    """

    label: str
    training: str | None = field(default=None, metadata=MAY_BE_ABSENT)
    transfer: Method | None = field(default=None, metadata=MAY_BE_ABSENT)
    pretrained: str | None = field(default=None, metadata=MAY_BE_ABSENT)
    settings: Mapping[str, Plain] = field(default_factory=dict, metadata=MAY_BE_ABSENT)
    phantom: Mapping[str, Plain] = field(default_factory=dict, metadata=MAY_BE_ABSENT)
    walls: Literal["degerli", "nguyen"] | None = field(default=None, metadata=MAY_BE_ABSENT)
    classifier: str = field(default="svm-rbf", metadata=MAY_BE_ABSENT)
    called: str | None = field(default=None, metadata=MAY_BE_ABSENT)
    beats: str | None = field(default=None, metadata=MAY_BE_ABSENT)
    real: Mapping[str, Plain] = field(default_factory=dict, metadata=MAY_BE_ABSENT)
    clips: int | Literal["all", "traced"] = field(default=3, metadata=MAY_BE_ABSENT)
    takes_start_index: bool = field(default=False, metadata=MAY_BE_ABSENT)
    weights: Weights = field(default="best", metadata=MAY_BE_ABSENT)
    when: str | None = field(default=None, metadata=MAY_BE_ABSENT)
    unless: str | None = field(default=None, metadata=MAY_BE_ABSENT)
    otherwise: str | None = field(default=None, metadata=MAY_BE_ABSENT)
    paper: Mapping[str, float | Sequence[float]] = field(default_factory=dict, metadata=MAY_BE_ABSENT)

    @property
    def takes_trained(self) -> bool:
        """Whether it can be measured of a file of weights alone, which knows no stages and no clips of an objective."""
        return self.training is not None and not self.beats and self.clips != "traced" and self.weights == "best"


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
    comparisons: tuple[Comparison, ...] = field(default=(), metadata=MAY_BE_ABSENT)
    notes: tuple[str, ...] = field(default=(), metadata=MAY_BE_ABSENT)
    notes_of_phantoms: tuple[str, ...] = field(default=(), metadata=MAY_BE_ABSENT)
    trainings: Mapping[str, TrainingEntry] = field(default_factory=dict, metadata=MAY_BE_ABSENT)
    pretrained: Mapping[str, PretrainedEntry] = field(default_factory=dict, metadata=MAY_BE_ABSENT)
    paper_seeds: int | None = field(default=None, metadata=MAY_BE_ABSENT)
    only_phantoms: str | None = field(default=None, metadata=MAY_BE_ABSENT)
    name: str = field(default="", metadata=MAY_BE_ABSENT)

    def weights_needed(self) -> tuple[str, ...]:
        """Names of the weights that a user may give for it."""
        inits = [self.trainings[row.training].init for row in self.rows if row.training]
        given = [self.pretrained[row.pretrained].weights for row in self.rows if row.pretrained]
        return tuple(name for name in dict.fromkeys([*inits, *given]) if name != SCRATCH)


def flag_of(weights: str) -> str:
    """The flag of `coreecho reproduce` by which weights of a name are given."""
    return f"--{weights}" if weights in _WITH_A_FLAG else f"--weights.{weights}"


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
        close = nearest(name_or_path, table_names())
        hint = f" Did you mean {close!r}?" if close else ""
        raise RecipeError(
            f"There is no table {name_or_path!r}.{hint} There are {known}; or give the path of a .yaml file."
        )
    shared = _shared_trainings()
    entries = read_settings(path, of="table")
    own = entries.get("trainings") or {}
    entries["trainings"] = {**shared, **own} if isinstance(own, dict) else own
    entries["rows"] = [_renamed(row) for row in rows] if isinstance(rows := entries.get("rows"), list) else rows
    try:
        table = build_document({"name": path.stem, **entries}, TableFile, kind="table", error=RecipeError)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error
    faults = _misfits(table)
    if faults:
        raise RecipeError(f"{path} does not hold together: " + "; ".join(faults) + ".")
    return table


def _renamed(row: Any) -> Any:
    """A row with `pretrained` for `from`, which is a word of Python's."""
    return (
        {"pretrained" if key == "from" else key: value for key, value in row.items()} if isinstance(row, dict) else row
    )


@cache
def _shared_trainings() -> Mapping[str, Any]:
    return read_settings(Path(str(_shipped() / f"{SHARED}.yaml")), of="table")


def _shipped() -> Any:
    return resources.files("coreecho.experiments") / "tables"


def _misfits(table: TableFile) -> list[str]:
    """What is named and not there."""
    faults = []
    labels, columns = {row.label for row in table.rows}, {column.label for column in table.columns}
    for row in table.rows:
        if row.training and row.training not in table.trainings:
            faults.append(f"row {row.label!r}: no training {row.training!r}; there are {', '.join(table.trainings)}")
        if row.pretrained and row.pretrained not in table.pretrained:
            faults.append(
                f"row {row.label!r}: from {row.pretrained!r}, and `pretrained` has {', '.join(table.pretrained)}"
            )
        if row.training and row.transfer:
            faults.append(f"row {row.label!r}: is both a training and a transfer")
        if row.walls and (row.training or row.transfer):
            faults.append(f"row {row.label!r}: is told by walls, and trained as well")
        if row.pretrained and not row.transfer:
            faults.append(f"row {row.label!r}: `from` is given without `transfer`")
        if row.beats and row.beats not in table.trainings:
            faults.append(f"row {row.label!r}: no training {row.beats!r}; there are {', '.join(table.trainings)}")
        if row.beats and not row.training:
            faults.append(f"row {row.label!r}: `beats` places clips of a `training`, and none is given")
        if (row.settings or row.real or row.phantom) and not (row.transfer and row.called):
            faults.append(f"row {row.label!r}: settings of its own are of a transfer that is `called` something")
        if unknown := sorted(row.paper.keys() - columns):
            faults.append(f"row {row.label!r}: figures of {', '.join(unknown)}, which are no columns")
        if isinstance(row.clips, int) and row.clips < 1:
            faults.append(f"row {row.label!r}: clips is {row.clips}, expected at least 1, all or traced")
        faults += [
            f"row {row.label!r}: {column} is {figure}, expected a value, or a mean with its standard deviation"
            for column, figure in row.paper.items()
            if isinstance(figure, Sequence) and len(figure) != 2
        ]
    for name, entry in table.pretrained.items():
        if entry.phantom is not None and entry.phantom not in table.trainings:
            faults.append(f"pretrained {name!r}: no training {entry.phantom!r}; there are {', '.join(table.trainings)}")
    for column in table.columns:
        if not 0 <= column.digits <= _DIGITS_AT_MOST:
            faults.append(f"column {column.label!r}: digits is {column.digits}, expected 0 to {_DIGITS_AT_MOST}")
    if table.paper_seeds is not None and table.paper_seeds < 1:
        faults.append(f"paper_seeds is {table.paper_seeds}, expected at least 1")
    if len(labels) < len(table.rows):
        faults.append("two rows have one label")
    for comparison in table.comparisons:
        if missing := [each for each in (comparison.first, comparison.second) if each not in labels]:
            faults.append(f"comparison {comparison.question!r}: no row {', '.join(map(repr, missing))}")
    return faults

"""What a table of the paper is: rows that are read off jobs, the paper's figures, and differences between rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from coreecho.evaluation import EF_METRICS, MI_METRICS
from coreecho.evaluation.metric_family import MetricFamily
from coreecho.experiments.jobs import Job
from coreecho.experiments.runs import Execution
from coreecho.target import Target

# Reads the predictions of a finished job: runs folder, execution -> one row a recording.
Reading = Callable[[Path, Execution], pd.DataFrame]
FAMILIES: dict[Target, MetricFamily[Any]] = {"ef": EF_METRICS, "mi": MI_METRICS}


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        metric: a key of the family's metrics.
        label: as the paper has it.
        scale: what the metric is multiplied with: 100 where the paper gives percent.
        digits: after the point, as in the paper.
        group: image quality of the recordings; None for all.
        reading: which of a row's readings it is of.
    """

    metric: str
    label: str
    scale: float = 1.0
    digits: int = 2
    group: str | None = None
    reading: str = "test"


@dataclass(frozen=True, kw_only=True)
class Published:
    """A figure of the paper, with the standard deviation over its runs where it gives one."""

    value: float
    sd: float | None = None

    def format(self, digits: int) -> str:
        """Give it as the paper prints it: `81.59±0.18`."""
        return f"{self.value:.{digits}f}" + ("" if self.sd is None else f"±{self.sd:.{digits}f}")


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A method.

    Attributes:
        label: its name.
        jobs: what has to be trained, one job a seed; none where the row is only the paper's.
        readings: by name, one reading a seed.
        published: the paper's figures, by the labels of the columns.
        note: why it is not measured, or how it differs.
    """

    label: str
    jobs: tuple[Job, ...] = ()
    readings: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)
    published: Mapping[str, Published] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A question: second row minus first row, paired over recordings and seeds."""

    question: str
    first: str
    second: str


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A table.

    Attributes:
        name: such as `table2`.
        title: what it shows.
        target: what its models read.
        columns: of it.
        rows: of it.
        comparisons: differences below it.
        notes: protocol: which labels, folds, clips; what differs from the paper.
        is_phantom: measured on simulated hearts.
    """

    name: str
    title: str
    target: Target
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    comparisons: tuple[Comparison, ...] = ()
    notes: tuple[str, ...] = ()
    is_phantom: bool

    @property
    def jobs(self) -> list[Job]:
        """Each job once, in the order in which rows ask for them."""
        return list({job.name: job for row in self.rows for job in row.jobs}.values())


def cited_row(label: str, paper: tuple[float, ...]) -> TableRow:
    """A row of figures that the paper takes from another work."""
    return TableRow(label=label, published=figures_in_order(paper), note="cited by the paper, not trained here")


def figures_in_order(paper: Sequence[float | tuple[float, float]]) -> dict[str, Published]:
    """The paper's figures by their place in a row; `published_under` puts the columns' labels to them.

    Args:
        paper: values, or pairs of mean and standard deviation.
    """
    return {
        str(place): Published(value=given[0], sd=given[1]) if isinstance(given, tuple) else Published(value=given)
        for place, given in enumerate(paper)
    }


def published_under(row: TableRow, columns: Sequence[Column]) -> TableRow:
    """The row with the paper's figures under the labels of the columns that the paper has."""
    return replace(row, published={columns[int(place)].label: figure for place, figure in row.published.items()})

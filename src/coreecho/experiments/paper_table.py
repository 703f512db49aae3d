"""What a table is made of once it is planned: rows that are read off jobs, the paper's figures, and differences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from coreecho.datasets import Split
from coreecho.experiments.jobs import Job
from coreecho.experiments.runs import Execution
from coreecho.experiments.table_file import Column, Comparison
from coreecho.tasks import Task

# Reads the predictions of a finished job: runs folder, execution -> one row a recording.
Reading = Callable[[Path, Execution], pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A figure of the paper, with the standard deviation over its runs where it gives one."""

    value: float
    sd: float | None = None

    @classmethod
    def of(cls, figure: float | Sequence[float]) -> "Published":
        """A figure as a table's file has it: alone, or with its deviation."""
        value, sd = figure if isinstance(figure, Sequence) else (figure, None)
        return cls(value=value, sd=sd)

    def format(self, digits: int) -> str:
        """Give it as the paper prints it: `81.59±0.18`."""
        return f"{self.value:.{digits}f}" + ("" if self.sd is None else f"±{self.sd:.{digits}f}")


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A method.

    Attributes:
        label: its name.
        jobs: what has to be trained, one job a seed; none where the row is only the paper's.
        helpers: what has to be trained besides, such as a network that finds the beats.
        readings: by split, one reading a seed.
        published: the paper's figures, by the labels of the columns. They are the paper's own, those marked there as
            reproduced included; works that it only cites stand in a table for comparison.
        note: why it is not measured, or how it differs.
    """

    label: str
    jobs: tuple[Job, ...] = ()
    helpers: tuple[Job, ...] = ()
    readings: Mapping[Split, tuple[Reading, ...]] = field(default_factory=dict)
    published: Mapping[str, Published] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A planned table.

    Attributes:
        name: such as `table2`.
        title: what it shows.
        task: what its models read.
        columns: of it.
        rows: of it.
        comparisons: differences below it.
        notes: protocol: which labels, folds, clips; what differs from the paper.
        is_phantom: measured on simulated hearts.
        quality_groups: of the layout of its data.
        is_mean_over_folds: figures are means of the folds' metrics, as their protocol says.
    """

    name: str
    title: str
    task: Task
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    comparisons: tuple[Comparison, ...] = ()
    notes: tuple[str, ...] = ()
    is_phantom: bool
    quality_groups: Mapping[str, str] = field(default_factory=dict)
    is_mean_over_folds: bool = False

    @property
    def jobs(self) -> list[Job]:
        """Each job once, in the order in which rows ask for them."""
        return list({job.name: job for row in self.rows for job in (*row.jobs, *row.helpers)}.values())

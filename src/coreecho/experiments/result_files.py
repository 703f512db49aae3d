"""A measured table for people and machines: terminal, CSV, HTML and JSON."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd

import coreecho
from coreecho.experiments.measuring import Figure, Measured
from coreecho.experiments.paper_table import TableRow
from coreecho.experiments.scales import Scale
from coreecho.experiments.table_file import Column
from coreecho.files import write_whole
from coreecho.report.html import render_tables
from coreecho.report.page_elements import Row, Table
from coreecho.report.plain_table import PlainTables, plain_tables

_PHANTOM = "Phantom result: simulated hearts. The paper's figures are of patients; the two are not to be compared."
_NOTICE = "Research software, not a medical device."


def write_results(measured: Measured, out: Path, scale: Scale) -> list[Path]:
    """Write NAME.csv, NAME.json and NAME.html into a folder; return their paths."""
    name = measured.table.name
    paths = [out / f"{name}.csv", out / f"{name}.json", out / f"{name}.html"]
    write_whole(paths[0], to_frame(measured).to_csv(index=False))
    write_whole(paths[1], json.dumps(_without_nan(_document(measured, scale)), indent=2, allow_nan=False) + "\n")
    title = f"CoReEcho, {name}: {measured.table.title}"
    write_whole(paths[2], render_tables(title, _pages(measured), _notes(measured)))
    return paths


def to_frame(measured: Measured) -> pd.DataFrame:
    """One line for each row and column: what the paper has, what was measured, its interval, and the difference.

    On phantoms there is no difference to the paper, since the two are not of the same thing.
    """
    lines = []
    for row in measured.table.rows:
        for column in measured.table.columns:
            figure, published = measured.figures.get((row.label, column.label)), row.published.get(column.label)
            if figure is None and published is None:
                continue
            line: dict[str, Any] = {"row": row.label, "column": column.label}
            line |= {"paper": published.value if published else None, "paper_sd": published.sd if published else None}
            line |= _numbers(figure)
            has_both = figure is not None and published is not None and not measured.table.is_phantom
            line["difference"] = figure.value - published.value if has_both and figure and published else None
            line["note"] = row.note
            lines.append(line)
    for (question, label), difference in measured.differences.items():
        lines.append({"row": question, "column": label, "note": "difference of two rows"} | _numbers(difference))
    return pd.DataFrame(lines)


def show_results(measured: Measured) -> PlainTables:
    """The table for a terminal."""
    above = ["phantom result: simulated hearts"] if measured.table.is_phantom else []
    return plain_tables(measured.table.title, _pages(measured), _notes(measured), above=above)


def _pages(measured: Measured) -> list[Table]:
    """The rows of the table, and the differences between them."""
    is_phantom = measured.table.is_phantom
    paper = "Paper (patients)" if is_phantom else "Paper"
    header: tuple[str, ...] = ("Method", "Figure", paper, "Measured", "95 % interval")
    if not is_phantom:
        header = (*header, "Difference")
    rows = [
        Row(cells=cells)
        for row in measured.table.rows
        for column in measured.table.columns
        if (cells := _cells(measured, row, column)) is not None
    ]
    unmeasured = tuple(f"{row.label}: {row.note}." for row in measured.table.rows if row.note)
    pages = [Table(caption=measured.table.title, header=header, rows=tuple(rows), notes=unmeasured)]
    if measured.differences:
        differences = tuple(
            Row(cells=(question, column, str(figure), figure.ends))
            for (question, column), figure in measured.differences.items()
        )
        header = ("Question", "Figure", "Difference", "95 % interval")
        caption = "Differences between rows, paired over the same recordings and seeds"
        pages.append(Table(caption=caption, header=header, rows=differences))
    return pages


def _cells(measured: Measured, row: TableRow, column: Column) -> tuple[str, ...] | None:
    figure, published = measured.figures.get((row.label, column.label)), row.published.get(column.label)
    if figure is None and published is None:
        return None
    measured_cells = ("-", "-") if figure is None else (str(figure), figure.ends)
    cells = (row.label, column.label, published.format(column.digits) if published else "-", *measured_cells)
    if measured.table.is_phantom:
        return cells
    has_both = figure is not None and published is not None and not math.isnan(figure.value)
    if not has_both or figure is None or published is None:
        return (*cells, "-")
    return (*cells, f"{figure.value - published.value:+.{column.digits}f}")


def _notes(measured: Measured) -> list[str]:
    notes = [_PHANTOM] if measured.table.is_phantom else []
    notes += [*measured.table.notes, *measured.notes]
    figures = list(measured.figures.values())
    if figures:
        seeds = max(len(figure.of_seeds) for figure in figures)
        over = "patients and seeds" if seeds > 1 else "patients"
        notes.append(
            f"{'Mean ± standard deviation over ' + str(seeds) + ' seeds. ' if seeds > 1 else 'One seed. '}"
            f"Intervals: bootstrap over {over}, {figures[0].interval.resamples:,} resamples."
        )
    return [*notes, _NOTICE]


def _numbers(figure: Figure | None) -> dict[str, Any]:
    if figure is None:
        return {}
    scale = figure.scale
    return {
        "measured": figure.value,
        "sd": figure.sd * scale,
        "low": figure.interval.low * scale,
        "high": figure.interval.high * scale,
        "level": figure.interval.level,
        "num_seeds": len(figure.of_seeds),
        "num_recordings": figure.num_recordings,
    }


def _document(measured: Measured, scale: Scale) -> dict[str, Any]:
    """Everything that one needs to quote the figures, and to make them again."""
    table = measured.table
    return {
        "coreecho_version": coreecho.__version__,
        "table": table.name,
        "title": table.title,
        "is_phantom": table.is_phantom,
        "scale": dataclasses.asdict(scale),
        "notes": _notes(measured),
        "rows": [
            {
                "row": row.label,
                "jobs": [job.name for job in row.jobs],
                "paper": {label: dataclasses.asdict(published) for label, published in row.published.items()},
                "figures": {
                    column.label: _numbers(figure) | {"of_seeds": [value * column.scale for value in figure.of_seeds]}
                    for column in table.columns
                    if (figure := measured.figures.get((row.label, column.label))) is not None
                },
            }
            for row in table.rows
        ],
        "differences": [
            {"question": question, "column": column} | _numbers(figure)
            for (question, column), figure in measured.differences.items()
        ],
    }


def _without_nan(value: Any) -> Any:
    """The same with null for NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and math.isnan(value) else value

"""What was found of left ventricles, for the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from coreecho.datasets.outlines import CAVITY
from coreecho.names import counted, readable
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.report.file_table import FileTable
from coreecho.report.legend import Legend
from coreecho.tasks import EF
from coreecho.ventricle.measuring import FIGURES
from coreecho.ventricle.run_measuring import MeasuredDataset
from coreecho.ventricle.segmentation import RELATIVE, Segmentation

_BEATS_A_LINE = 3


def beats_table(results: Sequence[Segmentation], *, model_name: str, out: Path) -> Group:
    """Lay out one row a file: its EF, those of its beats, its volumes, and what speaks against them."""
    common, codes = _common(results), Legend()
    table = FileTable(
        files=[found.file for found in results],
        headings=("EF, mean\n(%)", "of each\nbeat (%)", "EDV / ESV\n(mL)", "Rhythm"),
        rows=[
            (
                "" if found.mean_ef_percent is None else f"{found.mean_ef_percent:.1f}",
                _in_lines([f"{ef_percent:.0f}" for ef_percent in found.ef_percent]),
                _volumes(found),
                _rhythm(found),
            )
            for found in results
        ],
        words_heading="Warnings\nand notes",
        words=[_coded(found, common, codes) for found in results],
    )
    legend = [Text(readable(line)) for line in (*codes.lines(), *(f"Of all: {line}" for line in common))]
    written = Text(f"Masks, films and curves of each file, beats.csv and beats.json: {readable(out)}")
    return Group(
        Text(f"Left ventricle by {model_name}", style="bold"), table, *legend, written, Text(EF.notice, style="bold")
    )


def _in_lines(numbers: Sequence[str]) -> str:
    """Some numbers a line, so that those of many beats do not widen the table."""
    lines = [", ".join(numbers[first : first + _BEATS_A_LINE]) for first in range(0, len(numbers), _BEATS_A_LINE)]
    return ",\n".join(lines)


def _coded(found: Segmentation, common: Sequence[str], codes: Legend) -> str:
    """Short codes of what is said of a file; their sentences stand below the table."""
    own = [text for text in found.warnings if text not in common]
    return " ".join(codes.codes({"W": own, "N": [text for text in found.notes if f"Note: {text}" not in common]}))


def _said(found: Segmentation) -> list[str]:
    return [*found.warnings, *(f"Note: {note}" for note in found.notes)]


def _common(results: Sequence[Segmentation]) -> list[str]:
    """What is said of each of several files: once, below the table."""
    if len(results) < 2:
        return []
    return [line for line in _said(results[0]) if all(line in _said(found) for found in results)]


def _volumes(found: Segmentation) -> str:
    beats = found.beats.beats
    if not beats or found.unit == RELATIVE:
        return ""
    edv, esv = (sum(values) / len(beats) for values in zip(*((beat.edv, beat.esv) for beat in beats), strict=True))
    return f"{edv:.0f} / {esv:.0f}"


def _rhythm(found: Segmentation) -> str:
    rate = found.beats.heart_rate_bpm
    return found.rhythm + ("" if rate is None else f",\n{rate:.0f} a minute")


def measured_table(measured: MeasuredDataset, *, written: Sequence[str] = ()) -> Group:
    """Lay out the figures of a data set with their intervals, and how many recordings they are of.

    Args:
        measured: from `measure_dataset`.
        written: what else was written, and where, in lines.
    """
    title = "Left ventricles of a data set" + (f": {PHANTOM_LABEL}" if measured.is_phantom else "")
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for column in ("Figure", "Value", "95 % interval", "Unit"):
        table.add_column(column, justify="right" if column in ("Value", "95 % interval") else "left")
    for name, (words, unit, _) in FIGURES.items():
        interval = measured.figures[name]
        digits = 1 if unit else 3
        value = f"{interval.estimate:z.{digits}f}" if interval.is_defined else "not known"
        ends = f"{interval.low:z.{digits}f} to {interval.high:z.{digits}f}" if interval.is_defined else ""
        table.add_row(words, value, ends, unit)
    counts = measured.counts
    lines = [
        f"{counted(counts['num_recordings'], 'recordings')}, {counts['num_outlined']} of them with a known ventricle; "
        f"{counted(counts['num_beats'], 'complete beats')} in {counts['num_with_beats']}, "
        f"{counts['num_irregular']} irregular.",
        f"Beats by the rule `{measured.rule}`. No ED near the readers' in {counts['num_ed_unfound']}, no ES in "
        f"{counts['num_es_unfound']}.",
    ]
    if measured.outline != CAVITY:
        lines.append(f"Dice is of the {measured.outline}: the data set does not know the {CAVITY}.")
    if measured.overlap_label is not None:
        lines.append(f"Note: {measured.overlap_label}.")
    lines += [f"Model: {measured.model}", f"Of each recording: {measured.folder / 'lv.csv'}", *written, NOTICE]
    return Group(table, *(Text(readable(line)) for line in lines))

"""Runs that were held against each other, on a terminal and as files."""

import json as json_module
import math
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from coreecho.errors import CoReEchoError
from coreecho.evaluation.intervals import FEW, Interval
from coreecho.evaluation.metric_family import MetricDefinition
from coreecho.evaluation.run_comparison import Compared, RunComparison
from coreecho.files import write_whole
from coreecho.names import counted, readable
from coreecho.notices import NOTICE, PHANTOM_LABEL

# Longer ones are broken.
_WIDEST_NAME = 24


def comparison_tables(found: RunComparison) -> Group:
    """One block a metric: each that was compared in a row, with its interval and its difference to the first."""
    first, *others = found.compared
    level = next(iter(first.metrics.values())).level
    title = f"{found.tested}, {counted(found.num_recordings, 'recordings')}"
    title += f"\neach the mean of {first.num_seeds} seeds" if first.num_seeds else ""
    title += f"\nphantom result: {PHANTOM_LABEL}" if found.is_phantom else ""
    header = ["", f"Value ({100 * level:g} % interval)"]
    header += ["SD of seeds"] if first.num_seeds else []
    header += [f"minus {readable(first.name)}"] if others else []
    blocks = {
        definition: [_cells(each, definition, header) for each in found.compared] for definition in found.definitions
    }
    # As wide in all blocks as the widest cell of any: a table of all would give the names of the metrics a column.
    columns = zip(header, *(row for rows in blocks.values() for row in rows), strict=True)
    widths = [max(map(len, column)) for column in columns]
    widths[0] = min(widths[0], _WIDEST_NAME)
    parts: list[RenderableType] = [Text(title, style="bold"), Text(), _lines([header], widths, style="bold")]
    for definition, rows in blocks.items():
        unit = f" ({definition.unit})" if definition.unit else ""
        parts += [Text(f"\n{definition.label}{unit}", style="bold"), _lines(rows, widths)]
    return Group(*parts, Text("\n" + "\n".join(_said(found))))


def _cells(each: Compared, definition: MetricDefinition, header: Sequence[str]) -> list[str]:
    """One that was compared: its name, value, and as far as there are columns for them SD over seeds and difference."""
    key, digits = definition.key, definition.digits
    cells = [f"  {readable(each.name)}", each.metrics[key].format(digits)]
    cells += [f"{each.sd_over_seeds[key]:.{digits}f}"] if each.num_seeds else []
    return [*cells, _difference(each, definition)][: len(header)]


def _lines(rows: Sequence[Sequence[str]], widths: Sequence[int], *, style: str = "") -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for number, width in enumerate(widths):
        table.add_column(width=width, justify="right" if number else "left", overflow="fold", style=style)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _said(found: RunComparison) -> list[str]:
    """What stands below the table: what it comes to, and how it is to be read."""
    first, *others = found.compared
    return [
        *(_verdict(found.definitions[0], first, each) for each in others),
        *(
            [f"{counted(found.num_recordings, 'recordings')} say little: below {FEW}, intervals may be too narrow."]
            if found.num_recordings < FEW
            else []
        ),
        *(_reading(found) if others else []),
        *found.overlaps,
        NOTICE,
    ]


def _reading(found: RunComparison) -> list[str]:
    """How the differences are to be read."""
    first, *others = found.compared
    has_clear = any(_is_clear(interval) for each in others for interval in each.differences.values())
    return [
        ("* the interval of the difference does not hold 0. " if has_clear else "")
        + "The same recordings are resampled for both."
        + (" Seeds are compared in pairs." if first.num_seeds else "")
    ]


def _verdict(definition: MetricDefinition, first: Compared, each: Compared) -> str:
    """By the first of the metrics, whether one is better than the first, in a sentence."""
    one, other, difference = readable(each.name), readable(first.name), each.differences[definition.key]
    if not difference.is_defined or not _is_clear(difference):
        return f"{definition.label}: these recordings do not tell {one} from {other}."
    # An error has no largest value, and less of it is better.
    is_better = (difference.estimate < 0) == math.isinf(definition.largest)
    return f"{definition.label}: {one} is {'better' if is_better else 'worse'} than {other}."


def _difference(each: Compared, definition: MetricDefinition) -> str:
    difference = each.differences.get(definition.key)
    if difference is None:
        return ""
    told = difference.format(difference.digits_apart_from_0(definition.digits))
    return f"{told} *" if _is_clear(difference) else f"{told}  "


def _is_clear(difference: Interval) -> bool:
    """Whether an interval tells that there is a difference at all; one that is not defined tells nothing."""
    return difference.low > 0 or difference.high < 0


def write_comparison(found: RunComparison, *, csv: Path | None, json: Path | None) -> list[Path]:
    """Write the files that are asked for, and say which.

    Raises:
        CoReEchoError: one cannot be written.
    """
    texts: dict[Path, str] = {}
    if csv is not None:
        texts[csv] = found.to_frame().assign(notice=NOTICE).to_csv(index=False)
    if json is not None:
        document = {"notice": NOTICE, **found.to_dict()}
        texts[json] = json_module.dumps(document, indent=2, allow_nan=False) + "\n"
    for path, text in texts.items():
        try:
            write_whole(path, text)
        except OSError as error:
            raise CoReEchoError(f"{path} cannot be written: {error.strerror or error}. Give another file.") from error
    return list(texts)

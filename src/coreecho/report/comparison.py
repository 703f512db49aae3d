"""Runs that were held against each other, on a terminal and as files."""

import json as json_module
from pathlib import Path

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from coreecho.errors import CoReEchoError
from coreecho.evaluation.intervals import Interval
from coreecho.evaluation.run_comparison import Compared, RunComparison
from coreecho.files import write_whole
from coreecho.names import counted, readable
from coreecho.notices import NOTICE, PHANTOM_LABEL

# After the point, of a difference; and of one that is as small as that.
_DIGITS, _MOST_DIGITS = 2, 6


def comparison_tables(found: RunComparison) -> Group:
    """One block a metric: each that was compared in a row, with its interval and its difference to the first."""
    first = found.compared[0].name
    level = next(iter(found.compared[0].metrics.values())).level
    title = f"{found.tested}, {counted(found.num_recordings, 'recordings')}"
    title += f"\nphantom result: {PHANTOM_LABEL}" if found.is_phantom else ""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Metric")
    table.add_column("Run", overflow="fold")
    table.add_column(f"Value ({100 * level:g} % interval)", justify="right")
    has_seeds = any(each.sd_over_seeds for each in found.compared)
    if has_seeds:
        table.add_column("SD over seeds", justify="right")
    table.add_column(f"minus {readable(first)}, paired", justify="right")
    for definition in found.definitions:
        unit = f" ({definition.unit})" if definition.unit else ""
        for number, each in enumerate(found.compared):
            cells: list[Text | str] = [Text(readable(each.name)), each.metrics[definition.key].format()]
            if has_seeds:
                cells.append(f"{each.sd_over_seeds[definition.key]:.2f}")
            table.add_row(
                f"{definition.label}{unit}" if number == 0 else "",
                *cells,
                _difference(each, definition.key),
                end_section=number == len(found.compared) - 1,
            )
    said = [
        "* the interval of the difference does not hold 0. The same recordings are resampled for both runs."
        + (" Seeds are compared in pairs." if has_seeds else ""),
        *found.overlaps,
        NOTICE,
    ]
    return Group(Text(title, style="bold"), table, Text("\n".join(said)))


def _difference(each: Compared, key: str) -> str:
    difference = each.differences.get(key)
    if difference is None:
        return ""
    if not _is_clear(difference):
        return f"{difference.format()}  "
    # As many digits as show it: `0.00 (0.00 to 0.00) *` would deny what its mark says.
    nearest = min(abs(difference.low), abs(difference.high))
    digits = next((number for number in range(_DIGITS, _MOST_DIGITS) if round(nearest, number) > 0), _MOST_DIGITS)
    return f"{difference.format(digits)} *"


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

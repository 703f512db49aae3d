"""Tables for people, on a terminal."""

import math
from collections.abc import Mapping

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from coreecho.evaluation import Interval, Metrics
from coreecho.evaluation.intervals import FEW
from coreecho.names import counted


def metrics_table(metrics: Metrics, *, title: str, is_phantom: bool) -> Group:
    """Lay out metrics with their intervals; all that is needed to quote them stands below.

    Args:
        metrics: to show.
        title: what was evaluated, and how.
        is_phantom: the hearts are simulated; the title then says so.
    """
    label = f"{title}\nphantom result: simulated hearts" if is_phantom else title
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Metric")
    table.add_column("Value", justify="right")
    table.add_column(f"{100 * metrics.level:g} % interval", justify="right")
    table.add_column("Unit")
    for definition in metrics.definitions:
        interval = metrics[definition.key]
        if interval.is_defined:
            ends = "none" if math.isnan(interval.low) else f"{interval.low:z.2f} to {interval.high:z.2f}"
            table.add_row(definition.label, f"{interval.estimate:z.2f}", ends, definition.unit)
        else:
            # Why stands below: a sentence in a cell makes a column of it.
            table.add_row(definition.label, "n/a", "", "")
    # A table's own title and caption would be broken at the table's width.
    return Group(Text(label, style="bold"), table, Text(_caption(metrics)))


def _caption(metrics: Metrics) -> str:
    has_several = metrics.num_patients != metrics.num_recordings
    of_patients = f" of {counted(metrics.num_patients, 'patients')}" if has_several else ""
    few = "patients" if has_several else "recordings"
    lines = [
        f"{counted(metrics.num_recordings, 'recordings')}{of_patients}. Intervals: {_method(metrics)}, "
        f"{metrics.resamples:,} resamples, seed {metrics.seed}."
    ]
    for definition in metrics.definitions:
        interval = metrics[definition.key]
        if not interval.is_defined:
            lines.append(f"{definition.label}: {interval.reason}.")
        if interval.is_defined and interval.excluded_resamples > 0:
            lines.append(
                f"{definition.label}: not defined in {interval.excluded_resamples:,} resamples, "
                "left out of its interval."
            )
    if metrics.num_patients < FEW:
        lines.append(f"Fewer than {FEW} {few}: so few say little, and their intervals may be too narrow.")
    lines.append("Research software, not a medical device.")
    return "\n".join(lines)


def differences_table(differences: Mapping[str, Interval], metrics: Metrics, *, title: str, is_phantom: bool) -> Group:
    """Lay out paired differences of metrics between two methods.

    Args:
        differences: by the keys of the metrics.
        metrics: of one of the two, for the names of the metrics.
        title: which method minus which.
        is_phantom: the hearts are simulated; the title then says so.
    """
    label = f"{title}\nphantom result: simulated hearts" if is_phantom else title
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("Difference in", "Value", f"{100 * metrics.level:g} % interval", "Unit"):
        table.add_column(column, justify="left" if column in ("Difference in", "Unit") else "right")
    for definition in metrics.definitions:
        interval = differences[definition.key]
        if interval.is_defined:
            ends = f"{interval.low:z.2f} to {interval.high:z.2f}"
            table.add_row(definition.label, f"{interval.estimate:z.2f}", ends, definition.unit)
        else:
            table.add_row(definition.label, "n/a", "", interval.reason)
    return Group(Text(label, style="bold"), table)


def _method(metrics: Metrics) -> str:
    return metrics[metrics.definitions[0].key].method

"""What was found of left ventricles, for the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from coreecho.names import readable
from coreecho.tasks import EF
from coreecho.ventricle.segmentation import RELATIVE, Segmentation


def beats_table(results: Sequence[Segmentation], *, model_name: str, out: Path) -> Group:
    """Lay out one row a file: its EF, those of its beats, its volumes, and what speaks against them."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("File", overflow="fold")
    for heading in ("EF, mean (%)", "of each beat (%)", "EDV / ESV (mL)", "Rhythm"):
        table.add_column(heading, justify="right", min_width=max(map(len, heading.split())))
    table.add_column("Warnings and notes", overflow="fold")
    for found in results:
        said = [*found.warnings, *(f"Note: {note}" for note in found.notes)]
        table.add_row(
            Text(readable(found.file)),
            "" if found.mean_ef_percent is None else f"{found.mean_ef_percent:.1f}",
            ", ".join(f"{ef_percent:.0f}" for ef_percent in found.ef_percent),
            _volumes(found),
            _rhythm(found),
            Text("\n".join(map(readable, said))),
            end_section=len(said) > 1,
        )
    written = Text(f"Masks, films and curves of each file, beats.csv and beats.json: {readable(out)}")
    return Group(Text(f"Left ventricle by {model_name}", style="bold"), table, written, Text(EF.notice, style="bold"))


def _volumes(found: Segmentation) -> str:
    beats = found.beats.beats
    if not beats or found.unit == RELATIVE:
        return ""
    edv, esv = (sum(values) / len(beats) for values in zip(*((beat.edv, beat.esv) for beat in beats), strict=True))
    return f"{edv:.0f} / {esv:.0f}"


def _rhythm(found: Segmentation) -> str:
    rate = found.beats.heart_rate_bpm
    return found.rhythm + ("" if rate is None else f", {rate:.0f} a minute")

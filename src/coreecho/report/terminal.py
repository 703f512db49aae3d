"""What commands print: for people, on a terminal."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, TextIO, cast

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from coreecho.names import counted, printable
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.report.doubt import caption_of, doubt_words, why_words
from coreecho.representation.continuity_comparison import ContinuityDifference
from coreecho.representation.embedding_map import EmbeddingMap, PlacedClip
from coreecho.representation.neighbour_search import NeighbourSearch
from coreecho.representation.run_continuity import Continuity
from coreecho.saliency.file_explanation import FileExplanation
from coreecho.saliency.run_lv_focus import DatasetExplanation
from coreecho.trust import Appraisal

_PHANTOM_RESULT = f"phantom result: {PHANTOM_LABEL}"
_FOCUS_LABELS = {
    "lv_focus": "LV focus",
    "energy_in_lv": "share of the map inside the LV",
    "lv_share_of_sector": "share of the sector that the LV takes",
    "energy_in_sector": "share of the map inside the sector",
}
_GROUPS = {
    "order": "Does it lie in the order of {noun}?",
    "variance": "What is it made of?",
    "path": "One heart, {noun} moved",
}


class _Escaping:
    """A stream to which any text can be written: what its encoding lacks, such as ² in ASCII, is escaped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        encoding = self._stream.encoding or "utf-8"
        return self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def console(*, stderr: bool = False) -> Console:
    """A console that prints anything to any terminal, pipe or file, whatever its encoding; nothing global is changed.

    Texts from outside still go through `printable` first, since a terminal obeys what control sequences say.
    """
    # Asked for at each call: a program may have put another stream in its place.
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=cast(IO[str], _Escaping(stream)))


def say(lines: Sequence[str], *, stderr: bool = False) -> None:
    """Print lines as they are, escaped where they are no letters, and broken by nobody but the terminal."""
    text = "\n".join(printable(line) for line in lines)
    console(stderr=stderr).print(text, markup=False, highlight=False, soft_wrap=True)


def show_file_explanation(explained: FileExplanation, out: Path, *, appraisal: Appraisal | None = None) -> None:
    """Print the prediction that was explained with what it is worth, and where the files are."""
    explanation, predicted = explained.explanation, explained.explanation.predicted
    lines = [
        f"{predicted[0].upper()}{predicted[1:]}, {doubt_words(appraisal, explanation.task)}.",
        *why_words(appraisal),
        f"The map (Grad-CAM) is bright on {explanation.meaning}. It is coarse: {explanation.grid[1]} x "
        f"{explanation.grid[2]} fields over the picture.",
    ]
    if explained.focus_words:
        lines.append(f"{explained.focus_words}. Outlined by {explained.outlined_by}.")
    lines += [f"Caution: {warning}." for warning in explained.warnings]
    lines += [f"Note: {note}." for note in explained.clip.video.notes]
    lines += [_PHANTOM_RESULT] if explained.is_phantom else []
    _print([*lines, f"Film, contact sheet and map: {out}"])


def show_lv_focus(explained: DatasetExplanation) -> None:
    """Print the means with their intervals, and how many recordings they are of."""
    table = _table("LV focus over a data set", is_phantom=explained.is_phantom)
    for column in ("Mean over recordings", "Value", "95 % interval"):
        table.add_column(column, justify="left" if column.startswith("Mean") else "right")
    for key, label in _FOCUS_LABELS.items():
        interval = explained.means[key]
        table.add_row(label, f"{interval.estimate:z.3f}", f"{interval.low:z.3f} to {interval.high:z.3f}")
    console().print(table)
    undefined = explained.table[explained.table["lv_focus"].isna()]
    lines = [f"{len(explained.table) - len(undefined)} of {len(explained.table)} recordings. 1 is a model that looks "
             "everywhere in the sector alike."]  # fmt: skip
    if len(undefined):
        first = undefined.iloc[0]
        lines.append(f"Not defined in {len(undefined)} recordings, such as {first['recording']}: {first['reason']}.")
    if explained.overlap_label is not None:
        lines.append(f"Note: {explained.overlap_label}.")
    _print([*lines, f"Of each recording: {explained.folder / 'lv_focus.csv'}"])


def show_maps(maps: Sequence[EmbeddingMap], placed: Sequence[Sequence[PlacedClip]], written: tuple[Path, Path]) -> None:
    """Print what is on the maps, and where they are."""
    lines = []
    for made, files in zip(maps, placed, strict=True):
        lines.append(f"{made.method} of {counted(len(made.recordings), 'recordings')}: {made.recordings.source}")
        lines += [f"Note: {made.note}."] if made.note else []
        for clip in files:
            lines += [caption_of(clip, ", "), *why_words(clip.appraisal)]
            lines += [f"Caution: {warning}." for warning in clip.warnings]
            lines += [f"Note: {note}." for note in clip.notes]
    _print([*lines, f"Picture: {written[0]}", f"Page to point at, offline: {written[1]}"])


def show_neighbours(found: NeighbourSearch, out: Path | None, *, appraisal: Appraisal | None = None) -> None:
    """Print what the model says of the clip, what that is worth where it is known, and what is most like it."""
    task = found.task
    table = _table(f"Most alike of the {found.source}", is_phantom=found.is_phantom)
    table.add_column("Recording")
    for column in (task.heading, "Predicted", "Distance"):
        table.add_column(column, justify="right")
    for near in found.neighbours:
        cells = (task.shown(near.true), task.shown(near.predicted), f"{near.distance:.3f}")
        table.add_row(Text(printable(near.recording)), *cells)
    console().print(table)
    lines = [
        f"This clip: {task.output} {task.say(found.clip.predicted)}; mean {task.noun} of these recordings "
        f"{task.say_if_known(found.mean_of_neighbours)}.",
        f"{found.likeness}.",
    ]
    lines += [] if appraisal is None else list(appraisal.lines)
    lines += [f"Caution: {warning}." for warning in found.warnings]
    lines += [f"Note: {note}." for note in found.clip.clip.video.notes]
    _print([*lines, *([f"Table and picture: {out}"] if out else [])])


def show_continuity(measured: Continuity) -> None:
    """Print all figures with their intervals and what they mean."""
    table = _table(
        f"{measured.source}: {counted(measured.num_recordings, 'recordings')}", is_phantom=measured.is_phantom
    )
    for column in ("Measure", "Value", "95 % interval", "Unit", "Meaning"):
        table.add_column(column, justify="right" if column in ("Value", "95 % interval") else "left")
    group, meaning = "", ""
    for figure in measured.figures:
        if figure.group != group:
            group = figure.group
            table.add_row(Text(_GROUPS[group].format(noun=measured.number.noun), style="bold"))
        interval = figure.interval
        ends = f"{interval.low:z.3f} to {interval.high:z.3f}" if interval.is_defined else ""
        value = f"{interval.estimate:z.3f}" if interval.is_defined else "n/a"
        # The shares all mean the same: said once.
        said = interval.reason or ("" if figure.meaning == meaning else figure.meaning)
        meaning = figure.meaning
        table.add_row(f"  {figure.label}", value, ends, figure.unit, said)
    console().print(table)
    _print([*(f"Note: {note}." for note in measured.notes), f"JSON, CSV and picture: {measured.folder}"])


def show_continuity_difference(difference: ContinuityDifference, first: Continuity) -> None:
    """Print the second run's figures minus the first's, which are labelled as the first's are."""
    title = f"Second run minus first, paired: {counted(difference.num_recordings, 'recordings')}"
    table = _table(title, is_phantom=first.is_phantom)
    for column in ("Measure", "Difference", "95 % interval", "Unit"):
        table.add_column(column, justify="right" if column in ("Difference", "95 % interval") else "left")
    group = ""
    for figure in first.figures:
        interval = difference.intervals.get(figure.key)
        if interval is None:
            continue
        if figure.group != group:
            group = figure.group
            table.add_row(Text(_GROUPS[group].format(noun=first.number.noun), style="bold"))
        ends = f"{interval.low:+z.3f} to {interval.high:+z.3f}" if interval.is_defined else ""
        value = f"{interval.estimate:+z.3f}" if interval.is_defined else "n/a"
        table.add_row(f"  {figure.label}", value, ends, figure.unit)
    console().print(table)
    lines = ["An interval that holds 0 does not tell the runs apart."]
    _print([*lines, *(f"Note: {note}." for note in difference.notes), f"JSON: {difference.folder}"])


def _table(title: str, *, is_phantom: bool) -> Table:
    lines = [title, *([_PHANTOM_RESULT] if is_phantom and PHANTOM_LABEL not in title else [])]
    return Table(title=Text(printable("\n".join(lines))), box=box.SIMPLE_HEAD, title_justify="left")


def _print(lines: Sequence[str]) -> None:
    say([*lines, NOTICE])

"""What `coreecho segment` says of a clip that does not begin at end-diastole: in its table, its curve and beats.csv."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from rich.console import Console

import coreecho
from coreecho.report import volume_drawing
from coreecho.report.segmentation_folder import write_beats
from coreecho.report.segmentation_tables import beats_table

WHY = "was left out: its largest area lies at the very start of the clip, and may have been larger before"


def test_a_beat_that_was_left_out_is_told_wherever_beats_are(
    bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heart = bright_heart()
    found = coreecho.segment(heart.frames[8:], model=bright_segmenter, fps=30)
    whole = coreecho.segment(heart.frames, model=bright_segmenter, fps=30)
    console = Console(file=StringIO(), width=300)
    console.print(beats_table([found, whole], model_name="m", out=tmp_path))
    assert console.file.getvalue().count(WHY) == 1
    write_beats([(found, "a"), (whole, "b")], tmp_path, model_name="m")
    notes = pd.read_csv(tmp_path / "beats.csv").set_index("folder")["notes"].fillna("")
    assert notes["a"].str.contains(WHY).all()
    assert not notes["b"].str.contains(WHY).any()
    drawn: list[Figure] = []
    monkeypatch.setattr(volume_drawing, "save_figure", lambda figure, path: drawn.append(figure))
    for each in (found, whole):
        volume_drawing.draw_volume(each, tmp_path / "volume.png")
    told = [" ".join(text.get_text() for text in figure.findobj(Text)) for figure in drawn]
    assert [WHY in words for words in told] == [True, False]

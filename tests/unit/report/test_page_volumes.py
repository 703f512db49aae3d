"""The volume of the left ventricle below the clips of a page."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from coreecho.models.segmenter import load_segmenter
from coreecho.report.page_films import Case
from coreecho.report.page_runs import ShownRun
from coreecho.report.page_volumes import with_volume


class _Store:
    def __init__(self, frames: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        self._frames = frames

    def frames(self, name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        return self._frames

    def fps(self, name: str) -> float:
        return 30.0


def shown(frames: np.ndarray[Any, np.dtype[np.uint8]]) -> ShownRun:
    subject = SimpleNamespace(store=lambda: _Store(frames))
    return cast(ShownRun, SimpleNamespace(subject=subject, evaluation=SimpleNamespace(is_phantom=True)))


def test_a_case_has_its_volume_and_the_ef_of_its_beats(
    bright_segmenter: Path, bright_heart: Callable[..., Any]
) -> None:
    heart = bright_heart(height=56, width=56)
    case = with_volume(
        Case(recording="a", facts=("one",), film=None), shown(heart.frames), load_segmenter(bright_segmenter)
    )
    assert case.facts[0] == "one"
    words, _, value = case.facts[1].partition("EF ")
    assert words == ""
    assert float(value.split()[0]) == pytest.approx(heart.ef_percent, abs=2.5)
    assert case.volume is not None
    assert case.volume.uri.startswith("data:image/png;base64,")
    assert "3 beats (regular rhythm)" in case.volume.description


def test_a_clip_that_cannot_be_outlined_says_why(bright_segmenter: Path, bright_heart: Callable[..., Any]) -> None:
    case = with_volume(
        Case(recording="a", facts=(), film=None),
        shown(bright_heart(height=56, width=56).frames[:5]),
        load_segmenter(bright_segmenter),
    )
    assert case.volume is None
    assert "a heartbeat takes at least 8" in case.facts[0]

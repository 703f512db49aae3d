from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from coreecho.report import map_drawing
from coreecho.report.map_drawing import draw_maps
from coreecho.representation.embedding_map import PlacedClip, make_map
from coreecho.representation.embedding_set import EmbeddingSet
from coreecho.trust import Appraisal

JUDGED = Appraisal(trust="doubtful", reasons=("dull",))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures as they are drawn, which are written nowhere."""
    figures: list[Figure] = []
    monkeypatch.setattr(map_drawing, "save_figure", lambda figure, path: figures.append(figure))
    return figures


def test_maps_side_by_side(plane: EmbeddingSet, tmp_path: Path, assert_png: Callable[[Path], None]) -> None:
    unlabelled = plane.ef_percent.copy()
    unlabelled[:3] = np.nan
    made = make_map(replace(plane, true=unlabelled), method="pca")
    draw_maps([made, made], tmp_path / "two.png", placed=[[PlacedClip("new", 0, 0, 55)], []])
    draw_maps([made], tmp_path / "one.png")
    assert_png(tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()
    for name, is_phantom in (("real", False), ("simulated", True)):
        recordings = replace(made.recordings, source="TEST split", is_phantom=is_phantom)
        draw_maps([replace(made, recordings=recordings)], tmp_path / f"{name}.png")
    assert (tmp_path / "real.png").read_bytes() != (tmp_path / "simulated.png").read_bytes()
    with pytest.raises(ValueError, match="at least one map"):
        draw_maps([], tmp_path / "none.png")


def test_the_words_of_a_new_clip_lie_inside_the_picture(
    plane: EmbeddingSet, tmp_path: Path, drawn: list[Figure]
) -> None:
    made = make_map(plane, method="pca")
    # On the right, where words to its right would run out.
    x, y = made.coordinates[made.coordinates[:, 0].argmax()]
    draw_maps([made], tmp_path / "map.png", placed=[[PlacedClip("new", x, y, 55, appraisal=JUDGED)]])
    (figure,) = drawn
    figure.canvas.draw()
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    (label,) = (text for text in texts if "new, predicted EF 55.0 %" in text.get_text())
    assert label.get_text().endswith("\nno interval; trust: doubtful")
    # Beside its star, without a line across the dots, and with the reasons below the picture.
    axis = figure.axes[0]
    star = axis.transData.transform((x, y))
    box = label.get_window_extent()
    gap = max(box.y0 - star[1], star[1] - box.y1)
    assert 0 < gap < 20 * figure.dpi / 72
    assert box.x0 - 1 <= star[0] <= box.x1 + 1
    assert label.arrow_patch is None
    assert any("new: why doubtful: dull" in text.get_text() for text in texts)
    for text in texts:
        box = text.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.x1, text.get_text()
    told = " ".join(text.get_text() for text in texts)
    assert "The axes have no unit" in told
    assert "the star is your clip" in told


def test_a_flat_map_fills_its_frame_and_says_so(plane: EmbeddingSet, tmp_path: Path, drawn: list[Figure]) -> None:
    made = make_map(plane, method="pca")
    places = np.random.default_rng(0).uniform(-1, 1, made.coordinates.shape)
    for height in (0.1, 0.9):
        draw_maps([replace(made, coordinates=places * (1, height))], tmp_path / "map.png")
    shares = []
    for figure in drawn:
        figure.canvas.draw()
        bottom, top = figure.axes[0].get_ylim()
        shares.append(np.ptp(figure.axes[0].collections[1].get_offsets()[:, 1]) / (top - bottom))
    assert min(shares) > 0.8
    flat, high = (figure.axes[0].get_xlabel() for figure in drawn)
    assert "Height and width have scales of their own" in flat
    assert "scales of their own" not in high


def test_lines_from_words_to_stars_do_not_cross(plane: EmbeddingSet, tmp_path: Path, drawn: list[Figure]) -> None:
    made = make_map(plane, method="pca")
    (left, bottom), (right, top) = made.coordinates.min(axis=0), made.coordinates.max(axis=0)
    # Whatever corners are the emptiest, in one of the orders each is farther from its words than the other is.
    ends = [(left, bottom), (right, top), (left, top), (right, bottom)]
    draw_maps(
        [made], tmp_path / "map.png", placed=[[PlacedClip(str(number), *end, 55) for number, end in enumerate(ends)]]
    )
    (axis, *_) = drawn[0].axes
    words = [text for text in axis.texts if isinstance(text, Annotation)]
    assert [text.get_text()[0] for text in words] == ["0", "1", "2", "3"]
    assert [(text.get_position()[0] > 0.5, text.get_position()[1] > 0.5) for text in words] == [
        (x == right, y == top) for x, y in ends
    ]

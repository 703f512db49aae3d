from dataclasses import replace

import numpy as np

from coreecho.report.page_maps import _draw, page_maps
from coreecho.representation.embedding_map import EmbeddingMap
from coreecho.representation.embedding_set import EmbeddingSet


def embedded(count: int, *, low: float = 20, high: float = 70) -> EmbeddingSet:
    ef_percent = np.linspace(low, high, count)
    embeddings = np.stack([ef_percent, np.sin(ef_percent), np.cos(ef_percent)], axis=1).astype(np.float32)
    return EmbeddingSet(
        ids=tuple(f"recording {number}" for number in range(count)),
        embeddings=embeddings,
        ef_percent=ef_percent,
        ef_predicted=ef_percent + 1,
        source="a test",
        is_phantom=True,
    )


def test_each_recording_is_a_dot_inside_the_drawing_that_says_who_it_is():
    (drawn,) = page_maps([embedded(20)], ["run"], method="pca")
    assert len(drawn.dots) == 20
    assert all(0 < x < drawn.side and 0 < y < drawn.height <= drawn.side for x, y, *_ in drawn.dots)
    first, last = drawn.dots[0], drawn.dots[-1]
    assert first[3] == "recording 0: true EF 20.0 %, predicted 21.0 %"
    # EF grows to the right, from the dark end of the colours to the bright one.
    assert first[0] < last[0]
    assert (first[2], last[2]) == (drawn.colours[0], drawn.colours[-1])
    assert "PCA of 20 recordings" in drawn.caption
    assert "Simulated hearts" in drawn.caption


def test_two_maps_share_one_scale_of_colours():
    first, second = page_maps([embedded(10, low=20, high=50), embedded(10, low=40, high=70)], ["A", "B"], method="pca")
    assert (first.low, first.high) == (second.low, second.high) == ("20", "70")
    assert first.dots[-1][2] != second.dots[-1][2]


def test_unknown_numbers_are_called_unknown_and_their_dots_are_grey():
    nothing = np.full(10, np.nan)
    (drawn,) = page_maps([replace(embedded(10), true=nothing, predicted=nothing)], ["run"], method="pca")
    assert drawn.dots[0][2:] == ("#9a9a9a", "recording 0: true EF unknown, predicted unknown")
    assert "Their EF is not known, so all dots are grey." in drawn.caption


def test_too_few_recordings_have_no_map():
    assert page_maps([embedded(3), embedded(10)], ["A", "B"], method="pca") == [None, None]


def test_large_test_sets_are_drawn_in_part_and_say_so():
    recordings = embedded(10_000)
    made = EmbeddingMap(recordings, np.random.default_rng(0).normal(size=(10_000, 2)), "PCA")
    drawn = _draw(made, "run", 20, 70)
    assert len(drawn.dots) == 3000
    assert "3,000 of 10,000 recordings are drawn." in drawn.caption

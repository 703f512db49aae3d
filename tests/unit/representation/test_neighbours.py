import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coreecho.representation import neighbours
from coreecho.representation.embeddings import EmbeddingSet
from coreecho.representation.neighbours import NeighbourIndex, most_alike


def slow(points: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    difference = points[None].astype(np.float64) - queries[:, None].astype(np.float64)
    distances = np.sqrt((difference**2).sum(axis=2))
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, axis=1), order


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 60),
    width=st.integers(1, 20),
    k=st.integers(1, 12),
    offset=st.sampled_from([0.0, 1.0, 1e4]),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_equals_the_slow_way(seed: int, count: int, width: int, k: int, offset: float, scale: float) -> None:
    """Also far from the origin, where single precision has few digits left for the differences."""
    rng = np.random.default_rng(seed)
    points = (offset + scale * rng.standard_normal((count, width))).astype(np.float32)
    queries = (offset + scale * rng.standard_normal((4, width))).astype(np.float32)
    distances, positions = NeighbourIndex(points).query(queries, k)
    expected_distances, expected_positions = slow(points, queries, k)
    np.testing.assert_array_equal(positions, expected_positions)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-12)


def test_equal_ones_come_in_order() -> None:
    points = np.array([[1, 0], [0, 1], [0, -1], [-1, 0], [0, 0]], dtype=np.float32)
    distances, positions = NeighbourIndex(points).query(np.zeros((1, 2)), 4)
    assert positions.tolist() == [[4, 0, 1, 2]]
    assert distances.tolist() == [[0, 1, 1, 1]]


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    index, queries = NeighbourIndex(rng.standard_normal((50, 8))), rng.standard_normal((7, 8))
    whole = index.query(queries, 3)
    monkeypatch.setattr(neighbours, "_PAIRS_AT_ONCE", 100)
    np.testing.assert_array_equal(index.query(queries, 3)[1], whole[1])


def test_fewer_recordings_than_asked_for() -> None:
    assert NeighbourIndex(np.eye(3)).query(np.zeros((2, 3)), 10)[1].shape == (2, 3)


def test_refuses_what_is_not_an_embedding() -> None:
    with pytest.raises(ValueError, match="finite embeddings"):
        NeighbourIndex(np.array([[1.0, np.nan]]))
    with pytest.raises(ValueError, match=r"got \(0, 4\)"):
        NeighbourIndex(np.empty((0, 4)))
    with pytest.raises(ValueError, match=r"expected queries \(Q, 3\)"):
        NeighbourIndex(np.eye(3)).query(np.zeros(3), 1)


@pytest.fixture
def line() -> EmbeddingSet:
    """Five recordings on a line, at 0, 1, 2, 3 and 4."""
    return EmbeddingSet(
        ids=("a", "b", "c", "d", "e"),
        embeddings=np.arange(5, dtype=np.float32)[:, None],
        ef_percent=np.array([30.0, 40, 50, 60, 70]),
        ef_predicted=np.array([31.0, 41, 51, 61, 71]),
        source="a line",
        is_phantom=True,
    )


def test_most_alike(line: EmbeddingSet) -> None:
    found = most_alike(NeighbourIndex(line.embeddings), line, np.array([1.2], dtype=np.float32), k=3)
    assert [(near.rank, near.recording, near.true, near.predicted) for near in found] == [
        (1, "b", 40, 41), (2, "c", 50, 51), (3, "a", 30, 31),
    ]  # fmt: skip
    assert found[0].distance == pytest.approx(0.2)


def test_a_recording_is_not_its_own_neighbour(line: EmbeddingSet) -> None:
    index = NeighbourIndex(line.embeddings)
    found = most_alike(index, line, line.embeddings[2], k=2, leave_out="c")
    assert [near.recording for near in found] == ["b", "d"]
    assert [near.recording for near in most_alike(index, line, line.embeddings[2], k=1)] == ["c"]
    assert len(most_alike(index, line, line.embeddings[2], k=9, leave_out="c")) == 4

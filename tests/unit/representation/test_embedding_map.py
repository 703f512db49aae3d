import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from coreecho.errors import CoReEchoError, RecipeError
from coreecho.representation.embedding_map import make_map, number_range, place_on_map
from coreecho.representation.embeddings import EmbeddingSet


@pytest.fixture
def no_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)


def test_pca_keeps_the_distances_of_a_plane(plane: EmbeddingSet) -> None:
    """The recordings lie in a plane of 20 dimensions; a map of it changes no distance."""
    made = make_map(plane, method="pca")
    distances = np.linalg.norm(made.coordinates[:, None] - made.coordinates, axis=2)
    expected = np.linalg.norm(plane.embeddings[:, None].astype(float) - plane.embeddings, axis=2)
    np.testing.assert_allclose(distances, expected, atol=1e-4)
    assert (made.method, made.note) == ("PCA", "")


def test_ef_grows_to_the_right(plane: EmbeddingSet) -> None:
    made = make_map(plane, method="pca")
    right, up = (np.corrcoef(axis, plane.ef_percent)[0, 1] for axis in made.coordinates.T)
    assert right > 0.99
    assert abs(up) < 0.01


@pytest.mark.usefixtures("no_umap")
def test_without_umap_it_is_a_pca_and_says_so(plane: EmbeddingSet) -> None:
    made = make_map(plane)
    assert made.method == "PCA"
    assert "UMAP is not installed: this is a PCA" in made.note
    with pytest.raises(CoReEchoError, match=r"pip install coreecho\[map\]"):
        make_map(plane, method="umap")


@pytest.mark.slow
def test_umap_is_seeded_and_keeps_neighbours(plane: EmbeddingSet) -> None:
    pytest.importorskip("umap")
    made, again = make_map(plane), make_map(plane)
    assert made.method == "UMAP"
    np.testing.assert_array_equal(made.coordinates, again.coordinates)
    assert not np.array_equal(make_map(plane, seed=1).coordinates, made.coordinates)
    # Of each recording's 5 nearest on the map, most are among its 15 nearest in truth.
    distances = np.linalg.norm(made.coordinates[:, None] - made.coordinates, axis=2)
    truth = np.linalg.norm(plane.embeddings[:, None] - plane.embeddings, axis=2)
    near, near_truth = (np.argsort(table, axis=1)[:, 1:] for table in (distances, truth))
    shared = [len(set(near[n, :5]) & set(near_truth[n, :15])) / 5 for n in range(len(plane))]
    assert np.mean(shared) > 0.8


def test_a_clip_of_the_map_lands_where_it_is(plane: EmbeddingSet) -> None:
    made = make_map(plane, method="pca")
    np.testing.assert_allclose(place_on_map(made, plane.embeddings[3:5]), made.coordinates[3:5])


def test_a_new_clip_lands_between_its_neighbours(plane: EmbeddingSet) -> None:
    made = make_map(plane, method="pca")
    between = (plane.embeddings[:1] + plane.embeddings[1:2]) / 2
    (placed,) = place_on_map(made, between)
    low, high = made.coordinates.min(axis=0), made.coordinates.max(axis=0)
    assert ((low <= placed) & (placed <= high)).all()
    middle = made.coordinates[:2].mean(axis=0)
    assert np.linalg.norm(placed - middle) < 0.2 * np.linalg.norm(high - low)


def test_too_few_recordings_or_an_unknown_method(plane: EmbeddingSet) -> None:
    few = replace(
        plane, ids=plane.ids[:3], embeddings=plane.embeddings[:3], ef_percent=plane.ef_percent[:3],
        ef_predicted=plane.ef_predicted[:3], true=plane.true[:3], predicted=plane.predicted[:3],
    )  # fmt: skip
    with pytest.raises(RecipeError, match="A map needs at least 4 recordings, got 3"):
        make_map(few)
    with pytest.raises(RecipeError, match="method: expected one of auto, umap, pca; got 'tsne'"):
        make_map(plane, method="tsne")


def test_recordings_without_ef_or_with_one_number_have_a_map(plane: EmbeddingSet) -> None:
    unknown = replace(plane, true=np.full(len(plane), np.nan))
    assert np.isfinite(make_map(unknown, method="pca").coordinates).all()
    assert number_range([make_map(unknown, method="pca")]) == (0, 100)
    one_number = replace(plane, embeddings=plane.embeddings[:, :1])
    made = make_map(one_number, method="pca")
    np.testing.assert_allclose(made.coordinates[:, 1], 0, atol=1e-6)

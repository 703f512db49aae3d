import numpy as np
import pytest

from coreecho.errors import RecipeError
from coreecho.inference.preparing import embed_file
from coreecho.models.echo_model import EchoModel
from coreecho.models.weights import load_model
from coreecho.representation.embeddings import embed_run
from coreecho.representation.neighbour_search import search_neighbours
from coreecho.training.run_folder import RunFolder


def test_a_file_is_embedded_as_the_recording_it_is(run: RunFolder) -> None:
    model = load_model(run.path)
    recording = run.recordings("train")[2]
    embedded = embed_file(model, recording.path, clips=2)
    kept = embed_run(run, model, "train", clips=2)
    np.testing.assert_allclose(embedded.embedding, kept.embeddings[2], rtol=1e-4, atol=1e-5)
    assert embedded.predicted == pytest.approx(kept.ef_predicted[2], rel=1e-5)
    with pytest.raises(RecipeError, match="clips: expected at least 1, got 0"):
        embed_file(model, recording.path, clips=0)


def test_a_model_that_finds_infarctions_has_no_neighbours_of_an_ef(run: RunFolder, mi_model: EchoModel) -> None:
    with pytest.raises(RecipeError, match="this model reads the probability of a myocardial infarction"):
        search_neighbours(
            mi_model, embed_run(run, load_model(run.path), "test", clips=1), run.recordings("train")[0].path
        )


def test_finds_the_recording_and_its_likes(run: RunFolder) -> None:
    model, recording = load_model(run.path), run.recordings("train")[2]
    searched = embed_run(run, model, "train", clips=1)
    found = search_neighbours(model, searched, recording.path, k=4, clips=1)
    assert found.neighbours[0].recording == recording.id
    distances = [near.distance for near in found.neighbours]
    assert distances == sorted(distances)
    assert found.mean_of_neighbours == pytest.approx(np.mean([near.true for near in found.neighbours]))
    assert 0 < found.typical_distance <= found.edge_distance <= found.unusual_distance
    assert not any("nothing like this clip" in warning for warning in found.warnings)
    with pytest.raises(RecipeError, match="k: expected at least 1 neighbour, got 0"):
        search_neighbours(model, searched, recording.path, k=0)

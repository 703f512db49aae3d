"""The table of what a model says: each clip is predicted once, and nothing in it gets stale."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from coreecho.inference import results as results_module
from coreecho.inference.engine import predict_video
from coreecho.inference.results import Results
from coreecho.models.building import build_model
from coreecho.models.echo_model import EchoModel
from coreecho.models.model_input import ModelInput

SHA = "a" * 64


class StoreInMemory:
    """What results ask of a frame store."""

    def __init__(self, **seeds: int) -> None:
        self.seeds = seeds

    def frames(self, name: str) -> np.ndarray:
        return np.random.default_rng(self.seeds[name]).integers(0, 256, (20, 32, 32), np.uint8)

    def num_frames(self, name: str) -> int:
        return 20

    def digest(self, name: str) -> str:
        return f"seed {self.seeds[name]}"


@pytest.fixture
def model() -> EchoModel:
    torch.manual_seed(0)
    return build_model("uniformer_xs", ModelInput(num_frames=4, stride=2, frame_size=32), last_bias=55.0).eval()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many clips the network saw, batch by batch."""
    sizes: list[int] = []
    forward = EchoModel.forward

    def note(self: EchoModel, clips: torch.Tensor, num_valid_frames: torch.Tensor) -> Any:
        sizes.append(len(clips))
        return forward(self, clips, num_valid_frames)

    monkeypatch.setattr(EchoModel, "forward", note)
    return sizes


@pytest.fixture
def store() -> StoreInMemory:
    return StoreInMemory(a=1, b=2)


def table(tmp_path: Path, **changes: Any) -> Results:
    return Results(tmp_path / "results", **({"weights_sha256": SHA} | changes))


def test_says_what_the_network_says_in_the_order_that_was_asked(model, store, tmp_path):
    said = table(tmp_path).predict(lambda: model, store, [("b", [0, 5]), ("a", [3])])
    for prediction, (name, starts) in zip(said, [("b", [0, 5]), ("a", [3])], strict=True):
        expected = predict_video(model, store.frames(name), starts)
        np.testing.assert_allclose(prediction.clip_values, expected.clip_values, rtol=1e-5)
        np.testing.assert_allclose(prediction.embeddings, expected.embeddings, rtol=1e-5, atol=1e-5)
        assert prediction.starts == tuple(starts)


def test_only_clips_that_are_missing_are_predicted(model, store, tmp_path, seen):
    results = table(tmp_path)
    first = results.predict(lambda: model, store, [("a", [0, 5])])
    again = results.predict(lambda: model, store, [("a", [5, 9, 0]), ("b", [0])])
    assert seen == [2, 2]
    assert again[0].clip_values[[2, 0]].tolist() == first[0].clip_values.tolist()
    np.testing.assert_array_equal(again[0].embeddings[[2, 0]], first[0].embeddings)

    def refuse() -> EchoModel:
        raise AssertionError("the model is not needed")

    third = table(tmp_path).predict(refuse, store, [("b", [0]), ("a", [9])])
    assert third[0].value == again[1].value


def test_other_frames_under_the_same_name_are_predicted_anew(model, store, tmp_path, seen):
    before = table(tmp_path).predict(lambda: model, store, [("a", [0])])
    after = table(tmp_path).predict(lambda: model, StoreInMemory(a=3), [("a", [0])])
    assert seen == [1, 1]
    assert before[0].value != after[0].value


@pytest.mark.parametrize("changes", [{"weights_sha256": "b" * 64}, {"precision": "bf16"}])
def test_other_weights_and_precisions_have_tables_of_their_own(model, store, tmp_path, seen, changes):
    table(tmp_path).predict(lambda: model, store, [("a", [0])])
    other = table(tmp_path, **changes)
    other.predict(lambda: model, store, [("a", [0])])
    assert seen == [1, 1]
    assert other.key != table(tmp_path).key


def test_another_version_of_the_package_says_it_anew(model, store, tmp_path, seen, monkeypatch):
    table(tmp_path).predict(lambda: model, store, [("a", [0])])
    monkeypatch.setattr("coreecho.__version__", "99.0")
    table(tmp_path).predict(lambda: model, store, [("a", [0])])
    assert seen == [1, 1]


@pytest.mark.parametrize("damage", [b"", b"no zip", None, "flip"])
def test_a_damaged_part_is_made_anew(model, store, tmp_path, seen, damage):
    whole = table(tmp_path).predict(lambda: model, store, [("a", [0, 5])])
    (part,) = (tmp_path / "results").glob("*/part-*.npz")
    content = bytearray(part.read_bytes())
    if damage == "flip":
        # One bit of an embedding, which NumPy alone would not notice.
        content[len(content) // 2] ^= 1
    part.write_bytes(content[:-40] if damage is None else bytes(content) if damage == "flip" else damage)
    mended = table(tmp_path).predict(lambda: model, store, [("a", [0, 5])])
    assert seen == [2, 2]
    np.testing.assert_array_equal(mended[0].embeddings, whole[0].embeddings)


def test_what_was_predicted_before_a_fault_is_kept(model, store, tmp_path, seen):
    class Failing(StoreInMemory):
        def frames(self, name: str) -> np.ndarray:
            if name == "b":
                raise OSError("the disk is gone")
            return super().frames(name)

    with pytest.raises(OSError, match="the disk is gone"):
        table(tmp_path).predict(lambda: model, Failing(a=1, b=2), [("a", [0, 5]), ("b", [0])], batch_size=2)
    table(tmp_path).predict(lambda: model, store, [("a", [0, 5]), ("b", [0])])
    assert seen == [2, 1]


def test_long_tables_have_several_parts(model, store, tmp_path, seen, monkeypatch):
    monkeypatch.setattr(results_module, "_CLIPS_IN_A_PART", 2)
    wanted = [("a", [0, 5]), ("b", [0, 5, 9]), ("a", [7])]
    said = table(tmp_path).predict(lambda: model, store, wanted)
    assert len(list((tmp_path / "results").glob("*/part-*.npz"))) == 2
    again = table(tmp_path).predict(lambda: model, store, wanted)
    assert sum(seen) == 6
    assert [each.value for each in said] == [each.value for each in again]


def test_a_folder_that_cannot_be_written_to_costs_no_prediction(model, store, tmp_path, capsys):
    (tmp_path / "results").write_text("a file is in the way")
    (prediction,) = table(tmp_path).predict(lambda: model, store, [("a", [0])])
    assert np.isfinite(prediction.value)
    assert "is not kept in" in capsys.readouterr().err


def test_a_name_of_any_kind(model, tmp_path):
    odd = "M\udcffller/=1\n"
    store = StoreInMemory(**{odd: 4})
    first = table(tmp_path).predict(lambda: model, store, [(odd, [0])])
    assert table(tmp_path).predict(lambda: model, store, [(odd, [0])])[0].value == first[0].value

import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from coreecho.errors import CheckpointError
from coreecho.models import ModelInput, build_model, import_weights, initialise_encoder, load_model
from coreecho.models.weights import save_state
from coreecho.tasks import EF

Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def save(content: Any) -> Path:
        torch.save(content, tmp_path / "published.pth")
        return tmp_path / "published.pth"

    return save


def parts(name: str = "uniformer_xs", classes: int = 1) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The two state dicts of a published model: an encoder with a classifier, and a regression head."""
    torch.manual_seed(0)
    model = build_model(name, ModelInput(), last_bias=55.6)
    width = model.encoder.embedding_dim
    classifier = {"head.weight": torch.randn(classes, width), "head.bias": torch.randn(classes)}
    return {**model.encoder.state_dict(), **classifier}, dict(model.head.state_dict())


def prefixed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"module.{name}": value for name, value in state.items()}


@pytest.mark.parametrize("name", ["uniformer_xs", "uniformer_small", "uniformer_base"])
def test_bare_uniformer(write: Write, name: str) -> None:
    published, _ = parts(name, classes=400)
    imported = import_weights(write(published))
    assert imported.card.kind == "encoder"
    assert imported.card.encoder == name
    assert imported.card.source == "UniFormer (Li et al. 2022); imported from published.pth"
    assert imported.skipped == ("head.weight", "head.bias")
    assert set(imported.loaded) == set(published) - set(imported.skipped)
    assert all(name.startswith("head.") for name in imported.missing)
    assert len(imported.missing) == 14
    assert all(torch.equal(imported.state[name], published[name]) for name in imported.loaded)


@pytest.mark.parametrize("prefix", [False, True])
def test_coreecho(write: Write, prefix: bool) -> None:
    encoder, head = parts()
    wrap = prefixed if prefix else dict
    file = write({"epoch": 21, "model": wrap(encoder), "regressor": wrap(head), "best_error": np.float64(3.9)})
    imported = import_weights(file)
    assert imported.card.kind == "model"
    assert imported.card.model_input == ModelInput()
    assert "CC BY-NC 4.0" in imported.card.licence
    assert imported.card.source_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert imported.skipped == ("model.head.weight", "model.head.bias")
    assert imported.missing == ()
    model = build_model("uniformer_xs", ModelInput(), last_bias=0.0)
    model.load_state_dict(imported.state)
    assert torch.equal(model.head.state_dict()["6.bias"], head["6.bias"])
    assert torch.equal(model.encoder.state_dict()["norm.running_var"], encoder["norm.running_var"])
    assert imported.card.num_parameters == sum(parameter.numel() for parameter in model.parameters())


def test_echocotr_is_a_whole_model_with_a_linear_head(write: Write, tmp_path: Path) -> None:
    encoder, _ = parts()
    content = {"epoch": 44, "state_dict": prefixed(encoder), "period": 4, "frames": 36, "best_loss": np.float32(29.5)}
    imported = import_weights(write(content | {"r2": np.float64(0.8), "opt_dict": {"state": {}, "param_groups": []}}))
    card = imported.card
    assert (card.kind, card.head, card.task) == ("model", "linear", EF())
    assert card.source.startswith("EchoCoTr")
    assert card.model_input == ModelInput(num_frames=36, stride=4, padding="mean")
    assert imported.skipped == imported.missing == ()
    assert imported.loaded[-2:] == ("state_dict.head.weight", "state_dict.head.bias")
    save_state(tmp_path / "echocotr.safetensors", imported.state, card)
    model = load_model(tmp_path / "echocotr.safetensors")
    embeddings = torch.randn(3, model.encoder.embedding_dim)
    expected = embeddings @ encoder["head.weight"].T + encoder["head.bias"]
    torch.testing.assert_close(model.read_embeddings(embeddings), expected[:, 0])


def test_echocotr_of_other_clips_says_so_itself(write: Write) -> None:
    encoder, _ = parts()
    imported = import_weights(write({"state_dict": encoder, "frames": 40, "period": 2}))
    assert imported.card.model_input == ModelInput(num_frames=40, stride=2, padding="mean")
    with pytest.raises(
        CheckpointError, match=r"its `frames` and `period` are no clip\. .*num_frames is .many., expected a whole"
    ):
        import_weights(write({"state_dict": encoder, "frames": "many"}))


def test_a_classifier_is_no_ef_head(write: Write) -> None:
    for content in ({"state_dict": parts(classes=3)[0]}, parts(classes=1)[0]):
        imported = import_weights(write(content))
        assert (imported.card.kind, imported.card.head, imported.card.model_input) == ("encoder", None, None)
        assert [name.rpartition("head.")[2] for name in imported.skipped] == ["weight", "bias"]
        assert len(imported.missing) == 14


def test_a_training_starts_from_the_encoder_of_echocotr(write: Write) -> None:
    encoder, _ = parts()
    model = build_model("uniformer_xs", ModelInput(), last_bias=50.0)
    report = initialise_encoder(model, write({"state_dict": encoder}))
    assert "93 entries loaded, 2 skipped" in report
    assert torch.equal(model.encoder.state_dict()["norm.weight"], encoder["norm.weight"])


def test_source_and_licence_can_be_stated(write: Write) -> None:
    imported = import_weights(write(parts()[0]), source="our own", licence="CC0")
    assert (imported.card.source, imported.card.licence) == ("our own", "CC0")


def test_half_precision_becomes_single(write: Write) -> None:
    published = {name: value.half() if value.is_floating_point() else value for name, value in parts()[0].items()}
    state = import_weights(write(published)).state
    assert state["patch_embed1.proj.weight"].dtype == torch.float32
    assert state["norm.num_batches_tracked"].dtype == torch.int64


def test_legacy_files_without_zip(tmp_path: Path) -> None:
    torch.save(parts()[0], tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert import_weights(tmp_path / "old.pth").card.encoder == "uniformer_xs"


def test_a_training_starts_from_a_published_file(write: Write) -> None:
    encoder, _ = parts(classes=400)
    model = build_model("uniformer_xs", ModelInput(), last_bias=50.0)
    report = initialise_encoder(model, write(encoder))
    assert torch.equal(model.encoder.state_dict()["blocks4.0.attn.qkv.weight"], encoder["blocks4.0.attn.qkv.weight"])
    assert "93 entries loaded, 2 skipped" in report


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path: Path, zipped: bool) -> None:
    file, trace = tmp_path / "evil.pth", tmp_path / "it-ran"
    content = {"state_dict": parts()[0], "extra": Malicious(trace)}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        CheckpointError, match=r"evil\.pth: refused, since it asks for posix\.mkdir.*Nothing in it was run"
    ):
        import_weights(file)
    assert not trace.exists()
    # The same content does run where it is trusted: the test tests something.
    torch.load(file, weights_only=False)
    assert trace.exists()


def test_a_whole_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pth")
    with pytest.raises(CheckpointError, match=r"asks for torch\.nn\.modules\.linear\.Linear"):
        import_weights(tmp_path / "module.pth")


def missing_and_misshapen(published: dict[str, Tensor]) -> None:
    del published["blocks3.0.attn.qkv.bias"]
    published["blocks1.0.attn.weight"] = published["blocks1.0.attn.weight"][:, :, 1:4]
    published["blocks1.0.extra"] = torch.zeros(1)


def test_a_misfit_says_what_is_missing_unexpected_and_misshapen(write: Write) -> None:
    published, _ = parts()
    missing_and_misshapen(published)
    expected = (
        r"does not fit uniformer_xs, the closest encoder: 1 missing: blocks3\.0\.attn\.qkv\.bias; "
        r"1 unexpected: blocks1\.0\.extra; "
        r"1 of another shape: blocks1\.0\.attn\.weight \(24, 1, 3, 5, 5\) instead of \(24, 1, 5, 5, 5\)"
    )
    with pytest.raises(CheckpointError, match=expected):
        import_weights(write(published))


def test_a_misfitting_regressor_is_refused(write: Write) -> None:
    encoder, head = parts()
    del head["0.weight"]
    with pytest.raises(CheckpointError, match=r"its `regressor` is not the head of CoReEcho: 1 missing: 0\.weight"):
        import_weights(write({"model": encoder, "regressor": head}))


def test_weights_that_are_not_numbers(write: Write) -> None:
    published, _ = parts()
    published["norm.weight"][0] = torch.inf
    with pytest.raises(CheckpointError, match=r"not finite: norm\.weight"):
        import_weights(write(published))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"fc.weight": torch.zeros(2, 2)}, r"of no encoder that is known here; its first entries are fc\.weight"),
        ({"epoch": 3, "weights": {}}, r"its entries are epoch, weights\. Expected a bare state dict"),
        ([1, 2], "holds a list, expected a dictionary of weights"),
        ({}, "expected a dictionary of weights"),
        ({"state_dict": {"norm.weight": "text"}}, r"these entries are not tensors: norm\.weight"),
    ],
)
def test_other_content_is_refused(write: Write, content: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        import_weights(write(content))


@pytest.mark.parametrize("length", [0, 5, 5_000, -20])
def test_truncated_file(write: Write, length: int) -> None:
    file = write(parts()[0])
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"published\.pth: (damaged, truncated|not a PyTorch checkpoint)"):
        import_weights(file)


def test_other_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "clip.avi"
    file.write_bytes(b"RIFF\x00\x00\x00\x00AVI LIST" * 10)
    with pytest.raises(CheckpointError, match=r"clip\.avi: damaged, truncated or no PyTorch checkpoint"):
        import_weights(file)
    file.write_bytes(pickle.dumps({"a": 1}, protocol=2))
    with pytest.raises(CheckpointError, match=r"clip\.avi"):
        import_weights(file)
    with pytest.raises(CheckpointError, match="there is no such file"):
        import_weights(tmp_path / "nothing.pth")

import inspect
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from coreecho.errors import RecipeError
from coreecho.models import (
    ENCODERS,
    HEADS,
    SIZES,
    Encoder,
    ModelInput,
    UniFormer,
    build_encoder,
    build_head,
    build_model,
)


def dropouts(module: nn.Module) -> set[float]:
    return {layer.p for layer in module.modules() if isinstance(layer, nn.Dropout)}


def test_dropout_and_bias_go_where_they_belong() -> None:
    model = build_model("uniformer_xs", ModelInput(), last_bias=55.6, dropout=0.2, head_dropout=0.3)
    assert dropouts(model.encoder) == {0.2}
    assert dropouts(model.head) == {0.3}
    assert model.head.state_dict()["6.bias"].tolist() == pytest.approx([55.6])


def test_size_has_its_own_dropout_and_the_head_the_authors() -> None:
    model = build_model("uniformer_xs", ModelInput(), last_bias=0.0)
    assert dropouts(model.encoder) == {SIZES["xs"].dropout}
    assert dropouts(model.head) == {0.4}


def test_published_sizes_have_the_published_dropout() -> None:
    assert SIZES["small"].dropout == SIZES["base"].dropout == 0.1


@pytest.mark.parametrize("name", ENCODERS.names())
def test_name_and_settings_build_an_encoder_again(name: str) -> None:
    with torch.device("meta"):
        encoder = build_encoder(name, dropout=0.25)
        again = build_encoder(encoder.name, **encoder.settings)
    assert encoder.name == name
    # The residual networks know of no dropout, and are told of none.
    assert encoder.settings == ({"dropout": 0.25} if name.startswith(("uniformer", "uvt")) else {})
    assert dropouts(again) == dropouts(encoder)
    assert {key: value.shape for key, value in again.state_dict().items()} == {
        key: value.shape for key, value in encoder.state_dict().items()
    }


def test_settings_change_an_encoder_and_come_back_as_json_has_them() -> None:
    encoder = build_encoder("uniformer_xs", widths=(8, 16, 32, 64), depths=[1, 1, 2, 1])
    assert encoder.settings == {"widths": [8, 16, 32, 64], "depths": [1, 1, 2, 1]}
    assert (encoder.embedding_dim, len(build_encoder("uniformer_xs", **encoder.settings).blocks3)) == (64, 2)


@pytest.mark.parametrize(
    "settings", [{"depths": [1, 1, 1, 10**9]}, {"widths": [8, 16, 32]}, {"widths": [8, 16, 32, 0]}, {"head_dim": 0}]
)
def test_sizes_that_no_uniformer_has_are_refused_before_it_is_made(settings: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=f"cannot be made from dropout=.*{next(iter(settings))} is .*expected"):
        build_encoder("uniformer_xs", dropout=0.1, **settings)


def test_an_encoder_made_by_hand_cannot_say_how_it_is_made() -> None:
    encoder = UniFormer(SIZES["xs"])
    assert encoder.name == "UniFormer"
    with pytest.raises(RecipeError, match=r"This UniFormer was not made by build_encoder.*by the import path"):
        _ = encoder.settings


class MeanOfPixels(Encoder):
    """An encoder from outside: each channel's mean, times a scale."""

    embedding_dim = 3

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        if scale < 0:
            raise ValueError("scale is negative")
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, clips: Tensor) -> Tensor:
        return self.scale * clips.mean(dim=(2, 3, 4))


class OneNumber(nn.Module):
    def __init__(self, embedding_dim: int, last_bias: float) -> None:
        super().__init__()
        self.last = nn.Linear(embedding_dim, 1)
        nn.init.constant_(self.last.bias, last_bias)

    def forward(self, embeddings: Tensor) -> Tensor:
        output: Tensor = self.last(embeddings)
        return output


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A module that can be imported, with the two classes above."""
    source = (
        f"import torch\nfrom torch import Tensor, nn\nfrom coreecho.models import Encoder\n"
        f"{inspect.getsource(MeanOfPixels)}\n{inspect.getsource(OneNumber)}\n"
        "def ran() -> None:\n    raise AssertionError('it ran')\n"
    )
    (tmp_path / "outside_of_coreecho.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "outside_of_coreecho"


def test_encoder_and_head_from_outside(outside: str) -> None:
    model = build_model(
        f"{outside}:MeanOfPixels",
        ModelInput(num_frames=2, frame_size=4),
        last_bias=55.0,
        head=f"{outside}:OneNumber",
        dropout=0.3,
        encoder_settings={"scale": 2.0},
    )
    assert (model.encoder.name, model.encoder.settings) == (f"{outside}:MeanOfPixels", {"scale": 2.0})
    assert model(torch.zeros(2, 2, 4, 4)).prediction.shape == (2,)
    assert model.head.get_parameter("last.bias").tolist() == [55.0]


def test_what_is_no_network_is_never_called(outside: str, tmp_path: Path) -> None:
    for name in (f"{outside}:ran", "os:mkdir", "os:sep", f"{outside}:OneNumber", "builtins:print"):
        with pytest.raises(RecipeError, match=r"expected a class that derives from coreecho\.models\.encoder\.Encoder"):
            build_encoder(name, path=str(tmp_path / "made"))
    with pytest.raises(RecipeError, match=r"The head 'os:mkdir' is .*expected a class that derives from torch\.nn"):
        build_head("os:mkdir", 3, dropout=0.0, last_bias=0.0)
    assert not (tmp_path / "made").exists()
    assert callable(os.mkdir)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sale": 1.0}, r"cannot be made from sale=1\.0: .*unexpected keyword argument 'sale'"),
        ({"scale": -1.0}, r"cannot be made from scale=-1\.0: scale is negative"),
        ({"scale": np.float32(1.0)}, r"settings .* cannot be kept with its weights"),
    ],
)
def test_settings_that_are_not_the_encoders(outside: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build_encoder(f"{outside}:MeanOfPixels", **settings)


def test_unknown_names_get_the_nearest_known_one() -> None:
    with pytest.raises(RecipeError, match=r"no encoder 'uniformer_smal'. Did you mean 'uniformer_small'"):
        build_model("uniformer_smal", ModelInput(), last_bias=50.0)
    with pytest.raises(RecipeError, match=r"no head 'liner'. Did you mean 'linear'"):
        build_model("uniformer_xs", ModelInput(), last_bias=50.0, head="liner")


@pytest.mark.parametrize(("name", "least"), [("uniformer_xs", 32), ("r2plus1d_10", 16)])
def test_each_encoder_knows_its_smallest_frame(name: str, least: int) -> None:
    with torch.device("meta"):
        build_model(name, ModelInput(frame_size=least), last_bias=50.0)
        with pytest.raises(RecipeError, match=f"frame_size is {least - 1}, expected at least {least} pixels: {name}"):
            build_model(name, ModelInput(frame_size=least - 1), last_bias=50.0)


def test_heads_are_of_the_registry() -> None:
    for name in HEADS.names():
        head = build_head(name, 8, dropout=0.5, last_bias=3.0).eval()
        assert head(torch.zeros(2, 8)).shape == (2, 1)
    assert dropouts(build_head("mlp", 8, dropout=0.5, last_bias=0.0)) == {0.5}
    assert isinstance(ENCODERS.get("mc3_18"), partial)

"""The builders for torchvision and timm, neither of which is installed here: small modules stand for them.

They have the functions of the two libraries that are called, with their signatures.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from coreecho.errors import RecipeError
from coreecho.models import ModelInput, build_encoder, build_model, initialise_encoder
from coreecho.models.adapters import ModuleEncoder

VIDEOS, PICTURES = "coreecho.models.adapters.torchvision", "coreecho.models.adapters.timm"


class Residual(nn.Module):
    """Four layers, then a pooled classifier, in as many axes as its convolutions have."""

    def __init__(self, convolution: Callable[..., nn.Module], num_classes: int = 400) -> None:
        super().__init__()
        self.layer1 = convolution(3, 4, 3, stride=2, padding=1)
        self.layer2 = convolution(4, 4, 3, padding=1)
        self.layer3 = convolution(4, 8, 3, stride=2, padding=1)
        self.layer4 = convolution(8, 12, 3, stride=2, padding=1)
        self.fc: nn.Module = nn.Linear(12, num_classes) if num_classes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        grid = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        classes: Tensor = self.fc(grid.flatten(2).mean(2))
        return classes


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    models, video = ModuleType("torchvision.models"), ModuleType("torchvision.models.video")
    networks: dict[str, Callable[..., nn.Module]] = {"r3d_18": nn.Conv3d, "resnet18": nn.Conv2d}

    def get_model(name: str, **config: Any) -> nn.Module:
        assert config == {"weights": None}
        return Residual(networks[name])

    def list_models(module: ModuleType | None = None) -> list[str]:
        return ["r3d_18"] if module is video else list(networks)

    vars(models).update(get_model=get_model, list_models=list_models, video=video)
    package = ModuleType("torchvision")
    vars(package).update(models=models)
    for name, module in (("", package), (".models", models), (".models.video", video)):
        monkeypatch.setitem(sys.modules, f"torchvision{name}", module)


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("timm")

    def create_model(model_name: str, pretrained: bool = False, num_classes: int = 1000) -> nn.Module:
        assert not pretrained
        return Residual(nn.Conv2d, num_classes)

    vars(package).update(create_model=create_model, is_model=lambda name: name == "resnet10t")
    monkeypatch.setitem(sys.modules, "timm", package)


@pytest.mark.parametrize(
    ("name", "grid"),
    [(f"{VIDEOS}:r3d_18", (1, 4, 4)), (f"{VIDEOS}:resnet18", (4, 4, 4)), (f"{PICTURES}:resnet10t", (4, 4, 4))],
)
def test_a_network_of_a_library_is_an_encoder_by_its_import_path(
    torchvision: None, timm: None, name: str, grid: tuple[int, int, int]
) -> None:
    encoder = build_encoder(name, dropout=0.1)
    assert isinstance(encoder, ModuleEncoder)
    assert (encoder.name, encoder.settings, encoder.embedding_dim) == (name, {}, 12)
    assert encoder(torch.randn(2, 3, 4, 32, 32)).shape == (2, 12)
    assert list(encoder.levels) == ["level1", "level2", "level3", "level4"]
    shapes: list[torch.Size] = []
    encoder.levels["level4"].register_forward_hook(lambda _m, _i, output: shapes.append(output.shape))
    encoder(torch.randn(2, 3, 4, 32, 32))
    assert shapes == [(2, 12, *grid)]


def test_published_weights_of_the_library_start_a_training(torchvision: None, tmp_path: Path) -> None:
    torch.manual_seed(0)
    published = Residual(nn.Conv3d)
    torch.save(published.state_dict(), tmp_path / "r3d_18.pth")
    model = build_model(f"{VIDEOS}:r3d_18", ModelInput(num_frames=4, frame_size=32), last_bias=50.0)
    report = initialise_encoder(model, tmp_path / "r3d_18.pth")
    assert "8 entries loaded, 2 skipped" in report
    assert torch.equal(model.encoder.state_dict()["backbone.layer4.weight"], published.layer4.get_parameter("weight"))


@pytest.mark.parametrize(("library", "path"), [("torchvision", VIDEOS), ("timm", PICTURES)])
def test_one_line_says_what_to_install(library: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (library, f"{library}.models"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RecipeError, match=rf"^The encoder some_net is {library}'s, which is not installed: `pip"):
        build_encoder(f"{path}:some_net")


@pytest.mark.parametrize(("library", "path"), [("torchvision", VIDEOS), ("timm", PICTURES)])
def test_a_network_that_a_library_does_not_have(torchvision: None, timm: None, library: str, path: str) -> None:
    with pytest.raises(RecipeError, match=f"{library} has no network 'some_net'"):
        build_encoder(f"{path}:some_net")

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from coreecho.errors import RecipeError
from coreecho.models import ENCODERS, build_encoder
from coreecho.models.video_resnet import RESNETS, VideoResNet
from coreecho.saliency.encoder_levels import CellAxis, choose_level, encoder_levels, enlarge


def chosen(encoder: nn.Module, level: str, side: int) -> str:
    return choose_level(encoder, level, (4, side, side)).name


def test_default_level() -> None:
    """Grids of a side of 112 pixels: 28, 14, 7, 3; of 56: 14, 7, 3, 1."""
    encoder = build_encoder("uniformer_xs")
    expected = {32: "level1", 56: "level2", 112: "level3", 224: "level4"}
    assert {side: chosen(encoder, "auto", side) for side in expected} == expected


@pytest.mark.parametrize("name", ["level3", "3", "stage3"])
def test_a_level_has_a_number_and_the_old_names_are_understood(name: str) -> None:
    assert chosen(build_encoder("uniformer_xs"), name, 56) == "level3"


@pytest.mark.parametrize("name", ["level5", "stage0", "deep", ""])
def test_an_unknown_level_is_told_with_those_that_are_known(name: str) -> None:
    with pytest.raises(RecipeError, match="one of auto, level1, level2, level3, level4, or a number from 1 to 4; got"):
        chosen(build_encoder("uniformer_xs"), name, 56)


def test_cells_lie_where_they_look() -> None:
    """A cell's centre is where a change of the clip moves its patch embedding: kernels 4, 2 and a time kernel of 3."""
    encoder = build_encoder("uniformer_xs")
    time, height, width = choose_level(encoder, "level1", (8, 64, 64)).axes
    assert time == CellAxis(0, 2)
    assert height == width == CellAxis(1.5, 4)
    time, height, width = choose_level(encoder, "level4", (8, 64, 64)).axes
    assert time == CellAxis(0, 2)
    assert height == width == CellAxis(15.5, 32)


def test_enlarge_is_exact_at_the_centres_and_holds_beyond() -> None:
    cells = np.arange(2 * 3 * 2, dtype=np.float32).reshape(1, 2, 3, 2)
    maps = enlarge(cells, (4, 14, 10), (CellAxis(0, 2), CellAxis(1.5, 4), CellAxis(1, 4)))
    assert maps.shape == (1, 4, 14, 10)
    np.testing.assert_allclose(maps[0, 2, :, 5], np.interp(np.arange(14), [1.5, 5.5, 9.5], cells[0, 1, :, 1]))
    assert maps[0, 3, 13, 9] == cells[0, 1, 2, 1]
    assert maps[0, 0, 0, 0] == cells[0, 0, 0, 0]
    assert maps[0, 1, 0, 0] == (cells[0, 0, 0, 0] + cells[0, 1, 0, 0]) / 2


@pytest.mark.parametrize("name", [name for name in ENCODERS.names() if not name.startswith(("uvt", "efgcn"))])
def test_every_encoder_of_the_registry_has_four_levels_whose_cells_are_centred_in_the_clip(name: str) -> None:
    encoder = build_encoder(name)
    levels = encoder_levels(encoder, (8, 32, 32))
    assert list(levels) == ["level1", "level2", "level3", "level4"]
    assert encoder.training
    for level in levels.values():
        for axis, length, cells in zip(level.axes, (8, 32, 32), level.cells, strict=True):
            assert 0 <= axis.first < axis.step
            assert cells == length // axis.step


def test_a_network_of_single_frames_has_none() -> None:
    """UVT's grids are of frames, and its transformer mixes embeddings: there is no grid of the clip."""
    with pytest.raises(RecipeError, match="Grad-CAM needs an encoder with a level that gives a grid"):
        choose_level(build_encoder("uvt_xs"), "auto", (4, 48, 48))


def test_residual_networks_have_four_levels_too() -> None:
    """Of 112 pixels 56, 28, 14 and 7; the convolutions are centred, so cell i lies on pixel i times the stride."""
    encoder = VideoResNet(RESNETS["r2plus1d_18"]).eval()
    assert chosen(encoder, "auto", 112) == "level4"
    assert chosen(encoder, "auto", 56) == "level3"
    level = choose_level(encoder, "level2", (5, 32, 32))
    assert level.cells == (3, 8, 8)
    time, height, width = level.axes
    assert time == CellAxis(0, 2)
    assert height == width == CellAxis(0, 4)


class Foreign(nn.Module):
    """An encoder of somebody else, which says its levels: a pooled convolution beside a short cut, and patches."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv3d(3, 4, 3, stride=(1, 2, 2), padding=1)
        self.beside = nn.Conv3d(3, 4, 1, stride=(1, 2, 2))
        self.pool = nn.MaxPool3d((1, 2, 2))
        self.fine, self.coarse, self.flat = nn.Identity(), nn.Identity(), nn.Identity()
        self.levels = {"fine": self.fine, "patches": self.coarse, "flat": self.flat}

    def forward(self, clips: Tensor) -> Tensor:
        grid = self.fine(self.pool(self.stem(clips) + self.beside(clips)))
        patches = self.coarse(nn.functional.interpolate(grid, scale_factor=(1, 0.5, 0.5)))
        return self.flat(patches.mean(dim=(2, 3, 4)))


def test_an_encoder_that_says_its_levels_needs_to_say_no_more() -> None:
    encoder = Foreign()
    levels = encoder_levels(encoder, (8, 32, 32))
    # What gives no grid of cells is no level.
    assert list(levels) == ["fine", "patches"]
    assert levels["fine"].cells == (8, 8, 8)
    # Cells of the stem lie on 0, 2, 4, ...; the pool takes two of them.
    assert levels["fine"].axes == (CellAxis(0, 1), CellAxis(1, 4), CellAxis(1, 4))
    # What no kernel made shares the clip evenly.
    assert levels["patches"].axes == (CellAxis(0, 1), CellAxis(3.5, 8), CellAxis(3.5, 8))
    assert choose_level(encoder, "auto", (4, 32, 32)).name == "fine"
    assert choose_level(encoder, "level2", (4, 32, 32)).name == "patches"
    with pytest.raises(RecipeError, match="one of auto, fine, patches"):
        choose_level(encoder, "level3", (4, 32, 32))


def test_an_encoder_without_a_level_is_told() -> None:
    encoder = nn.Sequential(nn.Conv3d(3, 2, 1), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    with pytest.raises(RecipeError, match="needs an encoder with a level"):
        choose_level(encoder, "auto", (2, 8, 8))
    assert torch.is_grad_enabled()

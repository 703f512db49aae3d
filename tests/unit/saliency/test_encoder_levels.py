import numpy as np
import pytest
import torch

from coreecho.models.registry import ENCODERS, build_encoder
from coreecho.models.video_resnet import RESNETS, VideoResNet
from coreecho.saliency.encoder_levels import CellAxis, Stage, cell_axes, choose_stage, enlarge, stage_output


def test_default_stage() -> None:
    """Grids of a side of 112 pixels: 28, 14, 7, 3; of 56: 14, 7, 3, 1."""
    encoder = build_encoder("uniformer_xs")
    chosen = {size: choose_stage(encoder, "auto", size) for size in (32, 56, 112, 224)}
    assert chosen == {32: "stage1", 56: "stage2", 112: "stage3", 224: "stage4"}
    assert choose_stage(encoder, "stage4", 56) == "stage4"


def test_cells_lie_where_they_look() -> None:
    """A cell's centre is where a change of the clip moves its patch embedding: kernels 4, 2 and a time kernel of 3."""
    time, height, width = cell_axes(build_encoder("uniformer_xs"), "stage1")
    assert time == CellAxis(0, 2)
    assert height == width == CellAxis(1.5, 4)
    time, height, width = cell_axes(build_encoder("uniformer_xs"), "stage4")
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


@pytest.mark.parametrize("name", ENCODERS.names())
def test_every_encoder_of_the_registry_has_the_grid_that_is_said(name: str) -> None:
    """The axes tell how many cells fit a clip of 8 frames of 64 pixels; the stage gives as many."""
    encoder = build_encoder(name).eval()
    assert choose_stage(encoder, "auto", 112) in ("stage3", "stage4")
    shapes: list[torch.Size] = []
    stages: tuple[Stage, ...] = ("stage1", "stage2", "stage3", "stage4")
    handles = [
        stage_output(encoder, stage).register_forward_hook(lambda _m, _i, output: shapes.append(output.shape[2:]))
        for stage in stages
    ]
    with torch.no_grad():
        encoder(torch.zeros(1, 3, 8, 64, 64))
    for handle in handles:
        handle.remove()
    for stage, shape in zip(stages, shapes, strict=True):
        for axis, length, cells in zip(cell_axes(encoder, stage), (8, 64, 64), shape, strict=True):
            assert 0 <= axis.first < axis.step
            assert cells == length // axis.step


def test_residual_networks_have_four_stages_too() -> None:
    """Of 112 pixels 56, 28, 14 and 7; the convolutions are centred, so cell i lies on pixel i times the stride."""
    encoder = VideoResNet(RESNETS["r2plus1d_18"]).eval()
    assert choose_stage(encoder, "auto", 112) == "stage4"
    assert choose_stage(encoder, "auto", 56) == "stage3"
    time, height, width = cell_axes(encoder, "stage2")
    assert time == CellAxis(0, 2)
    assert height == width == CellAxis(0, 4)
    shapes: list[torch.Size] = []
    handle = stage_output(encoder, "stage2").register_forward_hook(lambda _m, _i, output: shapes.append(output.shape))
    with torch.no_grad():
        encoder(torch.zeros(1, 3, 5, 32, 32))
    handle.remove()
    assert shapes == [(1, 128, 3, 8, 8)]

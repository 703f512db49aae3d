import pytest
import torch
from torch import Tensor, nn

from coreecho.errors import RecipeError
from coreecho.models import ENCODERS, CellAxis, Encoder, ModelInput, build_encoder

SIZE = (8, 64, 64)


def grids(encoder: Encoder, size: tuple[int, int, int]) -> dict[str, tuple[int, ...]]:
    """What the levels really give."""
    found: dict[str, tuple[int, ...]] = {}
    handles = [
        module.register_forward_hook(lambda _m, _i, output, level=level: found.update({level: tuple(output.shape[2:])}))
        for level, module in encoder.levels.items()
    ]
    with torch.no_grad():
        encoder(torch.zeros(1, 3, *size))
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("name", ENCODERS.names())
@pytest.mark.parametrize("size", [SIZE, (5, 33, 47)])
def test_levels_have_the_grid_that_is_said(name: str, size: tuple[int, int, int]) -> None:
    encoder = build_encoder(name).eval()
    assert list(encoder.levels) == ["level1", "level2", "level3", "level4"]
    said = {level: encoder.grid_of(level, size) for level in encoder.levels}
    assert said == grids(encoder, size)


@pytest.mark.parametrize("name", ENCODERS.names())
def test_cells_lie_where_they_look(name: str) -> None:
    """Cells of all levels start inside the first step, and as many steps fit into the clip as there are cells."""
    encoder = build_encoder(name)
    for level in encoder.levels:
        for axis, length, cells in zip(encoder.cells_of(level, SIZE), SIZE, encoder.grid_of(level, SIZE), strict=True):
            assert 0 <= axis.first < axis.step
            assert cells == length // axis.step


def test_centres_of_the_cells_of_published_networks() -> None:
    """UniFormer: kernels of 4, 2, 2, 2 without padding, 3 in time. The residual networks' convolutions are centred."""
    assert build_encoder("uniformer_xs").cells_of("level1", SIZE) == (
        CellAxis(0, 2),
        CellAxis(1.5, 4),
        CellAxis(1.5, 4),
    )
    assert build_encoder("uniformer_xs").cells_of("level4", SIZE)[1] == CellAxis(15.5, 32)
    assert build_encoder("r2plus1d_10").cells_of("level2", SIZE) == (CellAxis(0, 2), CellAxis(0, 4), CellAxis(0, 4))


class Pooling(Encoder):
    """Cells of 2 frames of 8 x 8 pixels; its grid comes from no convolution."""

    embedding_dim = 3

    def __init__(self, wrong: bool = False) -> None:
        super().__init__()
        self.pool = nn.AvgPool3d((2, 8, 8))
        self.flat = nn.Flatten(2)
        self.scale = nn.Parameter(torch.ones(()))
        self.wrong = wrong

    @property
    def levels(self) -> dict[str, nn.Module]:
        return {"level1": self.flat if self.wrong else self.pool}

    def forward(self, clips: Tensor) -> Tensor:
        if clips.shape[2] < 2:
            raise ValueError("expected 2 frames")
        cells: Tensor = self.flat(self.scale * self.pool(clips))
        return cells.mean(dim=2)


def test_a_grid_without_known_convolutions_divides_the_clip_evenly() -> None:
    encoder = Pooling()
    assert encoder.grid_of("level1", SIZE) == (4, 8, 8)
    assert encoder.cells_of("level1", SIZE) == (CellAxis(0.5, 2), CellAxis(3.5, 8), CellAxis(3.5, 8))
    assert encoder.training


def test_a_level_that_is_no_grid_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"level1 of the encoder Pooling gave \(1, 3, 256\), expected \(B, C, T'"):
        Pooling(wrong=True).grid_of("level1", SIZE)


def test_clips_that_an_encoder_does_not_take_are_found_without_computing() -> None:
    Pooling().check_input(ModelInput(num_frames=2, frame_size=8))
    with pytest.raises(RecipeError, match=r"Pooling does not take clips of 1 frames of 8 x 8 pixels: expected 2"):
        Pooling().check_input(ModelInput(num_frames=1, frame_size=8))
    wrong = Pooling()
    type(wrong).embedding_dim = 4
    try:
        with pytest.raises(RecipeError, match=r"gives \(1, 3\) for one clip, expected its embedding \(1, 4\)"):
            wrong.check_input(ModelInput(num_frames=2, frame_size=8))
    finally:
        type(wrong).embedding_dim = 3


class ReadsValues(Pooling):
    """Looks at a value, which a dry run without values cannot."""

    def forward(self, clips: Tensor) -> Tensor:
        return super().forward(clips) if bool(clips.sum() == 0) else super().forward(-clips)


def test_networks_that_look_at_values_run_dry_on_zeros() -> None:
    encoder = ReadsValues()
    encoder.check_input(ModelInput(num_frames=2, frame_size=8))
    assert encoder.grid_of("level1", SIZE) == (4, 8, 8)

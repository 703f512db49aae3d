import pytest
import torch
from torch import Tensor, nn

from coreecho.errors import RecipeError
from coreecho.models import ENCODERS, Encoder, ModelInput, build_encoder


def grids(encoder: Encoder, size: tuple[int, int, int]) -> dict[str, tuple[int, ...]]:
    """What the levels give."""
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


@pytest.mark.parametrize("name", [name for name in ENCODERS.names() if not name.startswith("uvt")])
def test_levels_go_from_the_finest_grid_to_the_coarsest(name: str) -> None:
    """UniFormer shrinks frames 4, 8, 16 and 32 times and time twice; the others frames from 2 times on, and time."""
    found = grids(build_encoder(name).eval(), (8, 64, 96))
    if name.startswith("uniformer"):
        expected = [(4, 16, 24), (4, 8, 12), (4, 4, 6), (4, 2, 3)]
    else:
        frames = (8, 8, 8, 8) if name.startswith(("mc3", "colearning")) else (8, 4, 2, 1)
        expected = [(t, 32 >> n, 48 >> n) for n, t in enumerate(frames)]
    assert found == {f"level{number}": grid for number, grid in enumerate(expected, start=1)}


class Pooling(Encoder):
    """The mean over cells of 2 frames of 8 x 8 pixels."""

    embedding_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool3d((2, 8, 8))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, clips: Tensor) -> Tensor:
        if clips.shape[2] < 2:
            raise ValueError("expected 2 frames")
        cells: Tensor = self.scale * self.pool(clips)
        return cells.mean(dim=(2, 3, 4))


def test_clips_that_an_encoder_does_not_take_are_found_without_computing() -> None:
    Pooling().check_input(ModelInput(num_frames=2, frame_size=8))
    assert Pooling().levels == {}
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
    assert encoder.training

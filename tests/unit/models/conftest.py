"""Models whose weights need no random generator, so that stored outputs hold on any platform."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from coreecho.models import ModelInput, TrainedOn, WeightsCard


def fill(module: nn.Module) -> None:
    """Give every entry values of a sensible scale that depend on its place and its turn only."""
    for turn, (name, value) in enumerate(sorted(module.state_dict().items())):
        if not value.is_floating_point():
            continue
        wave = torch.sin(0.7 * torch.arange(value.numel(), dtype=torch.float64) + turn).view(value.shape)
        is_scale = name.endswith(("running_var", "weight")) and value.ndim == 1
        fan_in = max(1, value[0].numel()) if value.ndim > 1 else 4
        value.copy_(1 + 0.2 * wave if is_scale else wave * (2 / fan_in) ** 0.5)


@pytest.fixture
def filled() -> Callable[[nn.Module], nn.Module]:
    def apply(module: nn.Module) -> nn.Module:
        fill(module)
        return module.eval()

    return apply


@pytest.fixture
def card() -> WeightsCard:
    return WeightsCard(
        kind="model",
        reads={"name": "ef"},
        encoder="uniformer_xs",
        source="a run",
        licence="Apache-2.0",
        num_parameters=584_769,
        source_sha256=None,
        model_input=ModelInput(num_frames=8, stride=2, frame_size=32, padding="mean"),
        trained_on=TrainedOn(
            dataset="echonet",
            is_phantom=True,
            num_recordings=700,
            fps_range=(32.0, 64.5),
            label_range=(12.5, 78.0),
            recipe="demo",
            epoch=3,
            best_validation=4.25,
        ),
        coreecho_version="0.1.0",
    )

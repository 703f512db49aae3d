import copy

import pytest
import torch
from torch import Tensor, nn

from coreecho.errors import RecipeError
from coreecho.models import EchoModel, ModelInput, build_head
from coreecho.models.adapters import ModuleEncoder, without_classifier
from coreecho.saliency.grad_cam import activations_and_gradients

INPUT = ModelInput(num_frames=4, stride=1, frame_size=32)


class Pictures(nn.Module):
    """A network for pictures with a classifier; its last grid has 8 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), nn.ReLU())
        self.layer2 = nn.Conv2d(4, 8, 2, stride=2)
        self.fc = nn.Linear(8, 10)

    def forward(self, frames: Tensor) -> Tensor:
        pooled: Tensor = self.fc(self.layer2(self.layer1(frames)).mean(dim=(2, 3)))
        return pooled


class ChannelsLast(nn.Module):
    """Gives a grid with channels last, as transformers for videos do inside."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.ModuleList([nn.Linear(3, 5)])

    def forward(self, clips: Tensor) -> Tensor:
        grid: Tensor = self.features[0](clips[..., ::8, ::8].permute(0, 2, 3, 4, 1))
        return grid


def model_of(encoder: ModuleEncoder) -> EchoModel:
    torch.manual_seed(0)
    head = build_head("linear", encoder.embedding_dim, dropout=0.0, last_bias=50.0)
    return EchoModel(encoder, head, INPUT).eval()


def clips() -> Tensor:
    return torch.randint(0, 256, (2, 4, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


class Tokens(nn.Module):
    """Gives tokens (B, N, D)."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(3, 6)

    def forward(self, clips: Tensor) -> Tensor:
        tokens: Tensor = self.embed(clips.flatten(2).transpose(1, 2))
        return tokens


@pytest.mark.parametrize(
    ("backbone", "places"),
    [
        (nn.Conv3d(3, 6, 2, stride=2), (2, 3, 4)),
        (nn.Sequential(nn.Conv3d(3, 6, 2, stride=2), nn.AdaptiveAvgPool3d(1), nn.Flatten()), ()),
        (Tokens(), (1,)),
    ],
)
def test_a_grid_tokens_or_a_vector_become_an_embedding(backbone: nn.Module, places: tuple[int, ...]) -> None:
    encoder = ModuleEncoder(backbone)
    given = torch.randn(2, 3, 4, 8, 8)
    output = backbone(given)
    torch.testing.assert_close(encoder(given), output.mean(places) if places else output)
    assert encoder.embedding_dim == 6
    assert encoder.training


def test_a_network_for_pictures_gives_the_mean_over_frames() -> None:
    backbone = Pictures()
    assert without_classifier(backbone) == "fc"
    encoder = ModuleEncoder(backbone, sees_frames=True)
    given = torch.randn(2, 3, 4, 32, 32)
    torch.testing.assert_close(encoder(given), torch.stack([backbone(frame) for frame in given.unbind(2)]).mean(0))
    assert encoder.embedding_dim == 8


def test_levels_of_a_network_for_pictures_are_explained() -> None:
    """Its prediction is linear in the last grid: each cell's map is the head's weights times its activation."""
    backbone = Pictures()
    without_classifier(backbone)
    encoder = ModuleEncoder(backbone, levels=("layer1", "layer2"), sees_frames=True)
    model = model_of(encoder)
    of_level, slope = activations(model, encoder.levels["level2"])
    assert of_level.shape == (2, 8, 4, 4, 4)
    weight = model.head.get_parameter("0.weight")[0] / 64
    torch.testing.assert_close(slope, weight[None, :, None, None, None].expand_as(slope))
    # What comes out at the first level goes on into the second: a changed output changes the prediction.
    _, of_first = activations(model, encoder.levels["level1"])
    assert of_first.abs().sum() > 0


def activations(model: EchoModel, level: nn.Module) -> tuple[Tensor, Tensor]:
    _, found, gradients = activations_and_gradients(model, level, lambda: model(clips()).prediction)
    return found, gradients


def test_levels_with_channels_last_are_seen_with_channels_first() -> None:
    encoder = ModuleEncoder(ChannelsLast(), levels=("features.0",), axes="BTHWC")
    assert encoder.embedding_dim == 5
    found, gradients = activations(model_of(encoder), encoder.levels["level1"])
    assert found.shape == gradients.shape == (2, 5, 4, 4, 4)
    assert gradients.abs().min() > 0


def test_a_copy_has_levels_of_its_own() -> None:
    encoder = ModuleEncoder(ChannelsLast(), levels=("features.0",), axes="BTHWC")
    copied = copy.deepcopy(encoder)
    found, _ = activations(model_of(copied), copied.levels["level1"])
    assert found.shape == (2, 5, 4, 4, 4)
    assert copied.levels["level1"] is not encoder.levels["level1"]


def test_published_names_lie_below_the_backbone() -> None:
    backbone = Pictures()
    published = {name: value.clone() for name, value in backbone.state_dict().items()}
    without_classifier(backbone)
    encoder = ModuleEncoder(backbone, sees_frames=True, classifier=("fc.",))
    state, classifier = encoder.from_published(published)
    encoder.load_state_dict(state)
    assert set(classifier) == {"fc.weight", "fc.bias"}


class GivesTuple(nn.Module):
    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        return clips, clips


def test_what_cannot_be_adapted_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"levels: a Pictures has no submodule 'layer9'"):
        ModuleEncoder(Pictures(), levels=("layer9",), sees_frames=True)
    with pytest.raises(RecipeError, match=r"A GivesTuple gives tuple, expected a tensor \(B, D\)"):
        ModuleEncoder(GivesTuple())
    with pytest.raises(RecipeError, match=r"does not take clips of 16 frames of 112 x 112 pixels and .*a `sample`"):
        ModuleEncoder(nn.Linear(7, 2))
    with pytest.raises(RecipeError, match=r"A level of axes BTHWC gave \(16, 4, 28, 28\)"):
        ModuleEncoder(Pictures(), levels=("layer1",), axes="BTHWC", sees_frames=True)

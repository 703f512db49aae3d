import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from coreecho.errors import RecipeError
from coreecho.models.building import build_model
from coreecho.models.echo_model import EchoModel, ModelInput
from coreecho.models.registry import build_head
from coreecho.models.uniformer import SIZES
from coreecho.models.video_resnet import RESNETS, VideoResNet
from coreecho.saliency.encoder_levels import choose_level
from coreecho.saliency.grad_cam import activations_and_gradients, class_activation, grad_cam
from coreecho.tasks import build_task

LEVELS = ("level1", "level2", "level3", "level4")


class BrightnessEncoder(nn.Module):
    """Two channels, the mean brightness of each cell and its negative; embeddings are their means over the grid."""

    def __init__(self) -> None:
        super().__init__()
        convolution = nn.Conv3d(3, 2, (1, 4, 4), (1, 4, 4), bias=False)
        nn.init.constant_(convolution.weight[0], 1 / 48)
        nn.init.constant_(convolution.weight[1], -1 / 48)
        for number in range(1, 5):
            shrink = nn.Module()
            shrink.proj = convolution if number == 1 else nn.Conv3d(2, 2, 1)
            self.add_module(f"patch_embed{number}", shrink)
            self.add_module(f"blocks{number}", nn.ModuleList([nn.Identity()]))

    def forward(self, clips: Tensor) -> Tensor:
        cells: Tensor = self.blocks1[0](self.patch_embed1.proj(clips))
        return cells.mean(dim=(2, 3, 4))


def level_module(model: EchoModel, level: str) -> nn.Module:
    """The module whose output is a level's."""
    shape = model.model_input
    return choose_level(model.encoder, level, (shape.num_frames, shape.frame_size, shape.frame_size)).module


def brightness_model(weights: list[float], target: str = "ef") -> EchoModel:
    """A model whose output is a weighted sum of the mean brightness and its negative: its Grad-CAM is known."""
    model_input = ModelInput(num_frames=5, stride=1, frame_size=40, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    head = nn.Linear(2, 1, bias=False)
    head.weight.data = torch.tensor([weights])
    return EchoModel(BrightnessEncoder(), head, model_input, task=build_task({"name": target}))


def clips_with_a_spot() -> Tensor:
    """One clip, black but for the cell of frame 3, rows 24 to 27 and columns 8 to 11, which is white."""
    clips = torch.zeros(1, 5, 40, 40, dtype=torch.uint8)
    clips[0, 3, 24:28, 8:12] = 255
    return clips


def test_known_answer() -> None:
    """EF = 7 * mean brightness, so weight_c = 7 / cells, and only the bright cell has a map: 7 / cells."""
    explained = grad_cam(brightness_model([7.0, 0.0]), clips_with_a_spot(), level="level1")
    num_cells = 5 * 10 * 10
    assert explained.grid == (5, 10, 10)
    assert explained.prediction == pytest.approx([7 / num_cells])
    # Four pixels share the centre of a cell equally: 3/8 and 5/8 of the way to it from the neighbours, on both axes.
    assert explained.maps.max() == pytest.approx(7 / num_cells * (1 - 0.5 / 4) ** 2)
    frame, row, column = np.unravel_index(int(explained.maps[0].argmax()), explained.maps[0].shape)
    assert (frame, 24 <= row <= 27, 8 <= column <= 11) == (3, True, True)
    assert not explained.maps[0][[0, 1, 2, 4]].any()


def test_evidence_keeps_its_sign() -> None:
    """Channel 1 is the negative brightness: a weight on it of 7 lowers EF where the clip is bright."""
    model, clips = brightness_model([0.0, 7.0]), clips_with_a_spot()
    maps = {
        evidence: grad_cam(model, clips, level="level1", evidence=evidence).maps
        for evidence in ("positive", "negative", "absolute")
    }
    assert not maps["positive"].any()
    assert maps["negative"].max() > 0
    np.testing.assert_array_equal(maps["absolute"], maps["negative"])


def test_of_an_infarction_the_logit_is_explained() -> None:
    """The logit is 40 times the mean brightness less 2: its probability is far from linear, and its map is not."""
    model = brightness_model([40.0, 0.0], target="mi")
    model.head.bias = nn.Parameter(torch.tensor([-2.0]))
    explained, num_cells = grad_cam(model, clips_with_a_spot(), level="level1"), 5 * 10 * 10
    assert explained.prediction == pytest.approx([40 / num_cells - 2])
    assert explained.maps.max() == pytest.approx(40 / num_cells * (1 - 0.5 / 4) ** 2)
    against = brightness_model([0.0, 40.0], target="mi")
    assert not grad_cam(against, clips_with_a_spot(), level="level1").maps.any()
    assert grad_cam(against, clips_with_a_spot(), level="level1", evidence="negative").maps.any()


@pytest.fixture(scope="module", params=list(SIZES))
def sized(request: pytest.FixtureRequest) -> EchoModel:
    """A UniFormer of each size with a linear head, clips of 6 frames of 64 pixels: 3 x 2 x 2 cells at the end."""
    torch.manual_seed(0)
    model_input = ModelInput(num_frames=6, stride=1, frame_size=64)
    model = build_model(f"uniformer_{request.param}", model_input, last_bias=50.0, head="linear").eval()
    norm, generator = model.encoder.norm, torch.Generator().manual_seed(1)
    norm.running_mean.normal_(std=0.1, generator=generator)
    norm.running_var.uniform_(0.5, 2.0, generator=generator)
    torch.nn.init.uniform_(norm.weight, 0.5, 2.0, generator=generator)
    torch.nn.init.normal_(model.head[-1].weight, generator=generator)
    return model


def test_known_answer_of_each_size(sized: EchoModel) -> None:
    """After the fourth level come a fixed scale of each channel, a mean over the cells, a weighted sum: all is known.

    So weight_c = head_c * scale_c / cells; and since a cell's value holds beyond the outermost centres, the corners of
    the map are the corner cells, in the order time, height, width.
    """
    clips = torch.randint(0, 255, (2, 6, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    seen: list[Tensor] = []
    handle = sized.encoder.blocks4[-1].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.no_grad():
        sized(clips)
    handle.remove()
    norm = sized.encoder.norm
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weights = (sized.head[-1].weight[0] * scale).detach() / (3 * 2 * 2)
    cells = torch.einsum("c,bcthw->bthw", weights, seen[0]).abs().numpy()
    explained = grad_cam(sized, clips, level="level4", evidence="absolute")
    assert explained.grid == (3, 2, 2)
    corners = explained.maps[np.ix_([0, 1], [0, 2, 4], [0, 63], [0, 63])]
    np.testing.assert_allclose(corners, cells, rtol=1e-3, atol=1e-4 * cells.max())
    # The cells differ enough that no other order of the axes would do.
    assert np.abs(cells - cells.transpose(0, 1, 3, 2)).max() > 0.01 * cells.max()


def test_axes_are_time_height_width(sized: EchoModel) -> None:
    """A change of one corner of the clip in time and space moves the map there the most."""
    clips = torch.randint(0, 255, (1, 6, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    changed = clips.clone()
    changed[0, :2, 48:, :16] = 255 - changed[0, :2, 48:, :16]
    before, after = (grad_cam(sized, c, level="level1", evidence="absolute").maps[0] for c in (clips, changed))
    frame, row, column = np.unravel_index(int(np.abs(after - before).argmax()), before.shape)
    assert frame <= 2
    assert row >= 46
    assert column <= 18


@pytest.mark.parametrize("level", LEVELS)
def test_equals_captum(model: EchoModel, level: str) -> None:
    captum_attr = pytest.importorskip("captum.attr")
    clips = torch.randint(0, 255, (2, 6, 56, 56), generator=torch.Generator().manual_seed(3)).float()
    layer = level_module(model, level)
    oracle = captum_attr.LayerGradCam(lambda c: model(c).prediction, layer)
    expected = oracle.attribute(clips, relu_attributions=False).squeeze(1).detach()
    _, activations, gradients = activations_and_gradients(model, layer, lambda: model(clips).prediction)
    torch.testing.assert_close(class_activation(activations, gradients), expected, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("level", LEVELS)
def test_gradients_equal_finite_differences(model: EchoModel, level: str) -> None:
    """Re-derived without autograd: raise one channel of a level everywhere by a little, and see what the EF does."""
    clips = torch.randint(0, 255, (2, 6, 56, 56), generator=torch.Generator().manual_seed(3)).double()
    channels = [0, 5, 11, 23]
    _, _, gradients = activations_and_gradients(model, level_module(model, level), lambda: model(clips).prediction)
    exact = copy.deepcopy(model).double()
    slopes = torch.stack([slope_of_channel(exact, level, clips, channel) for channel in channels], dim=1)
    torch.testing.assert_close(gradients[:, channels].sum(dim=(2, 3, 4)).double(), slopes, rtol=1e-3, atol=1e-6)


def test_one_clip_alone_is_explained_as_in_a_batch(model: EchoModel) -> None:
    """PyTorch's own gradient of one clip alone is wrong, see `grad_cam`."""
    clips = torch.randint(0, 255, (3, 6, 56, 56), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    for level in LEVELS:
        together = grad_cam(model, clips, level=level)
        alone = [grad_cam(model, clips[index : index + 1], level=level) for index in range(3)]
        maps = np.concatenate([cam.maps for cam in alone])
        np.testing.assert_allclose(together.maps, maps, rtol=1e-3, atol=1e-5 * maps.max())
        np.testing.assert_allclose(together.prediction, [cam.prediction[0] for cam in alone], rtol=1e-5)
        np.testing.assert_allclose(together.prediction, model(clips).prediction.detach(), rtol=1e-5)


def run_in_double(model: EchoModel, clips: Tensor) -> Tensor:
    prediction: Tensor = model.head(model.encoder(model.normalise(clips).double()))
    return prediction[:, 0]


def slope_of_channel(model: EchoModel, level: str, clips: Tensor, channel: int, step: float = 1e-3) -> Tensor:
    """How the EF of each clip (B,) changes with one channel of a layer, raised in all its cells."""
    moved = []
    for change in (step, -step):

        def raise_channel(_module: nn.Module, _inputs: object, output: Tensor, change: float = change) -> Tensor:
            output = output.clone()
            output[:, channel] += change
            return output

        handle = level_module(model, level).register_forward_hook(raise_channel)
        with torch.no_grad():
            moved.append(run_in_double(model, clips))
        handle.remove()
    return (moved[0] - moved[1]) / (2 * step)


@pytest.mark.parametrize("is_frozen", [False, True])
def test_leaves_the_model_as_it_was(model: EchoModel, is_frozen: bool) -> None:
    clips = torch.randint(0, 255, (2, 6, 56, 56), dtype=torch.uint8)
    expected = grad_cam(model, clips).maps
    model.requires_grad_(not is_frozen)
    model.encoder.eval()
    model.head.train()
    state = copy.deepcopy(model.state_dict())
    modes = {name: module.training for name, module in model.named_modules()}
    np.testing.assert_array_equal(grad_cam(model, clips).maps, expected)
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.is_grad_enabled()


def test_works_inside_no_grad_and_inference_mode(model: EchoModel) -> None:
    clips = torch.randint(0, 255, (1, 6, 56, 56), dtype=torch.uint8)
    expected = grad_cam(model, clips).maps
    with torch.no_grad():
        np.testing.assert_array_equal(grad_cam(model, clips).maps, expected)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        np.testing.assert_array_equal(grad_cam(model, clips).maps, expected)
        assert torch.is_inference_mode_enabled()


def test_autocast_around_it_changes_nothing(model: EchoModel) -> None:
    """In bfloat16, with three digits, maps would differ by percents."""
    clips = torch.randint(0, 255, (2, 6, 56, 56), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    for level in LEVELS:
        expected = grad_cam(model, clips, level=level)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            explained = grad_cam(model, clips, level=level)
            assert torch.is_autocast_enabled("cpu")
        np.testing.assert_array_equal(explained.maps, expected.maps)
        np.testing.assert_array_equal(explained.prediction, expected.prediction)


@pytest.mark.gpu
@pytest.mark.parametrize("num_clips", [1, 3])
def test_a_gpu_gives_the_same_maps(model: EchoModel, num_clips: int) -> None:
    clips = torch.randint(0, 255, (num_clips, 6, 56, 56), dtype=torch.uint8, generator=torch.Generator().manual_seed(6))
    on_gpu = copy.deepcopy(model).to("cuda")
    for level in LEVELS:
        expected = grad_cam(model, clips, level=level)
        with torch.autocast("cuda", dtype=torch.bfloat16):
            explained = grad_cam(on_gpu, clips, level=level)
        # Convolutions there may round their inputs to TF32, which has ten bits.
        np.testing.assert_allclose(explained.maps, expected.maps, atol=2e-2 * expected.maps.max())
        np.testing.assert_allclose(explained.prediction, expected.prediction, rtol=1e-3)


def test_residual_networks_are_explained() -> None:
    """Prediction is a weighted mean over the last level's cells: weight_c = head_c / cells, of which there are 8."""
    torch.manual_seed(0)
    encoder = VideoResNet(RESNETS["r2plus1d_18"])
    model_input = ModelInput(num_frames=9, stride=1, frame_size=32)
    model = EchoModel(encoder, build_head("linear", 512, dropout=0.0, last_bias=50.0), model_input).eval()
    clips = torch.randint(0, 255, (2, 9, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        cells = torch.einsum("c,bcthw->bthw", model.head[0].weight[0] / 8, encoder.features(model.normalise(clips)))
    explained = grad_cam(model, clips, level="level4", evidence="absolute")
    assert explained.grid == (2, 2, 2)
    corners = explained.maps[np.ix_([0, 1], [0, 8], [0, 31], [0, 31])]
    np.testing.assert_allclose(corners, cells.abs().numpy(), rtol=1e-3, atol=1e-4 * float(cells.abs().max()))


def test_refuses_unknown_names(model: EchoModel) -> None:
    clips = torch.zeros(1, 6, 56, 56, dtype=torch.uint8)
    with pytest.raises(RecipeError, match="level: expected one of auto, level1"):
        grad_cam(model, clips, level="blocks3")
    with pytest.raises(RecipeError, match="evidence: expected one of positive"):
        grad_cam(model, clips, evidence="both")


def test_a_layer_that_does_not_run_is_refused(model: EchoModel) -> None:
    with pytest.raises(ValueError, match="it ran 0 times"):
        activations_and_gradients(model, nn.Identity(), lambda: model(torch.zeros(1, 6, 56, 56)).prediction)
    assert torch.is_grad_enabled()

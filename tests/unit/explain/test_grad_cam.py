import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from coreecho.errors import RecipeError
from coreecho.explain.grad_cam import (
    CellAxis,
    Stage,
    activations_and_gradients,
    cell_axes,
    choose_stage,
    class_activation,
    enlarge,
    grad_cam,
    stage_output,
)
from coreecho.models.echo_model import EchoModel, ModelInput
from coreecho.models.registry import build_encoder
from coreecho.target import Target

STAGES: tuple[Stage, ...] = ("stage1", "stage2", "stage3", "stage4")


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


def brightness_model(weights: list[float], target: Target = "ef") -> EchoModel:
    """A model whose output is a weighted sum of the mean brightness and its negative: its Grad-CAM is known."""
    model_input = ModelInput(num_frames=5, stride=1, frame_size=40, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    head = nn.Linear(2, 1, bias=False)
    head.weight.data = torch.tensor([weights])
    return EchoModel(BrightnessEncoder(), head, model_input, target=target)


def clips_with_a_spot() -> Tensor:
    """One clip, black but for the cell of frame 3, rows 24 to 27 and columns 8 to 11, which is white."""
    clips = torch.zeros(1, 5, 40, 40, dtype=torch.uint8)
    clips[0, 3, 24:28, 8:12] = 255
    return clips


def test_known_answer() -> None:
    """EF = 7 * mean brightness, so weight_c = 7 / cells, and only the bright cell has a map: 7 / cells."""
    explained = grad_cam(brightness_model([7.0, 0.0]), clips_with_a_spot(), stage="stage1")
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
        evidence: grad_cam(model, clips, stage="stage1", evidence=evidence).maps
        for evidence in ("positive", "negative", "absolute")
    }
    assert not maps["positive"].any()
    assert maps["negative"].max() > 0
    np.testing.assert_array_equal(maps["absolute"], maps["negative"])


def test_of_an_infarction_the_logit_is_explained() -> None:
    """The logit is 40 times the mean brightness less 2: its probability is far from linear, and its map is not."""
    model = brightness_model([40.0, 0.0], target="mi")
    model.head.bias = nn.Parameter(torch.tensor([-2.0]))
    explained, num_cells = grad_cam(model, clips_with_a_spot(), stage="stage1"), 5 * 10 * 10
    assert explained.prediction == pytest.approx([40 / num_cells - 2])
    assert explained.maps.max() == pytest.approx(40 / num_cells * (1 - 0.5 / 4) ** 2)
    against = brightness_model([0.0, 40.0], target="mi")
    assert not grad_cam(against, clips_with_a_spot(), stage="stage1").maps.any()
    assert grad_cam(against, clips_with_a_spot(), stage="stage1", evidence="negative").maps.any()


def test_axes_are_time_height_width(model: EchoModel) -> None:
    """A model's own axes: a change of one corner of the clip in time and space moves the map there the most."""
    clips = torch.randint(0, 255, (1, 6, 56, 56), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    changed = clips.clone()
    changed[0, :2, 40:, :16] = 255 - changed[0, :2, 40:, :16]
    before, after = (
        activations_and_gradients(model, stage_output(model.encoder, "stage1"), lambda c=c: model(c).prediction)[1]
        for c in (clips, changed)
    )
    difference = enlarge((after - before).abs().sum(dim=1).numpy(), (6, 56, 56), cell_axes(model.encoder, "stage1"))[0]
    frame, row, column = np.unravel_index(int(difference.argmax()), difference.shape)
    assert frame <= 2
    assert row >= 38
    assert column <= 18


@pytest.mark.parametrize("stage", STAGES)
def test_equals_captum(model: EchoModel, stage: Stage) -> None:
    captum_attr = pytest.importorskip("captum.attr")
    clips = torch.randint(0, 255, (2, 6, 56, 56), generator=torch.Generator().manual_seed(3)).float()
    layer = stage_output(model.encoder, stage)
    oracle = captum_attr.LayerGradCam(lambda c: model(c).prediction, layer)
    expected = oracle.attribute(clips, relu_attributions=False).squeeze(1).detach()
    _, activations, gradients = activations_and_gradients(model, layer, lambda: model(clips).prediction)
    torch.testing.assert_close(class_activation(activations, gradients), expected, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("stage", STAGES)
def test_gradients_equal_finite_differences(model: EchoModel, stage: Stage) -> None:
    """Re-derived without autograd: raise one channel of a stage everywhere by a little, and see what the EF does."""
    clips = torch.randint(0, 255, (2, 6, 56, 56), generator=torch.Generator().manual_seed(3)).double()
    channels = [0, 5, 11, 23]
    _, _, gradients = activations_and_gradients(
        model, stage_output(model.encoder, stage), lambda: model(clips).prediction
    )
    exact = copy.deepcopy(model).double()
    slopes = torch.stack([slope_of_channel(exact, stage, clips, channel) for channel in channels], dim=1)
    torch.testing.assert_close(gradients[:, channels].sum(dim=(2, 3, 4)).double(), slopes, rtol=1e-3, atol=1e-6)


def test_one_clip_alone_is_explained_as_in_a_batch(model: EchoModel) -> None:
    """PyTorch's own gradient of one clip alone is wrong, see `grad_cam`."""
    clips = torch.randint(0, 255, (3, 6, 56, 56), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    for stage in STAGES:
        together = grad_cam(model, clips, stage=stage)
        alone = [grad_cam(model, clips[index : index + 1], stage=stage) for index in range(3)]
        maps = np.concatenate([cam.maps for cam in alone])
        np.testing.assert_allclose(together.maps, maps, rtol=1e-3, atol=1e-5 * maps.max())
        np.testing.assert_allclose(together.prediction, [cam.prediction[0] for cam in alone], rtol=1e-5)
        np.testing.assert_allclose(together.prediction, model(clips).prediction.detach(), rtol=1e-5)


def run_in_double(model: EchoModel, clips: Tensor) -> Tensor:
    prediction: Tensor = model.head(model.encoder(model.normalise(clips).double()))
    return prediction[:, 0]


def slope_of_channel(model: EchoModel, stage: Stage, clips: Tensor, channel: int, step: float = 1e-3) -> Tensor:
    """How the EF of each clip (B,) changes with one channel of a layer, raised in all its cells."""
    moved = []
    for change in (step, -step):

        def raise_channel(_module: nn.Module, _inputs: object, output: Tensor, change: float = change) -> Tensor:
            output = output.clone()
            output[:, channel] += change
            return output

        handle = stage_output(model.encoder, stage).register_forward_hook(raise_channel)
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


def test_refuses_unknown_names(model: EchoModel) -> None:
    clips = torch.zeros(1, 6, 56, 56, dtype=torch.uint8)
    with pytest.raises(RecipeError, match="stage: expected one of auto, stage1"):
        grad_cam(model, clips, stage="blocks3")
    with pytest.raises(RecipeError, match="evidence: expected one of positive"):
        grad_cam(model, clips, evidence="both")


def test_a_layer_that_does_not_run_is_refused(model: EchoModel) -> None:
    with pytest.raises(ValueError, match="it ran 0 times"):
        activations_and_gradients(model, nn.Identity(), lambda: model(torch.zeros(1, 6, 56, 56)).prediction)
    assert torch.is_grad_enabled()

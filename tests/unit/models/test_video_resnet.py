import pytest
import torch
from torch import nn

from coreecho.models.video_resnet import RESNETS, VideoResNet, VideoResNetSettings, middle_width

NARROW = {
    "2+1d": VideoResNetSettings(
        convolutions=("2+1d", "2+1d", "2+1d", "2+1d"), depths=(1, 1, 1, 1), widths=(8, 12, 16, 24)
    ),
    "mixed": VideoResNetSettings(convolutions=("3d", "2d", "2d", "2d"), depths=(1, 2, 1, 1), widths=(8, 12, 16, 24)),
    "3d": VideoResNetSettings(convolutions=("3d", "3d", "3d", "3d"), depths=(1, 1, 1, 1), widths=(8, 12, 16, 24)),
}


@pytest.mark.parametrize("name", RESNETS)
@pytest.mark.parametrize("grid", [(32, 112, 112), (8, 56, 56), (1, 16, 16)])
def test_embeddings_have_their_dimensions_whatever_the_clip(name: str, grid: tuple[int, ...]) -> None:
    with torch.device("meta"):
        encoder = VideoResNet(RESNETS[name]).eval()
        embeddings = encoder(torch.empty(2, 3, *grid))
    assert encoder.embedding_dim == (128 if name == "r2plus1d_10" else 512)
    assert embeddings.shape == (2, encoder.embedding_dim)


@pytest.mark.parametrize("kind", NARROW)
@pytest.mark.parametrize("num_frames", [1, 2, 3, 9])
def test_few_frames_are_enough(kind: str, num_frames: int) -> None:
    encoder = VideoResNet(NARROW[kind])
    embeddings = encoder(torch.randn(2, 3, num_frames, 20, 24))
    assert embeddings.shape == (2, 24)
    assert embeddings.isfinite().all()


@pytest.mark.parametrize("kind", NARROW)
def test_every_parameter_and_every_frame_counts(kind: str) -> None:
    torch.manual_seed(0)
    encoder = VideoResNet(NARROW[kind])
    clips = torch.randn(2, 3, 8, 32, 32, requires_grad=True)
    encoder(clips).square().sum().backward()
    idle = [
        name for name, parameter in encoder.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert idle == []
    assert clips.grad is not None
    assert clips.grad.abs().amax(dim=(0, 1, 3, 4)).min() > 0


@pytest.mark.parametrize("kind", NARROW)
def test_gradients_in_bfloat16_are_those_in_float32(kind: str) -> None:
    """Of 8 frames the third level sees 2, where PyTorch 2.13 alone returns whatever lay in memory."""
    torch.manual_seed(0)
    # In evaluation mode: batch norms of so few values would blow up the rounding, which comes to a tenth as it is.
    encoder = VideoResNet(NARROW[kind]).eval()
    clips = torch.randn(4, 3, 8, 32, 32)
    found = []
    for is_rounded in (False, True):
        encoder.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_rounded):
            embeddings = encoder(clips)
        embeddings.float().square().sum().backward()
        found.append({name: value.grad.clone() for name, value in encoder.named_parameters() if value.grad is not None})
    exact, rounded = found
    errors = {name: float((rounded[name] - exact[name]).norm() / exact[name].norm()) for name in exact}
    assert {name: error for name, error in errors.items() if not error < 0.3} == {}


def test_only_convolutions_through_time_see_the_order_of_the_frames() -> None:
    torch.manual_seed(0)
    clips = torch.randn(1, 3, 6, 32, 32)
    flat = VideoResNetSettings(convolutions=("2d", "2d", "2d", "2d"), widths=(8, 8, 8, 8))
    with torch.inference_mode():
        level = VideoResNet(flat).eval().layer2
        grid = torch.randn(1, 8, 6, 16, 16)
        torch.testing.assert_close(level(grid.flip(2)), level(grid).flip(2))
        for settings in NARROW.values():
            encoder = VideoResNet(settings).eval()
            assert (encoder(clips) - encoder(clips.flip(2))).abs().max() > 1e-3


def test_clips_of_a_batch_do_not_see_each_other() -> None:
    encoder = VideoResNet(NARROW["2+1d"]).eval()
    clips = torch.randn(3, 3, 8, 32, 32)
    with torch.inference_mode():
        together, alone = encoder(clips), torch.cat([encoder(one) for one in clips.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_memory_layout_of_the_clip_does_not_matter() -> None:
    encoder = VideoResNet(NARROW["2+1d"]).eval()
    clips = torch.randn(2, 3, 8, 32, 32)
    with torch.inference_mode():
        found = encoder(clips.contiguous(memory_format=torch.channels_last_3d))
        torch.testing.assert_close(found, encoder(clips), rtol=1e-4, atol=1e-5)


# By hand: floor(27 * 64 * 64 / (9 * 64 + 3 * 64)) = floor(110592 / 768) = 144, and so on.
@pytest.mark.parametrize(
    ("in_width", "out_width", "middle"),
    [(64, 64, 144), (64, 128, 230), (128, 128, 288), (128, 256, 460), (256, 512, 921), (512, 512, 1152)],
)
def test_a_split_convolution_has_as_many_weights_as_the_one_it_stands_for(
    in_width: int, out_width: int, middle: int
) -> None:
    assert middle_width(in_width, out_width) == middle
    full = 27 * in_width * out_width
    split = middle * (9 * in_width + 3 * out_width)
    # Rounding down costs at most the weights of one channel.
    assert 0 <= full - split < 9 * in_width + 3 * out_width


def test_published_initial_values() -> None:
    torch.manual_seed(0)
    encoder = VideoResNet(RESNETS["r3d_18"])
    conv = encoder.get_submodule("layer3.1.conv2.0")
    assert isinstance(conv, nn.Conv3d)
    # He et al. 2015, by the number of outputs that a weight reaches: 256 channels of 27 places.
    assert conv.weight.std().item() == pytest.approx((2 / (256 * 27)) ** 0.5, rel=0.01)
    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm3d)]
    assert all(bool((norm.weight == 1).all()) and not norm.bias.any() for norm in norms)


@pytest.mark.parametrize("shape", [(1, 1, 8, 56, 56), (3, 8, 56, 56), (1, 3, 8, 15, 56), (1, 3, 8, 56, 8)])
def test_wrong_clips_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expects clips \(B, 3, T, H, W\) with H and W of at least 16 pixels, got"):
        VideoResNet(NARROW["3d"])(torch.zeros(shape))

from itertools import pairwise

import numpy as np
import pytest
import torch

from coreecho.models.echographs import (
    ECHOGRAPHS_VIDEOS,
    EchoGraphsFrame,
    EchoGraphsVideo,
    SpiralConvolution,
    SpiralDecoder,
    full_graph,
    two_frames_graph,
)
from coreecho.models.published_names import load_published

# Counts by hand: the backbone; Linear(D -> 40 * 48); (40 c + 1) c' for each of the spirals.
SPIRALS = sum(
    (40 * c + 1) * d for c, d in zip((48, 48, 32, 32, 16, 16, 8, 8, 4), (48, 32, 32, 16, 16, 8, 8, 4, 2), strict=True)
)


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("backbone", "width", "count"),
    [("mobilenet2", 1280, 2_223_872), ("resnet18", 512, 11_176_512), ("resnet50", 2048, 23_508_032)],
)
def test_single_frame_networks(backbone: str, width: int, count: int) -> None:
    with torch.device("meta"):
        model = EchoGraphsFrame(backbone)  # type: ignore[arg-type]
        points = model(torch.empty(2, 3, 112, 112))
    assert points.shape == (2, 40, 2)
    assert _count(model) == count + (width + 1) * 40 * 48 + SPIRALS


@pytest.mark.parametrize("name", [name for name, each in ECHOGRAPHS_VIDEOS.items() if each.resnet == "r3d_18"])
def test_video_networks(name: str) -> None:
    settings = ECHOGRAPHS_VIDEOS[name]
    with torch.device("meta"):
        model = EchoGraphsVideo(settings)
        output = model(torch.empty(2, 3, 16, 112, 112))
    assert output.points.shape == (2, 2, 40, 2)
    assert output.ef_fraction.shape == (2,)
    assert (output.places is None) == (not settings.finds_frames)
    num_seen = 80 if settings.graph == "full" else 41
    widths = (settings.channels[-1], *settings.channels[::-1], 2)
    features = 512 + 34 * settings.finds_frames
    decoder = (features + 1) * 80 * widths[0]
    decoder += sum((num_seen * c + 1) * d for c, d in pairwise(widths))
    # r3d_18 of torchvision has 33,371,472 with 400 classes.
    backbone = 33_371_472 - 513 * 400
    ef = sum((c + 1) * d for c, d in zip((512, 48, 48, 32, 32, 16), (48, 48, 32, 32, 16, 1), strict=True))
    places = 513 * 256 + 2 * 256 + 257 * 128 + 2 * 128 + 129 * 34 if settings.finds_frames else 0
    assert _count(model) == backbone + decoder + ef + places


def test_names_are_the_published_ones() -> None:
    with torch.device("meta"):
        frames = {
            backbone: EchoGraphsFrame(backbone).state_dict()  # type: ignore[arg-type]
            for backbone in ("mobilenet2", "resnet50")
        }
        video = EchoGraphsVideo(ECHOGRAPHS_VIDEOS["EFGCNSD"]).state_dict()
    expected = [
        (frames["mobilenet2"], "image_encoder.base_net.features.0.0.weight", (32, 3, 3, 3)),
        (frames["mobilenet2"], "image_encoder.base_net.features.1.conv.1.weight", (16, 32, 1, 1)),
        (frames["mobilenet2"], "image_encoder.base_net.features.2.conv.1.0.weight", (96, 1, 3, 3)),
        (frames["mobilenet2"], "image_encoder.base_net.features.18.1.running_mean", (1280,)),
        (frames["resnet50"], "image_encoder.base_net.0.weight", (64, 3, 7, 7)),
        (frames["resnet50"], "image_encoder.base_net.1.bias", (64,)),
        (frames["resnet50"], "image_encoder.base_net.7.2.conv3.weight", (2048, 512, 1, 1)),
        (frames["resnet50"], "kpts_decoder.decoder_layers.0.weight", (1920, 2048)),
        (frames["resnet50"], "kpts_decoder.decoder_layers.1.layer.weight", (48, 1920)),
        (frames["resnet50"], "kpts_decoder.decoder_layers.9.layer.bias", (2,)),
        (video, "encoder.base_net.0.0.weight", (64, 3, 3, 7, 7)),
        (video, "encoder.base_net.4.1.conv2.0.weight", (512, 512, 3, 3, 3)),
        (video, "ef_regressor.layers.5.weight", (1, 16)),
        (video, "sd_regressor.net.6.weight", (34, 128)),
        (video, "kpts_regressor.decoder_layers.0.weight", (3840, 546)),
        (video, "kpts_regressor.decoder_layers.1.layer.weight", (48, 48 * 41)),
    ]
    assert [(name, tuple(state[name].shape)) for state, name, _ in expected] == [
        (name, shape) for _, name, shape in expected
    ]


def test_graphs_by_hand() -> None:
    assert full_graph(3).tolist() == [[0, 1, 2], [1, 0, 2], [2, 0, 1]]
    assert two_frames_graph(2).tolist() == [[0, 1, 2], [1, 0, 3], [2, 3, 0], [3, 2, 1]]


def test_a_spiral_is_one_linear_layer_on_what_a_point_sees() -> None:
    torch.manual_seed(0)
    spiral, graph = SpiralConvolution(3, 5, 4), full_graph(4)
    x = torch.randn(2, 4, 3)
    found = spiral(x, graph).detach().numpy()
    weight, bias = (value.detach().numpy() for value in (spiral.layer.weight, spiral.layer.bias))
    for batch, point in np.ndindex(2, 4):
        seen = np.concatenate([x[batch, other].numpy() for other in graph[point]])
        np.testing.assert_allclose(found[batch, point], weight @ seen + bias, rtol=1e-4, atol=1e-5)


def test_a_decoder_learns_an_outline() -> None:
    torch.manual_seed(0)
    decoder = SpiralDecoder(4, (16, 16), full_graph(12))
    angles = torch.linspace(0, 6, 12)
    features = torch.randn(16, 4)
    centre, radius = 0.5 + 0.1 * features[:, :2], 0.2 + 0.05 * features[:, 2:3]
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    target = centre[:, None] + radius[:, :, None] * circle
    optimiser = torch.optim.Adam(decoder.parameters(), 1e-2)
    for _ in range(200):
        loss = (decoder(features) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    # Most of what differs from frame to frame.
    assert loss.item() < 0.15 * target.var(dim=0, correction=0).mean().item()


def test_a_file_with_the_published_names_loads() -> None:
    torch.manual_seed(0)
    one, other = EchoGraphsFrame().eval(), EchoGraphsFrame().eval()
    state = other.state_dict()
    assert load_published(one, {"epoch": 9, "model_state_dict": state}, "weights.pth") == tuple(state)
    frames = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(one(frames), other(frames))


def test_wrong_input_is_refused() -> None:
    with torch.device("meta"):
        with pytest.raises(ValueError, match=r"expects frames \(B, 3, H, W\)"):
            EchoGraphsFrame()(torch.empty(1, 1, 56, 56))
        with pytest.raises(ValueError, match=r"expects clips \(B, 3, 16, H, W\)"):
            EchoGraphsVideo()(torch.empty(1, 3, 8, 56, 56))

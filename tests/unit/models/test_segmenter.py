from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from coreecho.errors import CheckpointError, RecipeError
from coreecho.models import (
    SegmentationNetwork,
    Segmenter,
    SegmenterInput,
    TrainedOn,
    build_segmentation_network,
    load_model,
    load_segmenter,
    save_segmenter,
)

PHANTOMS = TrainedOn(
    dataset="echonet",
    is_phantom=True,
    num_recordings=4,
    fps_range=(50.0, 50.0),
    label_range=None,
    recipe="lv",
    epoch=3,
    best_validation=0.2,
)
GREY = SegmenterInput(frame_size=16, mean=(0.2,), std=(0.5,))


class Bright(SegmentationNetwork):
    """Pixels that are brighter than the mean; of several frames, where their mean is."""

    def __init__(self, frame_offsets: tuple[int, ...] = (0,)) -> None:
        super().__init__()
        self.frame_offsets = frame_offsets
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, frames: Tensor) -> Tensor:
        return frames.mean(dim=1, keepdim=True) * self.scale


@pytest.fixture
def frames() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (7, 16, 16), dtype=np.uint8)


def written(path: Path, name: str, model_input: SegmenterInput, **settings: Any) -> Path:
    torch.manual_seed(0)
    network = build_segmentation_network(name, **settings)
    save_segmenter(path, network, model_input, source="a test", licence="MIT", trained_on=PHANTOMS)
    return path


def test_what_is_saved_outlines_the_same_when_loaded(tmp_path: Path, frames: Any) -> None:
    torch.manual_seed(0)
    network = build_segmentation_network("lv_unet", widths=[4, 6, 8], num_neighbours=1)
    card = save_segmenter(tmp_path / "lv.safetensors", network, GREY, source="x", licence="MIT", trained_on=PHANTOMS)
    loaded = load_segmenter(tmp_path / "lv.safetensors")
    assert loaded.card == card
    assert (card.network, card.network_settings) == ("lv_unet", {"widths": [4, 6, 8], "num_neighbours": 1})
    assert card.outlines == ("cavity", "myocardium")
    assert loaded.trained_on == PHANTOMS
    np.testing.assert_array_equal(loaded.probabilities(frames), Segmenter(network, GREY).probabilities(frames))


@pytest.mark.parametrize("name", ["lv_unet", "deeplab"])
def test_each_network_has_as_many_channels_as_it_outlines(name: str) -> None:
    with torch.device("meta"):
        network = build_segmentation_network(name)
        channels = network.num_colours * len(network.frame_offsets)
        assert network.eval()(torch.zeros(2, channels, 32, 32)).shape == (2, len(network.outlines), 32, 32)


def test_frames_are_normalised_colour_by_colour() -> None:
    class Colours(Bright):
        num_colours = 3

    colours = SegmenterInput(frame_size=2, mean=(0.0, 0.5, 1.0), std=(1.0, 0.5, 2.0))
    seen = Segmenter(Colours((-1, 0)), colours).normalised(torch.full((1, 2, 1, 1), 255))
    assert seen[0, :, 0, 0].tolist() == [1.0, 1.0, 0.0, 1.0, 1.0, 0.0]


def test_neither_the_batch_nor_its_ends_matter(frames: Any) -> None:
    segmenter = Segmenter(Bright((-2, 0, 2)), GREY)
    once = segmenter.probabilities(frames, batch_size=100)
    np.testing.assert_allclose(segmenter.probabilities(frames, batch_size=3), once, rtol=1e-6)
    # At the clip's start the first frame stands for the one that is not there.
    mean = (2 * frames[0].astype(np.float64) + frames[2]) / 3 / 255
    np.testing.assert_allclose(once[0], 1 / (1 + np.exp(-(mean - 0.2) / 0.5)), rtol=1e-5)
    np.testing.assert_array_equal(segmenter.masks(frames), once > 0.5)


def test_a_clip_without_frames_has_no_masks() -> None:
    assert Segmenter(Bright(), GREY).masks(np.zeros((0, 16, 16), dtype=np.uint8)).shape == (0, 16, 16)


def test_wrong_frames_are_refused(frames: Any) -> None:
    segmenter = Segmenter(Bright(), GREY)
    for wrong in (frames[0], frames[:, :8], frames.astype(np.float32)):
        with pytest.raises(ValueError, match=r"expected frames \(T, 16, 16\) of uint8"):
            segmenter.masks(wrong)
    with pytest.raises(ValueError, match="outlines are cavity; there is no 'myocardium'"):
        segmenter.masks(frames, outline="myocardium")


def test_an_input_fits_its_network() -> None:
    with pytest.raises(RecipeError, match="sees 1 colours, and its input has means of 3"):
        Segmenter(Bright(), SegmenterInput(mean=(0.1,) * 3, std=(0.1,) * 3))
    wrongs: list[dict[str, Any]] = [{"frame_size": 0}, {"mean": (0.1, 0.1)}, {"std": (0.0,)}, {"mean": (float("nan"),)}]
    wrongs += [{"mean": ("0.1",)}, {"std": None}, {"std": ()}]
    for wrong in wrongs:
        with pytest.raises(RecipeError, match=r"The form of the frames does not hold together: .* expected"):
            SegmenterInput(**wrong)


def test_a_network_without_a_name_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="build_segmentation_network"):
        save_segmenter(tmp_path / "x.safetensors", Bright(), GREY, source="", licence="", trained_on=None)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("lv_unt", {}, "There is no segmentation network 'lv_unt'. Did you mean 'lv_unet'"),
        ("lv_unet", {"width": 3}, "segmentation network 'lv_unet' cannot be made from width=3"),
        ("lv_unet", {"widths": [4]}, "at least two levels"),
        ("coreecho.models.head:MLPHead", {}, "expected a class that derives from .*SegmentationNetwork"),
    ],
)
def test_unknown_networks_and_settings_are_refused(name: str, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        build_segmentation_network(name, **settings)


def test_files_of_another_kind_are_told_apart(tmp_path: Path) -> None:
    path = written(tmp_path / "lv.safetensors", "lv_unet", GREY, widths=[4, 6])
    with pytest.raises(CheckpointError, match=r"lv\.safetensors: holds a network that outlines .* `coreecho segment"):
        load_model(path)
    with pytest.raises(CheckpointError, match="there is no such file"):
        load_segmenter(tmp_path / "none.safetensors")


def test_weights_that_do_not_fit_their_card_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "lv.safetensors", "lv_unet", GREY, widths=[4, 6])
    with safe_open(path, framework="pt") as file:
        card = file.metadata()["coreecho_card"]
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    save_file(state, path, metadata={"coreecho_card": card.replace("[4, 6]", "[4, 8]")})
    with pytest.raises(CheckpointError, match="it does not fit lv_unet, the network on its card"):
        load_segmenter(path)
    save_file(state, path, metadata={"coreecho_card": card.replace('"myocardium"', '"atrium"')})
    with pytest.raises(CheckpointError, match="it outlines cavity, atrium, the network cavity, myocardium"):
        load_segmenter(path)
    save_file(state | {"head.bias": torch.full((2,), torch.nan)}, path, metadata={"coreecho_card": card})
    with pytest.raises(CheckpointError, match=r"not finite: head\.bias"):
        load_segmenter(path)

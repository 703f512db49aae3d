"""Networks for single frames against torchvision's own, by outputs that were stored from its release 0.28.

Both had the weights of `filled`, which depend on names and shapes alone, and saw the same frame.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from coreecho.models.deeplab import DeepLabV3
from coreecho.models.image_resnet import IMAGE_RESNETS, ImageResNet
from coreecho.models.mobilenet import MobileNetV2

Filled = Callable[[nn.Module], nn.Module]

# Logits of every 12th row and column.
DEEPLAB = [
    [-179.91005, 455.14688, 452.94150, 440.68570],
    [18.239635, 9.7791443, -2.7678339, -11.649834],
    [3.1148040, -7.6291013, 2.2017159, -2.5936732],
    [-32.591400, 52.377186, 5.2392488, 6.3214116],
]
# Every 64th feature.
RESNET18 = [629392.62, 1562328.5, 1761978.0, 352907.12, 2125666.0, 2030430.9, 10799.279, 1335715.2]
# Some features that the last ReLU6 leaves as they are, by their place.
MOBILENET = {
    6: 1.7223263,
    232: 5.6030836,
    441: 5.4267631,
    626: 3.6276426,
    855: 3.3449790,
    1048: 4.4981909,
    1253: 5.7322865,
}


@pytest.fixture(scope="module")
def frame() -> Tensor:
    """A frame (1, 3, 48, 48) that needs no random numbers."""
    return torch.sin(0.37 * torch.arange(3 * 48 * 48, dtype=torch.float64)).view(1, 3, 48, 48).float()


def test_deeplab(filled: Filled, frame: Tensor) -> None:
    with torch.inference_mode():
        logits = filled(DeepLabV3())(frame)
    torch.testing.assert_close(logits[0, 0, ::12, ::12], torch.tensor(DEEPLAB), rtol=1e-3, atol=1e-2)


def test_resnet18(filled: Filled, frame: Tensor) -> None:
    with torch.inference_mode():
        grid = filled(ImageResNet(IMAGE_RESNETS["resnet18"]))(frame)
    torch.testing.assert_close(grid.mean(dim=(2, 3))[0, ::64], torch.tensor(RESNET18), rtol=1e-3, atol=1.0)


def test_layers_in_the_published_order_are_the_same_network(filled: Filled, frame: Tensor) -> None:
    network = ImageResNet(IMAGE_RESNETS["resnet18"])
    row = network.published_order()
    filled(network)
    with torch.inference_mode():
        torch.testing.assert_close(row.eval()(frame).flatten(1), network(frame).mean(dim=(2, 3)))


def test_mobilenet(filled: Filled, frame: Tensor) -> None:
    with torch.inference_mode():
        features = filled(MobileNetV2())(0.1 * frame).mean(dim=(2, 3))[0]
    torch.testing.assert_close(features[list(MOBILENET)], torch.tensor(list(MOBILENET.values())), rtol=1e-3, atol=1e-3)

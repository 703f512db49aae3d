import pytest
import torch

from coreecho.errors import CheckpointError
from coreecho.models.deeplab import DeepLabV3
from coreecho.models.image_resnet import IMAGE_RESNETS, ImageResNet
from coreecho.models.mobilenet import MobileNetV2
from coreecho.models.published_names import load_published


@pytest.fixture(scope="module")
def deeplab() -> DeepLabV3:
    torch.manual_seed(0)
    return DeepLabV3().eval()


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_are_as_many_as_published() -> None:
    """Of torchvision's: 11,689,512, 25,557,032 and 3,504,872 with 1,000 classes, and 42,004,074 for DeepLabV3 with 21
    classes and an auxiliary head; less that head (1024 x 256 x 9 + 512 + 256 x 21 + 21) and 20 classes.
    """
    with torch.device("meta"):
        assert _count(ImageResNet(IMAGE_RESNETS["resnet18"])) == 11_689_512 - 512 * 1000 - 1000
        assert _count(ImageResNet(IMAGE_RESNETS["resnet50"])) == 25_557_032 - 2048 * 1000 - 1000
        assert _count(MobileNetV2()) == 3_504_872 - 1280 * 1000 - 1000
        assert _count(DeepLabV3()) == 42_004_074 - (1024 * 256 * 9 + 512 + 256 * 21 + 21) - 20 * 257 == 39_633_729


def test_names_and_shapes_are_torchvisions() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in DeepLabV3().state_dict().items()}
    expected = {
        "backbone.conv1.weight": (64, 3, 7, 7),
        "backbone.bn1.running_mean": (64,),
        "backbone.layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "backbone.layer3.5.conv2.weight": (256, 256, 3, 3),
        "backbone.layer4.2.bn3.weight": (2048,),
        "classifier.0.convs.0.0.weight": (256, 2048, 1, 1),
        "classifier.0.convs.3.0.weight": (256, 2048, 3, 3),
        "classifier.0.convs.4.1.weight": (256, 2048, 1, 1),
        "classifier.0.convs.4.2.bias": (256,),
        "classifier.0.project.0.weight": (256, 1280, 1, 1),
        "classifier.1.weight": (256, 256, 3, 3),
        "classifier.2.num_batches_tracked": (),
        "classifier.4.weight": (1, 256, 1, 1),
        "classifier.4.bias": (1,),
    }
    assert {name: shapes.get(name) for name in expected} == expected
    # 53 convolutions of the backbone and 7 of the head, each with a batch norm of five entries; and one with a bias.
    assert len(shapes) == (53 + 7) * 6 + 2


def test_the_grid_is_an_eighth_and_reaches_wide() -> None:
    with torch.device("meta"):
        plain = ImageResNet(IMAGE_RESNETS["resnet50"])
        dilated = ImageResNet(IMAGE_RESNETS["resnet50"], is_dilated=True)
        assert plain(torch.empty(1, 3, 112, 112)).shape == (1, 2048, 4, 4)
        assert dilated(torch.empty(1, 3, 112, 112)).shape == (1, 2048, 14, 14)
    reaches = [[block.conv2.dilation[0] for block in level] for level in (dilated.layer3, dilated.layer4)]
    assert reaches == [[1, 2, 2, 2, 2, 2], [2, 4, 4]]
    rates = [branch[0].dilation[0] for branch in DeepLabV3().classifier[0].convs[1:4]]
    assert rates == [12, 24, 36]


def test_logits_have_the_size_of_the_frames(deeplab: DeepLabV3) -> None:
    with torch.inference_mode():
        logits = deeplab(torch.randn(2, 3, 40, 56))
    assert logits.shape == (2, 1, 40, 56)
    assert logits.isfinite().all()


def test_the_published_file_loads(deeplab: DeepLabV3) -> None:
    """As a training state of DataParallel writes it; one batch norm counts no batches, as of PyTorch 0.4."""
    torch.manual_seed(1)
    other = DeepLabV3()
    state = {f"module.{name}": value for name, value in other.state_dict().items()}
    del state["module.classifier.2.num_batches_tracked"]
    content = {"epoch": 45, "state_dict": state, "best_loss": 1.5, "opt_dict": {"state": {}}}
    taken = load_published(deeplab, content, "deeplabv3_resnet50_random.pt")
    assert taken == tuple(state)
    frames = torch.randn(1, 3, 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(deeplab(frames), other.eval()(frames))


def test_a_file_that_does_not_fit_changes_nothing(deeplab: DeepLabV3) -> None:
    before = deeplab.classifier[4].bias.clone()
    with torch.device("meta"):
        names = DeepLabV3(num_outputs=21).state_dict()
    state = {name: torch.zeros(value.shape) for name, value in names.items()}
    with pytest.raises(CheckpointError, match=r"a\.pt: it does not fit DeepLabV3: 2 of another shape: classifier\.4"):
        load_published(deeplab, {"state_dict": state}, "a.pt")
    for nothing in (3, {}, {"state_dict": {"epoch": 3}}):
        with pytest.raises(CheckpointError, match=r"a\.pt: holds no weights"):
            load_published(deeplab, nothing, "a.pt")
    spoilt = {name: value.clone() for name, value in deeplab.state_dict().items()}
    spoilt["classifier.4.bias"][0] = torch.nan
    with pytest.raises(CheckpointError, match="not finite"):
        load_published(deeplab, spoilt, "a.pt")
    assert torch.equal(deeplab.classifier[4].bias, before)


@pytest.mark.parametrize("shape", [(1, 1, 56, 56), (3, 56, 56), (1, 3, 15, 56)])
def test_wrong_frames_are_refused(deeplab: DeepLabV3, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expects frames \(B, 3, H, W\)"):
        deeplab(torch.zeros(shape))

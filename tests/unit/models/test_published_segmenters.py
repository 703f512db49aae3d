from pathlib import Path

import pytest
import torch
from torch import Tensor

from coreecho.errors import CheckpointError
from coreecho.models import build_segmentation_network, load_segmenter
from coreecho.models.published_segmenters import holds_segmenter, import_segmenter, initialise_segmenter
from coreecho.models.weights import save_state


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Tensor]]:
    """A file with the names and shapes of EchoNet-Dynamic's segmentation; half precision keeps it small."""
    torch.manual_seed(0)
    state = build_segmentation_network("deeplab").state_dict()
    path = tmp_path_factory.mktemp("published") / "deeplabv3_resnet50_random.pt"
    entries = {f"module.{name}": value for name, value in state.items()}
    torch.save({"epoch": 49, "state_dict": entries, "best_loss": 1.0, "opt_dict": {}}, path)
    return path, state


def test_echonet_dynamics_segmentation_is_imported_whole(
    published: tuple[Path, dict[str, Tensor]], tmp_path: Path
) -> None:
    path, state = published
    assert holds_segmenter(path)
    imported = import_segmenter(path)
    # One channel with a bias, no auxiliary head: torchvision's 39,633,729 trainable numbers.
    assert imported.card.num_parameters == 39_633_729
    assert "Ouyang et al. 2020" in imported.card.source
    save_state(tmp_path / "lv.safetensors", imported.state, imported.card)
    segmenter = load_segmenter(tmp_path / "lv.safetensors")
    found = segmenter.network.state_dict()
    assert all(torch.equal(found[name], value) for name, value in state.items())
    assert len(imported.loaded) == len(state)


def test_a_training_starts_from_it_and_from_nothing_that_does_not_fit(
    published: tuple[Path, dict[str, Tensor]], tmp_path: Path
) -> None:
    path, state = published
    network = build_segmentation_network("deeplab")
    assert "none missing" in initialise_segmenter(network, path)
    assert torch.equal(network.state_dict()["classifier.4.bias"], state["classifier.4.bias"])
    small = build_segmentation_network("lv_unet_xs")
    before = {name: value.clone() for name, value in small.state_dict().items()}
    with pytest.raises(CheckpointError, match="it does not fit LVUNet: "):
        initialise_segmenter(small, path)
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    assert not holds_segmenter(tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="it does not fit DeepLabV3"):
        import_segmenter(tmp_path / "other.pt")

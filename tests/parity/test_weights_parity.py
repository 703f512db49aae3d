"""A published checkpoint gives the same numbers here as in the network that it was saved from."""

from pathlib import Path

import pytest
import torch
from torch import nn

from coreecho.models import ModelInput, UniFormer, build_model, import_weights, load_model
from coreecho.models.uniformer import SIZES
from coreecho.models.weights import save_state


class PublishedNetwork(nn.Module):
    """An encoder with the linear `head` that published checkpoints carry, as DataParallel names it."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        encoder = UniFormer(SIZES["small"])
        for name, child in encoder.named_children():
            self.add_module(name, child)
        self.head = nn.Linear(512, classes)
        self.encode = encoder.forward


@pytest.fixture(scope="module")
def clips() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (1, 36, 112, 112), dtype=torch.uint8, generator=generator)


def test_coreecho_checkpoint_end_to_end(tmp_path: Path, clips: torch.Tensor) -> None:
    torch.manual_seed(0)
    network = PublishedNetwork(classes=1).eval()
    # Written down from the paper, not taken from our head.
    regressor = nn.Sequential(
        nn.BatchNorm1d(512),
        nn.Dropout(0.4),
        nn.Linear(512, 512),
        nn.BatchNorm1d(512),
        nn.GELU(),
        nn.Dropout(0.4),
        nn.Linear(512, 1),
    ).eval()
    content = {
        "epoch": 21,
        "model": nn.DataParallel(network).state_dict(),
        "regressor": nn.DataParallel(regressor).state_dict(),
        "best_error": 3.9,
    }
    torch.save(content, tmp_path / "coreecho.pth")
    imported = import_weights(tmp_path / "coreecho.pth")
    save_state(tmp_path / "coreecho.safetensors", imported.state, imported.card)
    model = load_model(tmp_path / "coreecho.safetensors")

    mean = 255 * torch.tensor([0.12741163, 0.1279413, 0.12912785]).view(3, 1, 1, 1)
    std = 255 * torch.tensor([0.19557191, 0.19562256, 0.1965878]).view(3, 1, 1, 1)
    with torch.inference_mode():
        found = model(clips)
        embeddings = network.encode((clips.unsqueeze(1).expand(1, 3, -1, -1, -1) - mean) / std)
        torch.testing.assert_close(found.embeddings, embeddings, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found.prediction, regressor(embeddings).squeeze(1), rtol=1e-5, atol=1e-5)


def test_kinetics_checkpoint_gives_its_embeddings(tmp_path: Path, clips: torch.Tensor) -> None:
    torch.manual_seed(0)
    network = PublishedNetwork(classes=400).eval()
    torch.save(network.state_dict(), tmp_path / "uniformer_small_k400_16x8.pth")
    imported = import_weights(tmp_path / "uniformer_small_k400_16x8.pth")
    model = build_model("uniformer_small", ModelInput(), last_bias=55.6).eval()
    # Strictly: every entry of the encoder is there, and none besides.
    model.encoder.load_state_dict(imported.state, strict=True)
    with torch.inference_mode():
        normalised = model.normalise(clips)
        torch.testing.assert_close(model.embed(clips), network.encode(normalised), rtol=1e-5, atol=1e-5)

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from coreecho.models import build_encoder, build_model, build_segmentation_network, import_weights, load_model
from coreecho.models.echographs import ECHOGRAPHS_VIDEOS, EchoGraphsFrame, EchoGraphsVideo
from coreecho.models.model_input import ModelInput
from coreecho.models.published_segmenters import import_segmenter
from coreecho.models.reading_encoders import ECHOGRAPHS_CLIPS
from coreecho.models.uvt import UVT, UVTS
from coreecho.models.weights import save_state


@pytest.mark.parametrize(("name", "count"), [("uvt", 346_871_234), ("uvt_classes", 346_871_748)])
def test_an_encoder_has_the_published_parameters(name: str, count: int) -> None:
    with torch.device("meta"):
        assert sum(each.numel() for each in build_encoder(name).parameters()) == count


def test_what_the_head_reads_is_what_the_network_reads() -> None:
    torch.manual_seed(0)
    shape = ModelInput(num_frames=3, stride=1, frame_size=48, mean=(0.0,) * 3, std=(1.0,) * 3)
    model = build_model("uvt_xs", shape, last_bias=0.0, head="fraction").eval()
    clips = torch.randint(0, 256, (2, 3, 48, 48), dtype=torch.uint8)
    bordered = torch.nn.functional.pad(clips.float() / 255, (8, 8, 8, 8))[:, None].expand(-1, 3, -1, -1, -1)
    with torch.inference_mode():
        output = model(clips)
        expected = model.encoder.network(bordered)
    torch.testing.assert_close(output.prediction, 100 * expected.ef_fraction)
    assert output.embeddings.shape == (2, UVTS["uvt_xs"].embedding_dim + 1)


def test_published_weights_of_echographs_predict_once_imported(tmp_path: Path) -> None:
    torch.manual_seed(0)
    published = EchoGraphsVideo(ECHOGRAPHS_VIDEOS["EFGCNSD"]).eval()
    torch.save({"model_state_dict": published.state_dict(), "epoch": 3}, tmp_path / "echographs.pt")
    imported = import_weights(tmp_path / "echographs.pt")
    assert (imported.card.encoder, imported.card.head, imported.card.kind) == ("efgcn_sd", "fraction", "model")
    assert imported.card.model_input is not None
    assert asdict(imported.card.model_input) == asdict(ECHOGRAPHS_CLIPS)
    assert "Thomas et al. 2022" in imported.card.source
    assert (imported.skipped, imported.missing) == ((), ())
    save_state(tmp_path / "own.safetensors", imported.state, imported.card)
    model = load_model(tmp_path / "own.safetensors")
    clips = torch.randint(0, 256, (1, 16, 112, 112), dtype=torch.uint8)
    seen = ((clips.float() / 255 - 0.5) / 0.5)[:, None].expand(-1, 3, -1, -1, -1)
    with torch.inference_mode():
        torch.testing.assert_close(model(clips).prediction, 100 * published(seen).ef_fraction)


def test_published_weights_of_uvt_are_told_by_their_names(tmp_path: Path) -> None:
    """At the small size, which has the same names."""
    network = UVT(UVTS["uvt_xs"])
    torch.save(
        {"state_dict": {f"module.{name}": value for name, value in network.state_dict().items()}}, tmp_path / "uvt.pt"
    )
    imported = import_weights(tmp_path / "uvt.pt")
    assert (imported.card.encoder, imported.card.head) == ("uvt_xs", "fraction")
    assert len(imported.loaded) == len(network.state_dict())


def test_echographs_of_single_frames_is_a_segmenter_under_its_published_names(tmp_path: Path) -> None:
    torch.manual_seed(0)
    published = EchoGraphsFrame("resnet18").eval()
    torch.save({"model_state_dict": published.state_dict()}, tmp_path / "frame.pt")
    imported = import_segmenter(tmp_path / "frame.pt")
    assert imported.card.network == "echographs_resnet18"
    frames = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(imported.network.points(frames), published(frames))  # type: ignore[operator]
        logits = imported.network(frames)
    assert logits.shape == (2, 1, 64, 64)
    assert set(logits.unique().tolist()) <= {-10.0, 10.0}
    assert sum(each.numel() for each in build_segmentation_network("echographs_resnet18").parameters()) == sum(
        each.numel() for each in published.parameters()
    )

import torch
from torch import nn

from coreecho.models.head import MLPHead


def test_layers_lie_where_the_published_checkpoints_have_them() -> None:
    head = MLPHead(512, dropout=0.4, last_bias=55.6)
    assert [type(layer) for layer in head] == [
        nn.BatchNorm1d,
        nn.Dropout,
        nn.Linear,
        nn.BatchNorm1d,
        nn.GELU,
        nn.Dropout,
        nn.Linear,
    ]
    assert {name.split(".")[0] for name in head.state_dict()} == {"0", "2", "3", "6"}
    assert tuple(head.state_dict()["2.weight"].shape) == (512, 512)
    assert tuple(head.state_dict()["6.weight"].shape) == (1, 512)
    assert [layer.p for layer in head if isinstance(layer, nn.Dropout)] == [0.4, 0.4]


def test_predictions_start_at_the_last_bias() -> None:
    torch.manual_seed(0)
    head = MLPHead(64, last_bias=55.6).eval()
    with torch.no_grad():
        ef_percent = head(torch.zeros(3, 64))
    assert ef_percent.shape == (3, 1)
    # The hidden layer's bias alone moves it, by far less than an EF point.
    assert (ef_percent - 55.6).abs().max() < 0.5


def test_it_is_the_formula_of_the_paper() -> None:
    torch.manual_seed(0)
    head = MLPHead(16, last_bias=50.0).eval()
    embeddings = torch.randn(5, 16)
    state = head.state_dict()
    with torch.no_grad():
        hidden = embeddings / (1 + 1e-5) ** 0.5 @ state["2.weight"].T + state["2.bias"]
        normalised = hidden / (1 + 1e-5) ** 0.5
        active = normalised * 0.5 * (1 + torch.erf(normalised / 2**0.5))
        expected = active @ state["6.weight"].T + state["6.bias"]
        torch.testing.assert_close(head(embeddings), expected)

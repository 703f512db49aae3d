"""The heads: from an embedding to the one number from which a task makes what a person reads."""

from typing import ClassVar

from torch import Tensor, nn


class MLPHead(nn.Sequential):
    """The shallow MLP F_R of Maani et al. 2024, section 2.1: W2 [gelu(BN2(W1 BN1(E)))], dropout before each W.

    Maps (B, D) to (B, 1). The layers that hold weights sit at indices 0, 2, 3 and 6, as in the authors' checkpoints.

    Args:
        embedding_dim: D.
        dropout: probability before each linear layer; 0.4 in the authors' code.
        last_bias: where predictions start; of EF in percent the mean of the training set (55.6 for EchoNet-Dynamic).
    """

    def __init__(self, embedding_dim: int, *, dropout: float = 0.4, last_bias: float = 0.0) -> None:
        super().__init__(
            nn.BatchNorm1d(embedding_dim),
            nn.Dropout(dropout),
            nn.Linear(embedding_dim, embedding_dim),
            nn.BatchNorm1d(embedding_dim),
            nn.GELU(),
            nn.Dropout(dropout),
            last_linear(embedding_dim, last_bias),
        )


class LinearHead(nn.Sequential):
    """One linear output: EchoCoTr's head, and EchoNet-Dynamic's. Maps (B, D) to (B, 1).

    Args:
        embedding_dim: D.
        last_bias: where predictions start; of EF in percent 55.6 in both publications' codes.
    """

    def __init__(self, embedding_dim: int, *, last_bias: float = 0.0) -> None:
        super().__init__(last_linear(embedding_dim, last_bias))


class FractionHead(nn.Module):
    """The last entry of an embedding, EF / 100, in percent: of networks that read EF themselves. Maps (B, D) to (B, 1).

    Args:
        embedding_dim: D.

    Attributes:
        learns: whether there is anything in it to learn; of a head that does not say so there is.
    """

    learns: ClassVar[bool] = False

    def __init__(self, embedding_dim: int) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim

    def forward(self, embeddings: Tensor) -> Tensor:
        """Take the fraction out."""
        return 100 * embeddings[:, -1:]


def last_linear(embedding_dim: int, bias: float) -> nn.Linear:
    """A linear layer (B, D) to (B, 1) that starts at `bias`."""
    last = nn.Linear(embedding_dim, 1)
    nn.init.constant_(last.bias, bias)
    return last

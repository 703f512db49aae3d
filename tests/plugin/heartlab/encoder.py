"""Two convolutions, for those who have a minute."""

from collections.abc import Mapping

from torch import Tensor, nn

from coreecho.models import Encoder


class Tiny3D(Encoder):
    """Clips to embeddings by two 3-D convolutions and a mean.

    Args:
        width: channels of the second, and the embedding's dimension D.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv3d(3, 8, 3, stride=2, padding=1), nn.BatchNorm3d(8), nn.ReLU())
        self.second = nn.Sequential(nn.Conv3d(8, width, 3, stride=2, padding=1), nn.ReLU())
        self.width = width

    @property
    def embedding_dim(self) -> int:
        return self.width

    @property
    def levels(self) -> Mapping[str, nn.Module]:
        return {"level1": self.first, "level2": self.second}

    def forward(self, clips: Tensor) -> Tensor:
        grid: Tensor = self.second(self.first(clips))
        return grid.mean(dim=(2, 3, 4))

"""Embeddings of recordings, with what is known of the recordings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, kw_only=True)
class EmbeddingSet:
    """Embeddings of N recordings, and what is known of them.

    Attributes:
        ids: (N,) text.
        embeddings: (N, D) float32.
        ef_percent: (N,) float64, the label; NaN where there is none.
        ef_predicted: (N,) float64, what the model says; NaN of one that finds infarctions.
        source: what they are: model, data, split, clips.
        is_phantom: the hearts are simulated.
        fingerprint: changes when the weights, the data or the clips do.
    """

    ids: tuple[str, ...]
    embeddings: NDArray[np.float32]
    ef_percent: NDArray[np.float64]
    ef_predicted: NDArray[np.float64]
    source: str
    is_phantom: bool
    fingerprint: str = ""

    def __post_init__(self) -> None:
        count = len(self.ids)
        is_fitting = self.embeddings.ndim == 2 and len(self.embeddings) == count
        if not is_fitting or self.ef_percent.shape != (count,) or self.ef_predicted.shape != (count,):
            raise ValueError(
                f"{count} ids, embeddings {self.embeddings.shape}, labels {self.ef_percent.shape} and predictions "
                f"{self.ef_predicted.shape} do not fit together"
            )

    def __len__(self) -> int:
        return len(self.ids)

"""Embeddings of recordings, with what is known of the recordings."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coreecho.tasks import EF, Task

_NOT_GIVEN: NDArray[np.float64] = np.empty(0, dtype=np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class EmbeddingSet:
    """Embeddings of N recordings, and what is known of them.

    Attributes:
        ids: (N,) text.
        embeddings: (N, D) float32.
        ef_percent: (N,) float64, the EF; NaN where it is not known.
        ef_predicted: (N,) float64, what the model says; NaN of one that reads something else.
        source: what they are: model, data, split, clips.
        is_phantom: the hearts are simulated.
        fingerprint: changes when the weights, the data or the clips do.
        task: what the model reads.
        true: (N,) float64, the labels of the task; NaN where there is none. The EF when not given.
        predicted: (N,) float64, what a person reads of the model. The predicted EF when not given.
    """

    ids: tuple[str, ...]
    embeddings: NDArray[np.float32]
    ef_percent: NDArray[np.float64]
    ef_predicted: NDArray[np.float64]
    source: str
    is_phantom: bool
    fingerprint: str = ""
    task: Task = field(default_factory=EF)
    true: NDArray[np.float64] = field(default_factory=lambda: _NOT_GIVEN)
    predicted: NDArray[np.float64] = field(default_factory=lambda: _NOT_GIVEN)

    def __post_init__(self) -> None:
        count = len(self.ids)
        for name, usual in (("true", self.ef_percent), ("predicted", self.ef_predicted)):
            if getattr(self, name) is _NOT_GIVEN:
                object.__setattr__(self, name, usual)
            elif getattr(self, name).shape != (count,):
                raise ValueError(f"{count} ids and {name} {getattr(self, name).shape} do not fit together")
        is_fitting = self.embeddings.ndim == 2 and len(self.embeddings) == count
        if not is_fitting or self.ef_percent.shape != (count,) or self.ef_predicted.shape != (count,):
            raise ValueError(
                f"{count} ids, embeddings {self.embeddings.shape}, labels {self.ef_percent.shape} and predictions "
                f"{self.ef_predicted.shape} do not fit together"
            )

    def __len__(self) -> int:
        return len(self.ids)

"""Embeddings of recordings, with what is known of the recordings."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import RecipeError
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

    @property
    def number(self) -> Task:
        """See `number_of`."""
        return number_of(self.task)

    @property
    def number_true(self) -> NDArray[np.float64]:
        """(N,) of `number`; NaN where it is not known."""
        return self.true if self.task.is_number else self.ef_percent

    @property
    def number_predicted(self) -> NDArray[np.float64]:
        """(N,) what the model says of `number`; NaN of one that reads something else."""
        return self.predicted if self.task.is_number else self.ef_predicted


def number_of(task: Task) -> Task:
    """What embeddings are compared with: what a model reads where that is a number, else the EF."""
    return task if task.is_number else EF()


def one_number(tasks: Sequence[Task]) -> Task:
    """The number by which several models are compared.

    Raises:
        RecipeError: they read different ones.
    """
    numbers = list(map(number_of, tasks))
    if len({(number.label, number.unit) for number in numbers}) > 1:
        raise RecipeError(
            f"These models read different numbers: {', '.join(number.heading for number in numbers)}. No scale holds "
            "both: give models of one number, or one model at a time."
        )
    return numbers[0]

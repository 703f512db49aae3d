"""The card of a file of weights: what they are, where they come from, and what may be done with them.

It is stored inside the file, so that weights are never without it.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from coreecho.errors import CheckpointError, RecipeError
from coreecho.models.head import HeadName
from coreecho.models.model_input import ModelInput
from coreecho.tasks import Task, build_task

# An encoder alone, or with a head that reads something.
Kind = Literal["encoder", "model"]


@dataclass(frozen=True, kw_only=True)
class TrainedOn:
    """What a model learned from; predictions far from it deserve a warning.

    Attributes:
        dataset: its name, such as `echonet`.
        is_phantom: the hearts were simulated.
        num_recordings: recordings of the training split.
        fps_range: 5th and 95th percentile of the training videos' frame rates, frames a second.
        ef_range: smallest and largest EF of the training split, percent; None where no EF was learned.
        recipe: name of the recipe.
        epoch: epoch of the best weights, counted from 0 within its stage.
        val_mae: mean absolute error on the validation split at that epoch, EF points; None where no EF was learned.
        fps_median: of the training videos, frames a second; None where it was not written down.
    """

    dataset: str
    is_phantom: bool
    num_recordings: int
    fps_range: tuple[float, float]
    ef_range: tuple[float, float] | None
    recipe: str
    epoch: int
    val_mae: float | None
    fps_median: float | None = None


@dataclass(frozen=True, kw_only=True)
class WeightsCard:
    """What a file of weights says about itself.

    Attributes:
        kind: `encoder` alone, or a `model` with its head.
        encoder: a key of `coreecho.models.ENCODERS`.
        head: name of the head; None for an encoder alone.
        source: where the weights come from: a run, or the publication and file that they were imported from.
        licence: under which they may be used.
        num_parameters: trainable numbers in the file.
        source_sha256: of the file that was imported; None for weights trained here.
        model_input: how clips are cut and normalised; None where the source does not say.
        trained_on: None for imported weights.
        coreecho_version: that wrote the file.
        reads: what the head reads, as `Task.to_mapping` gives it; None for an encoder alone.
    """

    kind: Kind
    encoder: str
    source: str
    licence: str
    num_parameters: int
    source_sha256: str | None
    model_input: ModelInput | None
    trained_on: TrainedOn | None
    coreecho_version: str
    head: HeadName | None = "mlp"
    reads: dict[str, Any] | None = None

    @property
    def task(self) -> Task | None:
        """What the head reads; None for an encoder alone."""
        return None if self.reads is None else build_task(self.reads)

    @property
    def target(self) -> str | None:
        """Name of the task."""
        return None if self.task is None else self.task.name

    def to_json(self) -> str:
        """Write the card as a JSON object."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "WeightsCard":
        """Read a card.

        Raises:
            CheckpointError: not JSON, or other entries than a card has.
        """
        try:
            entries = json.loads(text)
            if entries["kind"] not in get_args(Kind):
                raise ValueError(f"its kind is {entries['kind']!r}")
            for name, part in (("model_input", ModelInput), ("trained_on", TrainedOn)):
                if entries[name] is not None:
                    entries[name] = part(**_tuples(entries[name]))
            missing = {field.name for field in fields(cls)} - set(entries)
            if missing:
                raise ValueError(f"it lacks {', '.join(sorted(missing))}")
            return cls(**entries)
        except (ValueError, TypeError, KeyError, RecipeError) as error:
            raise CheckpointError(
                f"The card of these weights cannot be read: {error}. They may come from another version of coreecho."
            ) from error


def _tuples(entries: dict[str, Any]) -> dict[str, Any]:
    """JSON knows lists only."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in entries.items()}

"""The card of a file of weights: what they are, where they come from, and what may be done with them.

It is stored inside the file, so that weights are never without it.
"""

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from coreecho.documents import MAY_BE_ABSENT, Limits, Within, document_text, parse_document
from coreecho.errors import CheckpointError, CoReEchoError, RecipeError
from coreecho.models.model_input import ModelInput
from coreecho.models.parts import USUAL_HEAD
from coreecho.names import counted
from coreecho.notices import PHANTOM_LABEL
from coreecho.tasks import Task, build_task

CARD_LIMITS = Limits(max_bytes=2**20, max_depth=8, max_entries=10_000)

# An encoder alone, or with a head that reads something.
Kind = Literal["encoder", "model"]
# Of what outlines the left ventricle, which has a card of its own: `coreecho.models.segmenter_card`.
SEGMENTER = "segmenter"
# NaN where no file of the training split says it.
_FPS = Annotated[float, Within(0, math.inf, or_unknown=True)]


@dataclass(frozen=True, kw_only=True)
class TrainedOn:
    """What a model learned from; predictions far from it deserve a warning.

    Attributes:
        dataset: its name, such as `echonet`.
        is_phantom: the hearts were simulated.
        num_recordings: recordings of the training split.
        fps_range: 5th and 95th percentile of the training videos' frame rates, frames a second.
        label_range: smallest and largest label of the training split, in the task's unit.
        recipe: name of the recipe.
        epoch: epoch of the best weights, counted from 0 within its stage; None of the mean of several trainings.
        best_validation: the task's `selection` metric on the validation split at that epoch; None where
            nothing was read.
        fps_median: of the training videos, frames a second; None where it was not written down.
    """

    dataset: str
    is_phantom: bool
    num_recordings: Annotated[int, Within(0)]
    fps_range: tuple[_FPS, _FPS]
    label_range: tuple[float, float] | None
    recipe: str
    epoch: Annotated[int, Within(0)] | None
    best_validation: float | None
    fps_median: Annotated[float, Within(0)] | None = field(default=None, metadata=MAY_BE_ABSENT)

    @property
    def weights_in_words(self) -> str:
        """Which weights of the training these are, for a person, who counts from 1."""
        if self.epoch is None:
            return "the mean of several trainings' weights"
        return f"weights of epoch {self.epoch + 1} of its last stage"


def origin(network: str, source: str, trained_on: TrainedOn | None) -> str:
    """Say in a line what weights are of and where they come from.

    Args:
        network: its name.
        source: of the card.
        trained_on: of the card.
    """
    if trained_on is None:
        return f"{network}, {source}"
    of = f"{counted(trained_on.num_recordings, 'recordings')} of {trained_on.dataset} (real hearts)"
    if trained_on.is_phantom:
        # Not "recordings of echonet": whose layout the files have says nothing of whose hearts they show.
        of = f"{trained_on.num_recordings} simulated hearts (phantoms), their files laid out as {trained_on.dataset}'s"
    return f"recipe {trained_on.recipe} ({network}), {trained_on.weights_in_words}, trained on {of}"


def origin_in_short(network: str, trained_on: TrainedOn | None, *, shipped_as: str = "") -> str:
    """As `origin`, in the few words that a moving picture has room for: which model, and whose hearts taught it.

    Args:
        network: its name.
        trained_on: of the card.
        shipped_as: the name of a model that ships; empty of all others.
    """
    if trained_on is None:
        return f"{network}, imported weights"
    hearts = f"{PHANTOM_LABEL} alone" if trained_on.is_phantom else f"real hearts ({trained_on.dataset})"
    return f"{shipped_as or f'{trained_on.recipe} ({network})'}, trained on {hearts}"


@dataclass(frozen=True, kw_only=True)
class WeightsCard:
    """What a file of weights says about itself.

    Attributes:
        kind: `encoder` alone, or a `model` with its head.
        encoder: one of `coreecho.models.ENCODERS`, or an import path.
        encoder_settings: with which `build_encoder` makes it again.
        head: one of `coreecho.models.HEADS`, or an import path; None for an encoder alone.
        source: where the weights come from: a run, or the publication and file that they were imported from.
        licence: under which they may be used.
        num_parameters: trainable numbers in the file.
        source_sha256: of the file that was imported; None for weights trained here.
        model_input: how clips are cut and normalised; None where the publication does not say.
        trained_on: None for imported weights.
        coreecho_version: that wrote the file.
        reads: what the head reads, as `Task.to_mapping` gives it; None for an encoder alone.
    """

    kind: Kind
    encoder: str
    source: str
    licence: str
    num_parameters: Annotated[int, Within(0, 1e12)]
    source_sha256: str | None
    model_input: ModelInput | None
    trained_on: TrainedOn | None
    coreecho_version: str
    head: str | None = USUAL_HEAD
    reads: dict[str, Any] | None = None
    encoder_settings: dict[str, Any] = field(default_factory=dict, metadata=MAY_BE_ABSENT)

    @property
    def looks_at_clips(self) -> bool:
        """Whether the network sees a clip at once, and not frame by frame."""
        return True

    @property
    def has_head(self) -> bool:
        """Whether something is read of the embeddings."""
        return self.kind == "model"

    @property
    def facts(self) -> dict[str, str]:
        """What a reader should know of it first: what it reads, the network, what that sees."""
        shown, task = self.model_input, self.task
        size = 0 if shown is None else shown.frame_size
        return {
            "Reads": "nothing: an encoder alone" if task is None else f"the {task.title.lower()}",
            "Network": self.encoder if self.head is None else f"{self.encoder}, head {self.head}",
            "Sees": "not known"
            if shown is None
            else f"clips of {shown.num_frames} frames of {size} x {size} pixels, one in {shown.stride}, grey",
        }

    @property
    def task(self) -> Task | None:
        """What the head reads; None for an encoder alone.

        Raises:
            CheckpointError: it is a task that is not known here.
        """
        try:
            return None if self.reads is None else build_task(self.reads)
        except RecipeError as error:
            raise CheckpointError(f"What these weights read is not known here. {error}") from error

    def to_json(self) -> str:
        """Write the card as a JSON object; equal cards give equal texts."""
        return document_text(self)

    @classmethod
    def from_json(cls, text: str) -> "WeightsCard":
        """Read a card.

        Raises:
            CheckpointError: not JSON, or other entries than a card has.
        """
        return parse_document(text, cls, kind="card of these weights", error=CheckpointError, limits=CARD_LIMITS)


def kind_of_card(text: str) -> object:
    """The `kind` that a card says its weights are; None where it says none, or is none."""
    try:
        entries = parse_document(text, dict[str, Any], kind="card of these weights", limits=CARD_LIMITS)
    except CoReEchoError:
        return None
    return entries.get("kind")

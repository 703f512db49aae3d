"""The card of a file of weights that outlines the left ventricle: what it is, and how frames are shown to it."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from coreecho.checking import faults_of_types, refuse
from coreecho.documents import MAY_BE_ABSENT, Within, document_text, parse_document
from coreecho.errors import CheckpointError
from coreecho.models.card import CARD_LIMITS, SEGMENTER, TrainedOn, WeightsCard, kind_of_card

# A damaged card shall not ask for all of a machine's memory.
_LARGEST_FRAME = 4_096
_FRAMES = "The form of the frames"


@dataclass(frozen=True, kw_only=True)
class SegmenterInput:
    """How frames are shown to a segmenter; it belongs to the weights and travels with them.

    Attributes:
        frame_size: height and width in pixels.
        mean: per colour, as a fraction of full scale; one of a network that sees grey, three of one that was made for
            red, green and blue and is shown the grey frame three times over.
        std: per colour, as a fraction of full scale.
    """

    frame_size: int = 112
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        refuse(_FRAMES, faults_of_types(self))
        faults = []
        if not 1 <= self.frame_size <= _LARGEST_FRAME:
            faults.append(f"frame_size is {self.frame_size}, expected 1 to {_LARGEST_FRAME:,} pixels")
        if min(self.std, default=1.0) <= 0:
            faults.append(f"std is {self.std}, expected more than 0")
        if len(self.mean) != len(self.std) or len(self.mean) not in (1, 3):
            faults.append(
                f"mean is {self.mean} and std is {self.std}, expected one value (grey) or three (red, green and blue) "
                "each"
            )
        refuse(_FRAMES, faults)


@dataclass(frozen=True, kw_only=True)
class SegmenterCard:
    """What a file of weights says about itself.

    Attributes:
        kind: always `segmenter`.
        network: one of `coreecho.models.SEGMENTERS`, or an import path.
        network_settings: with which `build_segmentation_network` makes it again.
        outlines: what each channel of its map is; `cavity` is among them.
        model_input: how frames are shown to it.
        source: where the weights come from: a run, or the publication and file that they were imported from.
        licence: under which they may be used.
        num_parameters: trainable numbers in the file.
        trained_on: what it learned from; None where that is not known, as of imported weights.
        source_sha256: of the file that was imported; None for weights trained here.
        coreecho_version: that wrote the file.
    """

    kind: Literal["segmenter"] = "segmenter"
    network: str
    network_settings: dict[str, Any] = field(default_factory=dict)
    outlines: tuple[str, ...]
    model_input: SegmenterInput
    source: str
    licence: str
    num_parameters: Annotated[int, Within(0)]
    trained_on: TrainedOn | None
    coreecho_version: str
    source_sha256: str | None = field(default=None, metadata=MAY_BE_ABSENT)

    @property
    def looks_at_clips(self) -> bool:
        """Whether the network sees a clip at once, and not frame by frame."""
        return False

    @property
    def facts(self) -> dict[str, str]:
        """What a reader should know of it first: what it reads, the network, what that sees."""
        size = self.model_input.frame_size
        return {
            "Reads": "the outline of the left ventricle",
            "Network": self.network,
            "Sees": f"frames of {size} x {size} pixels, grey",
        }

    def to_json(self) -> str:
        """Write the card as a JSON object; equal cards give equal texts."""
        return document_text(self)

    @classmethod
    def from_json(cls, text: str) -> "SegmenterCard":
        """Read a card.

        Raises:
            CheckpointError: not JSON, or other entries than a card has.
        """
        return parse_document(text, cls, kind="card of a segmenter", error=CheckpointError, limits=CARD_LIMITS)


def card_from_json(text: str) -> WeightsCard | SegmenterCard:
    """Read the card of weights of any kind. Raises CheckpointError: it is none."""
    return SegmenterCard.from_json(text) if kind_of_card(text) == SEGMENTER else WeightsCard.from_json(text)

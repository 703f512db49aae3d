"""Where others have published the weights of a network, and what lies where in their files."""

from dataclasses import dataclass

from coreecho.models.model_input import ModelInput
from coreecho.models.segmenter_card import SegmenterInput


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One layout of a published checkpoint.

    Attributes:
        source: authors and year, for the card.
        licence: of the publication's repository.
        encoder_at: entry of the file that holds the encoder's state dict; empty where the file is that state dict.
        head_at: entry that holds the state dict of CoReEcho's MLP head; empty where there is none.
        head: name of a head without weights that reads the embedding; empty where there is none.
        num_classes: outputs of the classifier that marks this publication; None where any will do.
        clips: what the encoder sees, where one output of its classifier, or the head, is an EF in percent; None where
            nothing in the file is. The file's own `frames` and `period` come first.
    """

    source: str
    licence: str
    encoder_at: str = ""
    head_at: str = ""
    head: str = ""
    num_classes: int | None = None
    clips: ModelInput | None = None


@dataclass(frozen=True, kw_only=True)
class SegmenterPublication:
    """One published network that outlines the left ventricle.

    Attributes:
        source: authors and year, for the card.
        licence: of the publication's repository.
        model_input: how frames are shown to it.
        mark: part of names that no other kind of network has.
    """

    mark: str
    source: str
    licence: str
    model_input: SegmenterInput

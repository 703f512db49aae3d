"""Encoders by name."""

from dataclasses import replace

from coreecho.errors import RecipeError
from coreecho.models.uniformer import SIZES, UniFormer
from coreecho.models.video_resnet import RESNETS, VideoResNet

Encoder = UniFormer | VideoResNet
UNIFORMERS: tuple[str, ...] = tuple(f"uniformer_{size}" for size in SIZES)
# UniFormer in its sizes, `uniformer_small` being the paper's; and the video ResNets that it is compared with.
ENCODERS: tuple[str, ...] = (*UNIFORMERS, *RESNETS)


def build_encoder(name: str, *, dropout: float | None = None) -> Encoder:
    """Make an untrained encoder.

    Args:
        name: one of `ENCODERS`.
        dropout: of a UniFormer, instead of its own; the ResNets have none.

    Raises:
        RecipeError: the name is unknown.
    """
    if name not in ENCODERS:
        raise RecipeError(f"There is no encoder {name!r}; the encoders are {', '.join(ENCODERS)}.")
    if name in RESNETS:
        return VideoResNet(RESNETS[name])
    settings = SIZES[name.removeprefix("uniformer_")]
    return UniFormer(settings if dropout is None else replace(settings, dropout=dropout))


def name_of(encoder: Encoder) -> str:
    """Name the encoder that was built; dropout may differ.

    Raises:
        RecipeError: it is none of the named ones.
    """
    if isinstance(encoder, VideoResNet):
        return encoder.name
    for size, settings in SIZES.items():
        if replace(encoder.settings, dropout=settings.dropout) == settings:
            return f"uniformer_{size}"
    raise RecipeError(f"The encoder {encoder.settings} is none of {', '.join(ENCODERS)}.")

"""Models by name."""

from dataclasses import replace

from coreecho.errors import RecipeError
from coreecho.models.ef_model import EFModel, ModelInput
from coreecho.models.head import RegressionHead
from coreecho.models.uniformer import SIZES, UniFormer


def build_encoder(size: str, *, dropout: float | None = None) -> UniFormer:
    """Make an untrained encoder.

    Args:
        size: a key of `SIZES`.
        dropout: instead of the size's own.

    Raises:
        RecipeError: the size is unknown.
    """
    if size not in SIZES:
        raise RecipeError(f"There is no model size {size!r}; the sizes are {', '.join(SIZES)}.")
    settings = SIZES[size]
    return UniFormer(settings if dropout is None else replace(settings, dropout=dropout))


def build_model(
    size: str,
    model_input: ModelInput,
    *,
    last_bias: float,
    dropout: float | None = None,
    head_dropout: float = 0.4,
) -> EFModel:
    """Make an untrained encoder with its head.

    Args:
        size: a key of `SIZES`.
        model_input: how clips are cut and normalised.
        last_bias: where predictions start, in percent: the mean EF of the training set (55.6 for EchoNet-Dynamic).
        dropout: inside the encoder; None takes the size's own.
        head_dropout: inside the head; 0.4 in the authors' code.

    Raises:
        RecipeError: the size is unknown.
    """
    encoder = build_encoder(size, dropout=dropout)
    return EFModel(
        encoder, RegressionHead(encoder.embedding_dim, dropout=head_dropout, last_bias=last_bias), model_input
    )


def size_of(encoder: UniFormer) -> str:
    """Name the size that an encoder was built as; dropout may differ.

    Raises:
        RecipeError: it is none of the named sizes.
    """
    for size, settings in SIZES.items():
        if replace(encoder.settings, dropout=settings.dropout) == settings:
            return size
    raise RecipeError(f"The encoder {encoder.settings} is none of the sizes {', '.join(SIZES)}.")

"""Untrained models: an encoder and a head, put together."""

from collections.abc import Mapping
from typing import Any

from coreecho.models.echo_model import EchoModel
from coreecho.models.model_input import ModelInput
from coreecho.models.parts import USUAL_HEAD
from coreecho.models.registry import build_encoder, build_head
from coreecho.tasks import Task


def build_model(
    encoder: str,
    model_input: ModelInput,
    *,
    last_bias: float,
    dropout: float | None = None,
    head: str = USUAL_HEAD,
    head_dropout: float = 0.4,
    task: Task | None = None,
    encoder_settings: Mapping[str, Any] | None = None,
) -> EchoModel:
    """Make an untrained encoder with its head.

    Args:
        encoder: one of `ENCODERS`, or the import path of a class or a function that makes one.
        model_input: how clips are cut and normalised.
        last_bias: where predictions start: of EF in percent, the training set's mean (55.6 for EchoNet-Dynamic).
        dropout: inside the encoder; None takes the encoder's own.
        head: one of `HEADS`, such as `mlp` (CoReEcho) or `linear` (EchoCoTr, EchoNet-Dynamic), or an import path.
        head_dropout: inside the MLP head; 0.4 in the authors' code.
        task: what the head reads; EF when not given.
        encoder_settings: what the encoder is told besides.

    Raises:
        RecipeError: the encoder or the head is unknown, or the encoder does not take such clips.
    """
    built = build_encoder(encoder, **({"dropout": dropout} | dict(encoder_settings or {})))
    built.check_input(model_input)
    return EchoModel(
        built,
        build_head(head, built.embedding_dim, dropout=head_dropout, last_bias=last_bias),
        model_input,
        task=task,
    )

"""Lessons of a number that is read from a clip by an encoder with a head."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

import coreecho
from coreecho.datasets import Recording
from coreecho.models.building import build_model
from coreecho.models.card import TrainedOn, WeightsCard
from coreecho.models.echo_model import EchoModel
from coreecho.models.registry import encoder_class, fault_of_head
from coreecho.models.weights import initialise_encoder
from coreecho.training.data_folder import DataFolder
from coreecho.training.labels import check_labels, known_labels
from coreecho.training.lesson import LICENCE, Lesson


class NumberLesson(Lesson):
    """A lesson whose network is an `EchoModel`, and whose recordings have the label of the recipe's task."""

    def faults(self) -> list[str]:
        """Clips that the encoder declares not to take, a head that is not for it, or that starts where no label is."""
        recipe = self.recipe
        found = [
            encoder_class(recipe.encoder).fault_of_input(recipe.input, recipe.encoder),
            fault_of_head(recipe.head, recipe.encoder, must_learn=recipe.stage2 or recipe.is_of_head_alone),
            None if recipe.head_bias is None else recipe.task.fault_of_bias(recipe.head_bias),
        ]
        return [fault for fault in found if fault is not None]

    def build_network(self, recordings: Sequence[Recording]) -> EchoModel:
        """The encoder with its head, which begins at the mean of the training labels."""
        recipe = self.recipe
        bias = recipe.head_bias
        if bias is None:
            bias = recipe.task.bias_of(known_labels(recordings, recipe.task))
        return build_model(
            recipe.encoder,
            recipe.input,
            last_bias=bias,
            dropout=recipe.dropout,
            head=recipe.head,
            head_dropout=recipe.head_dropout,
            task=recipe.task,
        )

    def blank(self) -> tuple[EchoModel, Tensor]:
        """The encoder with its head, and a clip."""
        recipe, size = self.recipe, self.recipe.input.frame_size
        model = build_model(recipe.encoder, recipe.input, last_bias=0.0)
        return model, torch.zeros(1, recipe.input.num_frames, size, size, dtype=torch.uint8)

    def initialise(self, network: EchoModel, path: Path) -> str:
        """Start the encoder; the head stays untrained."""
        return initialise_encoder(network, path)

    def card(self, network: EchoModel, trained_on: TrainedOn) -> WeightsCard:
        """Encoder, head, and what they read."""
        recipe = self.recipe
        return WeightsCard(
            kind="model",
            reads=recipe.task.to_mapping(),
            encoder=network.encoder.name,
            encoder_settings=network.encoder.settings,
            head=recipe.head,
            source=self.source,
            licence=LICENCE,
            num_parameters=sum(parameter.numel() for parameter in network.parameters()),
            source_sha256=None,
            model_input=recipe.input,
            trained_on=trained_on,
            coreecho_version=coreecho.__version__,
        )

    def check_targets(self, recordings: Sequence[Recording], data: DataFolder) -> None:
        """See that each has a label, and that these can be of the task."""
        recipe = self.recipe
        splits = f"TRAIN and {recipe.select_on.upper()}"
        check_labels(recordings, data, recipe.task, recipe=recipe.name, splits=splits)

    def target_of(self, recording: Recording, data: DataFolder) -> str:
        """Its label."""
        return str(self.recipe.task.label_of(recording))

    def label_range(self, recordings: Sequence[Recording]) -> tuple[float, float] | None:
        """Of the labels that are known."""
        labels = known_labels(recordings, self.recipe.task)
        return (min(labels), max(labels)) if labels else None

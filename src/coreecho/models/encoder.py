"""What an encoder must say of itself, so that it can be trained, stored, built again and explained.

An encoder of one's own is a class that derives from `Encoder` and has `embedding_dim` and `forward`; with `levels` it
is explained by Grad-CAM, too. It is used by its import path, `--encoder my_package.networks:Mine`, or by a name that
its package declares as an entry point of the group `coreecho.encoders`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from coreecho.errors import RecipeError
from coreecho.models.evaluation_mode import evaluation_mode
from coreecho.models.model_input import ModelInput
from coreecho.models.publication import Publication


class Encoder(nn.Module, ABC):
    """The encoder F_E: normalised clips (B, 3, T, H, W) to embeddings (B, D), neither projected nor of unit length.

    Attributes:
        publications: layouts in which others have published its weights.
        reduction: how many times it shrinks frames, where that alone bounds what it takes; any number of them will do.
        own_head: name of the head that takes out the number that it reads itself; None where it reads none.
        gives_phases: whether `outputs` gives a signal of the heart's phase, one number a frame.
        classifier: what the names of the entries begin with that publications have and an encoder has not.
    """

    publications: ClassVar[Sequence[Publication]] = ()
    reduction: ClassVar[int | None] = None
    own_head: ClassVar[str | None] = None
    gives_phases: bool = False
    classifier: tuple[str, ...] = ("head.", "fc.", "classifier.")

    # Set by `build_encoder`: name and settings.
    built_from: tuple[str, dict[str, Any]] | None = None

    @property
    @abstractmethod
    def embedding_dim(self) -> int:
        """Dimension D of an embedding."""

    @property
    def levels(self) -> Mapping[str, nn.Module]:
        """The modules whose outputs (B, C, T', H', W') show where things are, from the finest grid to the coarsest.

        Their names are `level1` and so on in the encoders of this package.
        """
        return {}

    @property
    def name(self) -> str:
        """Of the registry, or the import path, by which `build_encoder` makes it; else the name of its class."""
        return type(self).__name__ if self.built_from is None else self.built_from[0]

    @property
    def settings(self) -> dict[str, Any]:
        """With `name` they make it again by `build_encoder`; plain values, as JSON holds them.

        Raises:
            RecipeError: it was made by hand, so that nobody else could make it again.
        """
        if self.built_from is None:
            raise RecipeError(
                f"This {type(self).__name__} was not made by build_encoder, so its weights could not be read back. "
                "Write a function that makes it, and build it by the import path of that function: "
                "build_encoder('my_package:make')."
            )
        return dict(self.built_from[1])

    @classmethod
    def fault_of_input(cls, model_input: ModelInput, name: str) -> str | None:
        """Say why clips of this kind cannot be embedded, as far as the class declares it; None where nothing is known.

        Args:
            model_input: how clips are cut.
            name: of the encoder, for the message.
        """
        if cls.reduction is None or model_input.frame_size >= cls.reduction:
            return None
        return (
            f"frame_size is {model_input.frame_size}, expected at least {cls.reduction} pixels: {name} shrinks frames "
            f"{cls.reduction} times"
        )

    def check_input(self, model_input: ModelInput) -> None:
        """See that clips of this kind can be embedded: by what it declares, or a dry run without computing anything.

        Raises:
            RecipeError: they cannot.
        """
        if fault := self.fault_of_input(model_input, self.name):
            raise RecipeError(f"{fault}.")
        if self.reduction is not None:
            return
        size = (model_input.num_frames, model_input.frame_size, model_input.frame_size)
        try:
            embeddings = dry_run(self, torch.empty(1, 3, *size, device="meta"))
        # Whatever a network from outside raises at clips that it does not take.
        except Exception as error:
            raise RecipeError(
                f"The encoder {self.name} does not take clips of {size[0]} frames of {size[1]} x {size[2]} pixels: "
                f"{error}"
            ) from error
        if tuple(embeddings.shape) != (1, self.embedding_dim):
            raise RecipeError(
                f"The encoder {self.name} gives {tuple(embeddings.shape)} for one clip, "
                f"expected its embedding (1, {self.embedding_dim})."
            )

    def from_published(self, state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Part a published state dict into the entries of this encoder, under its names, and those of a classifier.

        Here the names are the published ones.
        """
        classifier = {name: value for name, value in state.items() if name.startswith(self.classifier)}
        return {name: value for name, value in state.items() if name not in classifier}, classifier


def dry_run(network: nn.Module, clips: Tensor) -> Tensor:
    """What a network gives for clips, as far as shapes go; computed on no device where the network allows that.

    Args:
        network: is left as it was.
        clips: on the device `meta`.
    """
    with evaluation_mode(network), torch.no_grad():
        state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        try:
            without_values = {name: value.to("meta") for name, value in state.items()}
            output: Tensor = functional_call(network, without_values, (clips,))
        # Some networks look at values: with one more clip, of zeros, they may.
        except (NotImplementedError, RuntimeError):
            device = next(iter(state.values())).device if state else torch.device("cpu")
            output = network(torch.zeros(clips.shape, device=device))
        return output

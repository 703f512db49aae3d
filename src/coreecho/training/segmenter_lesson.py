"""Lessons of networks that outline the left ventricle in frames."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import torch
from torch import Tensor

import coreecho
from coreecho.datasets import LAYOUTS, Recording
from coreecho.datasets.outlines import KnownOutlines
from coreecho.errors import RecipeError
from coreecho.models.card import TrainedOn
from coreecho.models.parts import SEGMENTERS
from coreecho.models.published_segmenters import initialise_segmenter
from coreecho.models.registry import build_segmentation_network
from coreecho.models.segmentation_network import SegmentationNetwork
from coreecho.models.segmenter import Segmenter
from coreecho.models.segmenter_card import SegmenterCard, SegmenterInput
from coreecho.models.undrawn import without_memory
from coreecho.registry import Registry
from coreecho.shipped import ShippedKind
from coreecho.training.data_folder import DataFolder
from coreecho.training.labels import check_own_frames
from coreecho.training.lesson import LICENCE, Lesson

if TYPE_CHECKING:
    from coreecho.training.recipe import Recipe


class SegmenterLesson(Lesson):
    """A lesson of outlines. The best epoch is the one with the smallest validation loss.

    Args:
        recipe: of the run.
    """

    needs = "frames whose outline is known"
    measured_by = "coreecho segment --model {run} --dataset {dataset} --data {data}"
    reads_number = False
    networks: ClassVar[Registry[Any]] = SEGMENTERS
    # Whether it learns from the frames that readers traced alone, where more are known.
    takes_traced_alone: ClassVar[bool] = False
    learns_head = True
    shipped: ClassVar[ShippedKind] = "lv"

    def __init__(self, recipe: "Recipe") -> None:
        super().__init__(recipe)
        self._known: dict[tuple[str, Path], KnownOutlines] = {}

    @classmethod
    def check_network(cls, name: str) -> None:
        """See that it outlines something."""
        with without_memory():
            build_segmentation_network(name)

    def faults(self) -> list[str]:
        """A second stage, which refines a head that is not there; whole beats, whose frames are no frames; and frames
        that are too small for the network.
        """
        recipe, faults = self.recipe, []
        if recipe.stage2:
            faults.append(f"objective is {recipe.objective} and stage2 is true, expected false: there is no head")
        if recipe.input.is_whole_beat:
            faults.append(
                f"objective is {recipe.objective} and time is {recipe.input.time}, expected stride: outlines are "
                "learned of the data's own frames"
            )
        with without_memory():
            least = build_segmentation_network(recipe.encoder).least_size
        if recipe.input.frame_size < least:
            faults.append(
                f"frame_size is {recipe.input.frame_size}, expected at least {least} pixels: {recipe.encoder} takes no "
                "smaller frames"
            )
        return faults

    def build_network(self, recordings: Sequence[Recording]) -> SegmentationNetwork:
        """The network that the recipe names."""
        network = build_segmentation_network(self.recipe.encoder)
        # A third faster on processors; the numbers are the same to rounding.
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def blank(self) -> tuple[SegmentationNetwork, Tensor]:
        """The network, and frames with those that it sees beside them."""
        network, size = build_segmentation_network(self.recipe.encoder), self.recipe.input.frame_size
        channels = network.num_colours * len(network.frame_offsets)
        return network, torch.zeros(self.recipe.frames_per_video, channels, size, size)

    def initialise(self, network: SegmentationNetwork, path: Path) -> str:
        """Start from all weights of a segmenter of the same network."""
        return initialise_segmenter(network, path)

    def card(self, network: SegmentationNetwork, trained_on: TrainedOn) -> SegmenterCard:
        """The network, and how frames are shown to it."""
        if network.built_from is None:
            raise RecipeError("A network to be kept is made by build_segmentation_network, which notes its settings.")
        name, settings = network.built_from
        return SegmenterCard(
            network=name,
            network_settings=settings,
            outlines=tuple(network.outlines),
            model_input=self._input(network),
            source=self.source,
            licence=LICENCE,
            num_parameters=sum(parameter.numel() for parameter in network.parameters()),
            trained_on=trained_on,
            coreecho_version=coreecho.__version__,
        )

    # The data.

    def usable(self, recordings: Sequence[Recording], data: DataFolder) -> list[Recording]:
        """Those whose outlines are known."""
        traces = self._outlines(data)
        return [recording for recording in recordings if traces.knows(recording)]

    def check_targets(self, recordings: Sequence[Recording], data: DataFolder) -> None:
        """See that the frames are those that the outlines are of."""
        check_own_frames(recordings, data)

    def target_of(self, recording: Recording, data: DataFolder) -> str:
        """A checksum of its outlines."""
        return self._outlines(data).digest(recording)

    @property
    def selection(self) -> str:
        """The loss, as EchoNet-Dynamic's best epoch is chosen."""
        return "val_loss"

    def figures(self, table: pd.DataFrame) -> dict[str, float]:
        """The mean loss of the recordings, and Dice of the cavity, pooled over all pixels."""
        both = float(table["found"].sum() + table["expected"].sum())
        dice = 2 * float(table["common"].sum()) / both if both else float("nan")
        return {"val_loss": float(table["loss"].mean()), "val_dice": dice}

    def shown(self, network: SegmentationNetwork, frames: Tensor) -> Tensor:
        """Frames (N, n, S, S), 0 to 255, as the network sees them."""
        return Segmenter(network, self._input(network)).normalised(frames)

    def _outlines(self, data: DataFolder) -> KnownOutlines:
        place = data.dataset, data.root
        if place not in self._known:
            self._known[place] = LAYOUTS.get(data.dataset).outlines(data.root, traced_alone=self.takes_traced_alone)
        return self._known[place]

    def _blank(self) -> SegmentationNetwork:
        """The network without its weights, to be asked what it sees and says."""
        with without_memory():
            return build_segmentation_network(self.recipe.encoder)

    def _input(self, network: SegmentationNetwork) -> SegmenterInput:
        """How frames are shown: by the recipe's means, or their mean where the network sees grey."""
        shown = self.recipe.input
        if network.num_colours == len(shown.mean):
            return SegmenterInput(frame_size=shown.frame_size, mean=shown.mean, std=shown.std)
        mean, std = (sum(values) / len(values) for values in (shown.mean, shown.std))
        return SegmenterInput(frame_size=shown.frame_size, mean=(mean,), std=(std,))

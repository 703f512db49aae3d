"""Outlines of the left ventricle: lessons of networks that tell for each pixel whether it is the ventricle's."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader

import coreecho
from coreecho.datasets import LAYOUTS, Recording
from coreecho.datasets.outline_clips import OutlineBatch, TrainingOutlines, ValidationOutlines, join
from coreecho.datasets.outlines import CAVITY, OutlineSource
from coreecho.errors import DatasetError, RecipeError
from coreecho.losses.segmentation import overlap_loss, traced_frames_loss
from coreecho.models.card import TrainedOn
from coreecho.models.evaluation_mode import evaluation_mode
from coreecho.models.published_segmenters import initialise_segmenter
from coreecho.models.registry import SEGMENTERS, build_segmentation_network
from coreecho.models.segmentation_network import SegmentationNetwork
from coreecho.models.segmenter import Segmenter
from coreecho.models.segmenter_card import SegmenterCard, SegmenterInput
from coreecho.registry import Registry
from coreecho.training.data_source import DataSource
from coreecho.training.distributed import gather_rows
from coreecho.training.lesson import LICENCE, Examples, Lesson

if TYPE_CHECKING:
    from coreecho.training.recipe import Recipe


class OutlineLesson(Lesson):
    """A lesson of outlines. The best epoch is the one with the smallest validation loss; Dice is told beside it.

    Args:
        recipe: of the run.
    """

    networks: ClassVar[Registry[Any]] = SEGMENTERS
    # Whether it learns from the frames that readers traced alone, where more are known.
    takes_traced_alone: ClassVar[bool] = False
    learns_head = True

    def __init__(self, recipe: "Recipe") -> None:
        super().__init__(recipe)
        self._source: OutlineSource | None = None

    @classmethod
    def check_network(cls, name: str) -> None:
        """See that it outlines something."""
        with torch.device("meta"):
            build_segmentation_network(name)

    def faults(self) -> list[str]:
        """A second stage, which refines a head that is not there; and whole beats, whose frames are no frames."""
        recipe, faults = self.recipe, []
        if recipe.stage2:
            faults.append(f"objective is {recipe.objective} and stage2 is true, expected false: there is no head")
        if recipe.input.is_whole_beat:
            faults.append(
                f"objective is {recipe.objective} and time is {recipe.input.time}, expected stride: outlines are "
                "learned of the data's own frames"
            )
        return faults

    def loss_of(self, logits: Tensor, masks: Tensor, is_known: Tensor) -> dict[str, Tensor]:
        """Terms of the loss.

        Args:
            logits: (N, K, H, W).
            masks: (N, K, H, W), 0 and 1.
            is_known: (N, K).
        """
        raise NotImplementedError

    # The network.

    def build_network(self, recordings: Sequence[Recording]) -> SegmentationNetwork:
        """The network that the recipe names."""
        network = build_segmentation_network(self.recipe.encoder)
        # A third faster on processors; the numbers are the same to rounding.
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

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

    def usable(self, recordings: Sequence[Recording], data: DataSource) -> list[Recording]:
        """Those whose outlines are known."""
        source = self._outlines(data)
        return [recording for recording in recordings if source.knows(recording)]

    def check_targets(self, recordings: Sequence[Recording], data: DataSource) -> None:
        """See that the frames are those that the outlines are of."""
        if any(recording.target_fps is not None for recording in recordings):
            raise DatasetError(
                f"{data.root}: its recordings were brought to another frame rate (the option fps), and outlines are "
                "known of the frames of the files. Train without that option."
            )

    def target_of(self, recording: Recording, data: DataSource) -> str:
        """A checksum of its outlines."""
        return self._outlines(data).digest(recording)

    def training_examples(self, examples: Examples) -> TrainingOutlines:
        """Random frames of each recording."""
        network = self._blank()
        return TrainingOutlines(
            examples.recordings,
            examples.store,
            self._outlines(examples.data),
            outlines=network.outlines,
            frame_offsets=network.frame_offsets,
            num_frames=self.recipe.frames_per_video,
            changes=examples.changes,
            seed=examples.seed,
            stage=examples.stage,
        )

    def validation_examples(self, examples: Examples) -> ValidationOutlines:
        """Evenly placed frames of each recording."""
        network = self._blank()
        return ValidationOutlines(
            examples.recordings,
            examples.store,
            self._outlines(examples.data),
            outlines=network.outlines,
            frame_offsets=network.frame_offsets,
            num_frames=self.recipe.validation_clips,
        )

    @property
    def collate(self) -> Callable[[list[Any]], Any]:
        """Frames of all recordings one after another: of some fewer are known."""
        return join

    # Learning.

    def inputs(self, batch: OutlineBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Frames (N, n, S, S), masks (N, K, S, S), and which are known (N, K)."""
        return batch.frames, batch.masks, batch.is_known

    def terms(self, model: SegmentationNetwork, frames: Tensor, masks: Tensor, is_known: Tensor) -> dict[str, Tensor]:
        """The loss of the outlines that are known."""
        return self.loss_of(self._logits(model, frames), masks, is_known)

    # Validation.

    @property
    def selection(self) -> str:
        """The loss, as EchoNet-Dynamic's best epoch is chosen."""
        return "val_loss"

    @torch.no_grad()
    def validate(self, network: SegmentationNetwork, loader: DataLoader[OutlineBatch]) -> pd.DataFrame:
        """One row a recording: `loss`, the mean of its frames; and pixels of the cavity, found, expected and common."""
        device = next(network.parameters()).device
        cavity = network.outlines.index(CAVITY)
        rows: list[Tensor] = [torch.empty(0, 5, dtype=torch.float64)]
        with evaluation_mode(network):
            for batch in loader:
                frames, masks, is_known = (each.to(device) for each in self.inputs(batch))
                logits = self._logits(network, frames)
                found, expected = logits[:, cavity] > 0, masks[:, cavity]
                for position in batch.recording.unique():
                    of = (batch.recording == position).to(device)
                    loss = torch.stack(list(self.loss_of(logits[of], masks[of], is_known[of]).values())).sum()
                    counts = (found[of].sum(), expected[of].sum(), (found[of] & expected[of]).sum())
                    values = [float(position), float(loss) / self._size_of(int(of.sum()))]
                    rows.append(torch.tensor([[*values, *map(float, counts)]], dtype=torch.float64))
        columns = ["recording", "loss", "found", "expected", "common"]
        table = pd.DataFrame(gather_rows(torch.cat(rows)).numpy(), columns=columns)
        return table.astype({"recording": int}).sort_values("recording", ignore_index=True)

    def figures(self, table: pd.DataFrame) -> dict[str, float]:
        """The mean loss of the recordings, and Dice of the cavity, pooled over all pixels."""
        both = float(table["found"].sum() + table["expected"].sum())
        dice = 2 * float(table["common"].sum()) / both if both else float("nan")
        return {"val_loss": float(table["loss"].mean()), "val_dice": dice}

    def _size_of(self, num_frames: int) -> float:
        """What the loss of so many frames is divided by, to be comparable; 1 where it is a mean already."""
        return 1.0

    def _outlines(self, data: DataSource) -> OutlineSource:
        if self._source is None:
            self._source = LAYOUTS.get(data.dataset).outlines(data.root, traced_alone=self.takes_traced_alone)
        return self._source

    def _blank(self) -> SegmentationNetwork:
        """The network without its weights, to be asked what it sees and says."""
        with torch.device("meta"):
            return build_segmentation_network(self.recipe.encoder)

    def _input(self, network: SegmentationNetwork) -> SegmenterInput:
        """How frames are shown: by the recipe's means, or their mean where the network sees grey."""
        shown = self.recipe.input
        if network.num_colours == len(shown.mean):
            return SegmenterInput(frame_size=shown.frame_size, mean=shown.mean, std=shown.std)
        mean, std = (sum(values) / len(values) for values in (shown.mean, shown.std))
        return SegmenterInput(frame_size=shown.frame_size, mean=(mean,), std=(std,))

    def _logits(self, network: SegmentationNetwork, frames: Tensor) -> Tensor:
        logits: Tensor = network(Segmenter(network, self._input(network)).normalised(frames))
        return logits.float()


class LVOutline(OutlineLesson):
    """Cavity and myocardium, by cross-entropy and overlap: what `default-lv` learns."""

    def loss_of(self, logits: Tensor, masks: Tensor, is_known: Tensor) -> dict[str, Tensor]:
        """The overlap loss of the outlines that are known; each counts alike."""
        # As frames of one channel each: which outline it is does not matter to the loss.
        return {"overlap": overlap_loss(logits[is_known][:, None], masks[is_known][:, None])}


class TracedFrames(OutlineLesson):
    """EchoNet-Dynamic's: cross-entropy of the cavity, summed over the pixels of the traced frames, and halved."""

    takes_traced_alone = True

    def loss_of(self, logits: Tensor, masks: Tensor, is_known: Tensor) -> dict[str, Tensor]:
        """(sum over ED + sum over ES) / 2 of the cross-entropy: the same whichever of two frames is which."""
        cavity, traced = logits[:, 0], masks[:, 0]
        return {"bce": traced_frames_loss(cavity, cavity[:0], traced, traced[:0])}

    def _size_of(self, num_frames: int) -> float:
        """Of a frame and its pixels, so that recordings with more traced frames do not count more."""
        return num_frames * self.recipe.input.frame_size**2 / 2

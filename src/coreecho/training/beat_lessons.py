"""UVT's and EchoGraphs' lessons: EF together with the phases or the outlines of the frames that readers traced."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from coreecho.datasets import LAYOUTS, Recording
from coreecho.datasets.beat_clips import (
    POINTS_STRIDE,
    PhaseBatch,
    PhaseClips,
    PointsBatch,
    PointsClips,
    TracedRecordings,
)
from coreecho.datasets.outlines import KnownOutlines, Masks
from coreecho.datasets.phase_clips import is_far_enough
from coreecho.losses.outlines import ef_fraction_loss, places_loss, points_loss
from coreecho.losses.phases import phase_class_loss, phase_signal_loss, uvt_loss
from coreecho.models.echo_model import EchoModel
from coreecho.models.echographs_segmenter import fill_points
from coreecho.models.encoder import Encoder
from coreecho.models.evaluation_mode import evaluation_mode
from coreecho.models.reading_encoders import FindingEchoGraphs, ToldEchoGraphs, UVTEncoder
from coreecho.models.registry import encoder_class, encoders_of
from coreecho.training.data_folder import DataFolder
from coreecho.training.distributed import gather_rows
from coreecho.training.labels import check_own_frames
from coreecho.training.lesson import Examples
from coreecho.training.number_lesson import NumberLesson

if TYPE_CHECKING:
    from coreecho.training.recipe import Recipe


class BeatLesson(NumberLesson):
    """A lesson of EF and of what is known of two traced frames. The best epoch has the smallest validation loss.

    Args:
        recipe: of the run.

    Attributes:
        encoder: the class of the encoders that it teaches, which read EF themselves.
        stride: of the clips that it learns from, which whole videos must be shown with, too; None where it has none.
    """

    needs = "two traced frames"
    has_own_clips = True
    stride: ClassVar[int | None] = None
    encoder: ClassVar[type[Encoder]]
    learns_head = True

    def __init__(self, recipe: "Recipe") -> None:
        super().__init__(recipe)
        self._known: dict[tuple[str, Path], KnownOutlines] = {}

    def faults(self) -> list[str]:
        """Another network, or another head than the network's own."""
        recipe, faults = self.recipe, super().faults()
        if not issubclass(encoder_class(recipe.encoder), self.encoder):
            known = ", ".join(encoders_of(self.encoder))
            faults.append(f"objective is {recipe.objective} and encoder is {recipe.encoder}, expected one of {known}")
        if recipe.head != (own := self.encoder.own_head):
            faults.append(f"objective is {recipe.objective} and head is {recipe.head}, expected {own}: its own")
        if recipe.stage2:
            faults.append(f"objective is {recipe.objective} and stage2 is true, expected false: its head is fixed")
        faults += self.clip_faults()
        if not recipe.task.is_appraised:
            faults.append(f"objective is {recipe.objective} and task is {recipe.task.name}, expected {self.usual_task}")
        return faults

    def clip_faults(self) -> list[str]:
        """Clips that it does not place."""
        recipe = self.recipe
        if recipe.input.is_whole_beat:
            return [f"objective is {recipe.objective} and time is {recipe.input.time}, expected stride"]
        if self.stride is not None and recipe.input.stride != self.stride:
            return [f"objective is {recipe.objective} and stride is {recipe.input.stride}, expected {self.stride}"]
        return []

    def usable(self, recordings: Sequence[Recording], data: DataFolder) -> list[Recording]:
        """Those that have what it needs."""
        traces = self._outlines(data)
        return [recording for recording in recordings if self.takes(recording, traces)]

    def takes(self, recording: Recording, traces: KnownOutlines) -> bool:
        """Whether it can be learned from."""
        return traces.ends(recording) is not None

    def check_targets(self, recordings: Sequence[Recording], data: DataFolder) -> None:
        """See that each has a label, and frames that the tracings are of."""
        super().check_targets(recordings, data)
        check_own_frames(recordings, data)

    def target_of(self, recording: Recording, data: DataFolder) -> str:
        """Its label, and a checksum of its outlines."""
        return f"{super().target_of(recording, data)},{self._outlines(data).digest(recording)}"

    @property
    def selection(self) -> str:
        """The loss; EF's mean absolute error is told beside it."""
        return "val_loss"

    @property
    def told(self) -> str:
        """The task's, which says more of a model that reads EF than the loss does."""
        return self.recipe.task.selection

    @torch.no_grad()
    def validate(self, network: EchoModel, loader: DataLoader[Any]) -> pd.DataFrame:
        """One row a recording: its loss, EF, and the EF that is read of its clip."""
        device, task = next(network.parameters()).device, network.task
        rows: list[Tensor] = [torch.empty(0, 4, dtype=torch.float64)]
        with evaluation_mode(network):
            for batch in loader:
                for place in range(len(batch.label)):
                    one = type(batch)(*(each[place : place + 1] for each in batch))
                    inputs = tuple(each.to(device) for each in self.inputs(one))
                    loss = torch.stack(list(self.terms(network, *inputs).values())).sum()
                    ef_percent = 100 * self.outputs(network, inputs[0]).ef_fraction
                    values = [float(one.recording), float(loss), float(one.label), float(ef_percent)]
                    rows.append(torch.tensor([values], dtype=torch.float64))
        columns = ["recording", "loss", task.true_column, task.output_column]
        table = pd.DataFrame(gather_rows(torch.cat(rows)).numpy(), columns=columns)
        return table.astype({"recording": int}).sort_values("recording", ignore_index=True)

    def figures(self, table: pd.DataFrame) -> dict[str, float]:
        """The mean loss, and the task's quick metrics of EF."""
        task = self.recipe.task
        of_ef = task.validation_metrics(table[task.true_column].to_numpy(), table[task.output_column].to_numpy())
        return {"val_loss": float(table["loss"].mean()), **of_ef}

    def outputs(self, model: EchoModel, clips: Tensor) -> Any:
        """What the network reads of clips (B, T, S, S): EF / 100 as `ef_fraction`, and more."""
        encoder: Any = model.encoder
        return encoder.outputs(model.normalise(clips))

    def _traced(self, examples: Examples) -> TracedRecordings:
        return TracedRecordings(
            recordings=examples.recordings,
            store=examples.store,
            traces=self._outlines(examples.data),
            label_of=self.recipe.task.label_of,
        )

    def _outlines(self, data: DataFolder) -> KnownOutlines:
        place = data.dataset, data.root
        if place not in self._known:
            self._known[place] = LAYOUTS.get(data.dataset).outlines(data.root, traced_alone=True)
        return self._known[place]


class UVTPhases(BeatLesson):
    """UVT (Reynaud et al. 2021): the phase of each frame + 5 x the squared error of EF / 100."""

    needs = "two traced frames that lie more than 10 frames apart"
    stride = 1
    encoder = UVTEncoder

    def takes(self, recording: Recording, traces: KnownOutlines) -> bool:
        """Whether its traced frames are far enough apart."""
        ends = traces.ends(recording)
        return ends is not None and is_far_enough(*ends)

    def training_examples(self, examples: Examples) -> PhaseClips:
        """Random clips by the recipe's rule."""
        return self._clips(examples, seed=examples.seed)

    def validation_examples(self, examples: Examples) -> PhaseClips:
        """The clip of the same rule that begins at the first traced frame."""
        return self._clips(examples, seed=None)

    def inputs(self, batch: PhaseBatch) -> tuple[Tensor, ...]:
        """Clips (B, T, S, S), signal, classes and real frames (B, T) each, labels (B,)."""
        return batch.clips, batch.signal, batch.classes, batch.is_real, batch.label

    def terms(
        self, model: EchoModel, clips: Tensor, signal: Tensor, classes: Tensor, is_real: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """The phases, of real frames alone; and EF."""
        read = self.outputs(model, clips)
        phases = (
            phase_signal_loss(read.phases, signal, is_real)
            if model.encoder.gives_phases
            else phase_class_loss(read.phases, classes, is_real)
        )
        return {"phases": phases, "ef": uvt_loss(phases.new_zeros(()), read.ef_fraction, labels)}

    def _clips(self, examples: Examples, seed: int | None) -> PhaseClips:
        recipe = self.recipe
        return PhaseClips(
            self._traced(examples),
            rule=recipe.phase_clips,
            num_frames=recipe.input.num_frames,
            seed=seed,
            stage=examples.stage,
        )


class _Points(BeatLesson):
    """EchoGraphs of clips: outlines as points, and EF."""

    needs = "two traced frames of 20 chords each"
    outlines_ends = True
    is_told: ClassVar[bool]

    def takes(self, recording: Recording, traces: KnownOutlines) -> bool:
        """Whether both outlines have 40 points."""
        return traces.points(recording) is not None

    def training_examples(self, examples: Examples) -> PointsClips:
        """Random clips; moved and brightened at random where the recipe says to change them at all."""
        return self._clips(examples, seed=examples.seed, is_changed=self.recipe.is_augmented)

    def validation_examples(self, examples: Examples) -> PointsClips:
        """The clip that holds ED and ES."""
        return self._clips(examples, seed=None, is_changed=False)

    def inputs(self, batch: PointsBatch) -> tuple[Tensor, ...]:
        """Clips (B, T, S, S), points (B, 2, 40, 2), places (B, 2), labels (B,)."""
        return batch.clips, batch.points, batch.places, batch.label

    def terms(
        self, model: EchoModel, clips: Tensor, points: Tensor, places: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """Points, EF, and where ED and ES are if the network has to find them."""
        read = self.outputs(model, clips)
        terms = {"points": points_loss(read.points, points), "ef": ef_fraction_loss(read.ef_fraction, labels)}
        return terms if read.places is None else terms | {"places": places_loss(read.places, places)}

    @torch.no_grad()
    def end_masks(self, network: EchoModel, batch: PointsBatch) -> tuple[Masks, Masks]:
        """The insides of the points."""
        device, size = next(network.parameters()).device, batch.clips.shape[-1]
        read = self.outputs(network, batch.clips.to(device)).points.cpu()
        said, known = (
            fill_points(points.flatten(0, 1), size, size).reshape(len(points), 2, size, size).numpy()
            for points in (read, batch.points)
        )
        return said, known

    def _clips(self, examples: Examples, *, seed: int | None, is_changed: bool) -> PointsClips:
        return PointsClips(
            self._traced(examples),
            is_told=self.is_told,
            num_frames=self.recipe.input.num_frames,
            is_changed=is_changed,
            seed=seed,
            stage=examples.stage,
        )


class PointsToldWhere(_Points):
    """EchoGraphs (Thomas et al. 2022) of clips that go from ED to ES."""

    encoder = ToldEchoGraphs
    is_told = True


class PointsFindingWhere(_Points):
    """EchoGraphs of random clips, which also says which of their frames are ED and ES."""

    encoder = FindingEchoGraphs
    is_told = False
    stride = POINTS_STRIDE

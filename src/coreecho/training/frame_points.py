"""EchoGraphs' lesson of single frames: outlines as points."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from coreecho.datasets import Recording
from coreecho.datasets.beat_clips import PointsBatch, PointsFrames, TracedRecordings
from coreecho.losses.outlines import points_loss
from coreecho.models.echographs_segmenter import EchoGraphsSegmenter, fill_points
from coreecho.models.evaluation_mode import evaluation_mode
from coreecho.training.data_folder import DataFolder
from coreecho.training.distributed import gather_rows
from coreecho.training.lesson import Examples
from coreecho.training.segmenter_lesson import SegmenterLesson


class FramePoints(SegmenterLesson):
    """EchoGraphs of single frames (Thomas et al. 2022): the squared error of the 40 points of the outline."""

    needs = "two traced frames of 20 chords each"
    takes_traced_alone = True

    def faults(self) -> list[str]:
        """As of all outlines, and a network that gives no points."""
        recipe, faults = self.recipe, super().faults()
        if not self._blank().gives_points:
            faults.append(
                f"objective is {recipe.objective} and encoder is {recipe.encoder}, expected a network that gives "
                "points, such as echographs_mobilenet2"
            )
        return faults

    def usable(self, recordings: Sequence[Recording], data: DataFolder) -> list[Recording]:
        """Those both of whose outlines have 40 points."""
        traces = self._outlines(data)
        return [recording for recording in recordings if traces.points(recording) is not None]

    def training_examples(self, examples: Examples) -> PointsFrames:
        """ED and ES of each recording; moved and brightened unless the recipe changes nothing."""
        is_changed = self.recipe.is_augmented
        return PointsFrames(self._traced(examples), is_changed=is_changed, seed=examples.seed, stage=examples.stage)

    def validation_examples(self, examples: Examples) -> PointsFrames:
        """ED and ES of each recording, as they are."""
        return PointsFrames(self._traced(examples), is_changed=False, seed=None)

    def inputs(self, batch: PointsBatch) -> tuple[Tensor, Tensor]:
        """Frames (2 B, 1, S, S) and points (2 B, 40, 2), ED and ES of a recording beside each other."""
        return batch.clips.flatten(0, 1)[:, None], batch.points.flatten(0, 1)

    def terms(self, model: EchoGraphsSegmenter, frames: Tensor, points: Tensor) -> dict[str, Tensor]:
        """The squared error of the points."""
        return {"points": points_loss(model.points(self.shown(model, frames)), points)}

    @torch.no_grad()
    def validate(self, network: EchoGraphsSegmenter, loader: DataLoader[Any]) -> pd.DataFrame:
        """One row a recording: `loss`; and pixels of the filled outlines, found, expected and common."""
        device = next(network.parameters()).device
        rows: list[Tensor] = [torch.empty(0, 5, dtype=torch.float64)]
        with evaluation_mode(network):
            for batch in loader:
                frames, expected = (each.to(device) for each in self.inputs(batch))
                found = network.points(self.shown(network, frames))
                size = frames.shape[2:]
                # ED and ES of a recording beside each other.
                masks, truth = (fill_points(points, *size).view(-1, 2, *size) for points in (found, expected))
                losses = (found - expected).square().flatten(1).mean(dim=1).view(-1, 2).mean(dim=1)
                counts = [each.sum(dim=(1, 2, 3)) for each in (masks, truth, masks & truth)]
                columns = [each.cpu().double() for each in (batch.recording, losses, *counts)]
                rows.append(torch.stack(columns, dim=1))
        names = ["recording", "loss", "found", "expected", "common"]
        table = pd.DataFrame(gather_rows(torch.cat(rows)).numpy(), columns=names)
        return table.astype({"recording": int}).sort_values("recording", ignore_index=True)

    def _traced(self, examples: Examples) -> TracedRecordings:
        return TracedRecordings(
            recordings=examples.recordings,
            store=examples.store,
            traces=self._outlines(examples.data),
            label_of=self.recipe.task.label_of,
        )

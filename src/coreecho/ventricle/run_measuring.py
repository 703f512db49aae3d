"""The left ventricles of a data set, measured and written as a folder of files: see `measuring`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from coreecho.datasets import LAYOUTS, Recording, load_recordings, video_files
from coreecho.datasets.layout_names import USUAL_LAYOUT
from coreecho.datasets.recording import Asked, asked_split, words_of
from coreecho.errors import DatasetError, RecipeError
from coreecho.evaluation.intervals import DEFAULT_RESAMPLES, Interval
from coreecho.evaluation.patients import patients_of
from coreecho.files import write_whole, writing_into
from coreecho.inference.opening import open_subject
from coreecho.models.segmenter import Segmenter, open_segmenter
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.shipped import DEFAULT
from coreecho.training.data_folder import DataFolder
from coreecho.training.run_folder import locate_data
from coreecho.ventricle.beats import RangeRule
from coreecho.ventricle.measuring import FIGURES, Keep, compared_outline, counts_of, figures_of, measure_recordings
from coreecho.ventricle.volume import Method
from coreecho.video.store import FrameStore


@dataclass(frozen=True, kw_only=True)
class VentricleProtocol:
    """How ventricles are measured.

    Attributes:
        split: of the data set.
        beats: how end-systole is told.
        method: of the volumes.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """

    split: Asked = "test"
    beats: RangeRule = "product"
    method: Method = "discs"
    resamples: int = DEFAULT_RESAMPLES
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredDataset:
    """What was found of a data set, and where it was written.

    Attributes:
        folder: with lv.csv and lv.json.
        table: one row a recording.
        figures: with intervals, by the names of `FIGURES`.
        counts: of recordings.
        model: what outlined them.
        rule: of beats.
        outline: that Dice is of.
        is_phantom: the hearts are simulated.
        overlap_label: where the model was trained on some of the recordings, or that cannot be said.
    """

    folder: Path
    table: pd.DataFrame
    figures: dict[str, Interval]
    counts: dict[str, int]
    model: str
    rule: RangeRule
    outline: str
    is_phantom: bool
    overlap_label: str | None = None


def measure_dataset(
    model: Path | str,
    data: Path,
    out: Path,
    *,
    dataset: str | None = None,
    store: Path | None = None,
    options: Mapping[str, Any] | None = None,
    protocol: VentricleProtocol | None = None,
    device: str = "auto",
    allow_overlap: bool = False,
    keep: Keep | None = None,
    show_progress: bool = False,
) -> MeasuredDataset:
    """Outline the ventricles of a split of a data set, compare them with its own, and write the folder.

    Args:
        model: weights of a segmenter, or the folder of the run that trained it, whose recordings are then known.
        data: root of the data set.
        out: the folder, made where it is missing.
        dataset: its layout; that of the training, or `echonet`, when not given.
        store: folder for the decoded frames; beside the data when not given.
        options: of the data set's loader, such as `view`; those of the run for data in its layout.
        protocol: how; the TEST split when not given.
        device: where to compute.
        allow_overlap: take recordings that the model was trained on, too; the result then says so.
        keep: see `measure_recordings`.
        show_progress: show bars on stderr.

    Raises:
        DatasetError: the data are not as expected, know no ventricle, have an empty split or one that the model was
            trained on.
        CheckpointError: the model cannot be read.
        RecipeError: the model outlines nothing that the data set knows.
        CoReEchoError: the folder cannot be written.
    """
    protocol = protocol or VentricleProtocol()
    segmenter = open_segmenter(model, device)
    learned_from = None if segmenter.trained_on is None else segmenter.trained_on.dataset
    layout = LAYOUTS.get(dataset or (learned_from if learned_from in LAYOUTS else None) or USUAL_LAYOUT)
    traces = layout.outlines(data)
    outline = compared_outline(segmenter, traces)
    with writing_into(out):
        pass
    found = _found(
        model, segmenter, data, layout.name, store, options or {}, protocol.split, allow_overlap, show_progress
    )
    table = measure_recordings(
        segmenter,
        found.frames,
        found.recordings,
        traces,
        outline=outline,
        beats=protocol.beats,
        method=protocol.method,
        is_phantom=found.data.is_phantom,
        keep=keep,
        show_progress=show_progress,
    )
    patients = patients_of(found.recordings)
    measured = MeasuredDataset(
        folder=out,
        table=table,
        figures=figures_of(table, patients=patients, resamples=protocol.resamples, seed=protocol.seed),
        counts=counts_of(table),
        model=segmenter.name,
        rule=protocol.beats,
        outline=outline,
        is_phantom=found.data.is_phantom,
        overlap_label=found.overlap_label,
    )
    with writing_into(out):
        write_whole(out / "lv.csv", table.to_csv(index=False))
        document = _document(measured, protocol, found.data)
        write_whole(out / "lv.json", json.dumps(document, indent=2, allow_nan=False) + "\n")
    return measured


@dataclass(frozen=True, kw_only=True)
class _Found:
    data: DataFolder
    recordings: Sequence[Recording]
    frames: FrameStore
    overlap_label: str | None


def _found(
    model: Path | str,
    segmenter: Segmenter,
    data: Path,
    layout: str,
    store: Path | None,
    options: Mapping[str, Any],
    split: Asked,
    allow_overlap: bool,
    show_progress: bool,
) -> _Found:
    """The recordings of the split, their frames, and which of them a run was trained on."""
    if Path(model).is_dir() and str(model) != DEFAULT:
        subject = open_subject(model, data=data, dataset=layout, store=store, options=options)
        if subject.model_input.frame_size != segmenter.frame_size:
            raise RecipeError(f"{model}: its recipe and its weights see frames of different sizes.")
        recordings: Sequence[Recording] = subject.some_recordings(split)
        overlap = subject.check_overlap(recordings, split, allow=allow_overlap, show_progress=show_progress)
        return _Found(
            data=subject.data,
            recordings=recordings,
            frames=subject.store(show_progress=show_progress),
            overlap_label=overlap.label,
        )
    place = locate_data(layout, data, segmenter.frame_size, store, options)
    every = load_recordings(layout, data, **options)
    recordings = [recording for recording in every if asked_split(split) in (None, recording.split)]
    if not recordings:
        raise DatasetError(f"{data} has no recording in its {words_of(split)}.")
    frames = FrameStore.build(
        place.store, video_files(layout, every), frame_size=segmenter.frame_size, show_progress=show_progress
    )
    return _Found(data=place, recordings=recordings, frames=frames, overlap_label=None)


def _document(measured: MeasuredDataset, protocol: VentricleProtocol, data: DataFolder) -> dict[str, object]:
    failed = measured.table.loc[measured.table["reason"] != "", ["recording", "reason"]]
    return {
        "result": f"phantom result: {PHANTOM_LABEL}" if measured.is_phantom else "result on real hearts",
        "is_phantom": measured.is_phantom,
        "notice": NOTICE,
        **({} if measured.overlap_label is None else {"overlap": measured.overlap_label}),
        "model": measured.model,
        "figures": {
            name: {"what": words, "unit": unit, **measured.figures[name].to_dict()}
            for name, (words, unit, _) in FIGURES.items()
        },
        **measured.counts,
        "not_segmented": [dict(row) for row in failed.to_dict("records")],
        "definitions": {
            "dice": f"of the {measured.outline}: 2 common pixels / pixels of both masks, pooled over all pixels of all "
            "frames in which the data set knows it",
            "distance": "frames from the readers' frame to the nearest one found, over recordings where one was found",
            "rule_of_beats": measured.rule,
        },
        "protocol": {
            "dataset": data.dataset,
            "options": dict(data.options),
            "split": protocol.split,
            "beats": protocol.beats,
            "method": protocol.method,
            "seed": protocol.seed,
        },
    }

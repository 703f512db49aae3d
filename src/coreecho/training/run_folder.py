"""The folder of a run: all that one needs to use, resume or report on it.

recipe.yaml        the settings
run.json           versions, seed, data set, what lay in each split, hardware, and whether the run is finished
metrics.csv        one row for each epoch, counted from 1 in each stage
validation.csv     the validation split at the epoch whose weights are kept: recording, label, output
best.safetensors   the weights with the best validation of the latest stage, or its last ones, with their card
stage1.safetensors the same of stage 1, from which stage 2 begins
stage1.csv         validation.csv of stage 1
stage1.ckpt        the last state of stage 1, from which it can be made longer
last.ckpt          the state from which `coreecho train --resume` goes on
train.log          what happened
"""

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import torch

import coreecho
from coreecho.datasets import LAYOUTS, Recording, Split, load_recordings, video_files
from coreecho.documents import read_document
from coreecho.errors import CheckpointError, RecipeError
from coreecho.files import LOCK_NAME, alone_in, write_whole
from coreecho.models.weights import hash_weights
from coreecho.names import printable
from coreecho.shipped import meant_default
from coreecho.tasks import Task
from coreecho.training.data_folder import DataFolder
from coreecho.training.hardware import Hardware as Hardware
from coreecho.training.lesson import Lesson
from coreecho.training.objectives import build_objective
from coreecho.training.recipe import Recipe
from coreecho.training.run_record import RECORD_LIMITS, Met, RunRecord
from coreecho.video.store import FrameStore

_RECIPE, _RECORD = "recipe.yaml", "run.json"
# How the names of files begin that were being written when a process was killed.
_BEGUN = (f".{_RECIPE}.", f".{_RECORD}.")


class RunFolder:
    """A run on disk.

    Attributes:
        path: the folder.
        recipe: its settings.
        data: where its data lie.
        left_out: of each recording that was left out, as was asked for, what is wrong with it.
    """

    def __init__(
        self, path: Path, recipe: Recipe, data: DataFolder, info: dict[str, Any], *, draws_splits: bool = True
    ) -> None:
        self.path = path
        self.recipe = recipe
        self.data = data
        self.info = info
        self.left_out: dict[str, tuple[str, ...]] = {}
        self._draws_splits = draws_splits
        self._store: FrameStore | None = None
        self._of_split: dict[Split, list[Recording]] = {}

    @classmethod
    def create(
        cls,
        path: Path,
        recipe: Recipe,
        data: DataFolder,
        hardware: Hardware,
        *,
        left_out: Mapping[str, tuple[str, ...]] | None = None,
    ) -> "RunFolder":
        """Make the folder of a new run.

        Args:
            path: the folder.
            recipe: its settings.
            data: to learn from.
            hardware: to compute on.
            left_out: of each recording that was left out, what is wrong with it.

        Raises:
            RecipeError: a run is there already.
            BusyError: another process begins one there.
            CheckpointError: there are no weights at the recipe's `init`.
        """
        # Brings all of Fabric along, which only a training needs.
        from lightning_fabric.__version__ import version as fabric_version

        check_is_free(path, recipe)
        info = {
            "recipe": recipe.name,
            "seed": recipe.seed,
            "data": {"dataset": data.dataset, "root": str(data.root.resolve()), "store": str(data.store.resolve())}
            | {"options": dict(data.options)},
            "is_phantom": data.is_phantom,
            "hardware": asdict(hardware),
            "versions": {
                "coreecho": coreecho.__version__,
                "python": platform.python_version(),
                "torch": str(torch.__version__),
                "lightning_fabric": fabric_version,
                "numpy": np.__version__,
            },
            # The path of the weights that a run starts from says little once files have moved or changed.
            "init_sha256": None if recipe.is_from_scratch else hash_weights(build_objective(recipe).start),
            "is_finished": False,
        }
        folder = cls(path, recipe, data, info)
        info["data_fingerprint"] = folder.data_fingerprint()
        info["split_ids"] = folder.present_split_ids()
        if not recipe.is_from_scratch and (met := what_was_met(build_objective(recipe).start)):
            info["met_before"] = [asdict(each) for each in met]
        info["left_out"] = {name: list(reasons) for name, reasons in {**folder.left_out, **(left_out or {})}.items()}
        path.mkdir(parents=True, exist_ok=True)
        with alone_in(path, doing="beginning a run"):
            # Another process may have begun one since: what is above reads the data, and takes its time.
            check_is_free(path, recipe)
            folder.write_recipe()
            folder.write_info()
        return folder

    @classmethod
    def open(cls, path: str | Path, *, data: Path | None = None, store: Path | None = None) -> "RunFolder":
        """Open the folder of a run.

        Args:
            path: the folder.
            data: root of the data set where it has moved since; decoded frames that lay below it have moved along.
            store: folder of the decoded frames where it has moved since.

        Raises:
            CheckpointError: not the folder of a run.
            RecipeError: its recipe is damaged.
        """
        path = Path(path)
        try:
            record = read_document(
                path / _RECORD, RunRecord, kind="record of a run", error=CheckpointError, limits=RECORD_LIMITS
            )
        except CheckpointError as error:
            raise CheckpointError(
                f"{path} is not the folder of a run. {error} Give the folder that `coreecho train --out` wrote."
                f"{meant_default(path)}"
            ) from error
        root, stored = Path(record.data.root), Path(record.data.store)
        if data is not None and stored.is_relative_to(root):
            stored = data / stored.relative_to(root)
        found = DataFolder(
            dataset=record.data.dataset,
            root=data or root,
            store=store or stored,
            is_phantom=record.is_phantom,
            options=record.data.options,
        )
        info = asdict(record)
        return cls(path, Recipe.from_yaml(path / _RECIPE), found, info)

    @property
    def task(self) -> Task:
        """What is learned."""
        return self.recipe.task

    @property
    def split_ids(self) -> dict[Split, dict[str, str]]:
        """What lay in each split when the run began: a hash of the frames of each recording, by its id."""
        return {split: dict(self.info["split_ids"][split]) for split in get_args(Split)}

    @property
    def met(self) -> list[Met]:
        """All that its weights were trained on: here, and before, where it started from others."""
        own = Met(dataset=self.data.dataset, train=self.split_ids["train"])
        return [own, *(Met(**each) for each in self.info.get("met_before", ()))]

    @property
    def hardware(self) -> Hardware:
        """What the run was started on."""
        return Hardware(**self.info["hardware"])

    @property
    def hardware_words(self) -> str:
        """On what it was computed, and how, for a person."""
        asked = self.hardware
        known = " and ".join(self.info.get("computed_on", ())) or f"a device that was not recorded ({asked.device})"
        return f"{known}, {'32-bit and 16-bit floats (bf16)' if asked.is_mixed else '32-bit floats (fp32)'}"

    @property
    def best_weights(self) -> Path:
        """Weights of the best epoch."""
        return self.path / "best.safetensors"

    def stage_weights(self, stage: str) -> Path:
        """Weights of the best epoch of a stage that another follows."""
        return self.path / f"{stage}.safetensors"

    def weights_of(self, part: str) -> Path:
        """Weights of the `best` epoch of all, or of that of a stage."""
        return self.path / f"{part}.safetensors"

    def stage_validation(self, stage: str) -> Path:
        """The validation split at the best epoch of a stage that another follows."""
        return self.path / f"{stage}.csv"

    def stage_state(self, stage: str) -> Path:
        """The last state of a stage that another has followed."""
        return self.path / f"{stage}.ckpt"

    @property
    def validation(self) -> Path:
        """The validation split at the epoch whose weights are kept."""
        return self.path / "validation.csv"

    @property
    def metrics_table(self) -> Path:
        """One row for each epoch."""
        return self.path / "metrics.csv"

    @property
    def state(self) -> Path:
        """State from which the run goes on."""
        return self.path / "last.ckpt"

    @property
    def is_finished(self) -> bool:
        """Whether every epoch of every stage is done."""
        return bool(self.info["is_finished"])

    @cached_property
    def all_recordings(self) -> list[Recording]:
        """Recordings of every split, and of none; their labels are multiplied as the recipe says."""
        options = dict(self.data.options)
        if LAYOUTS.get(self.data.dataset).has_option("require_two_traced_frames"):
            options["require_two_traced_frames"] = self.recipe.require_two_traced_frames
        recordings = load_recordings(self.data.dataset, self.data.root, draws_splits=self._draws_splits, **options)
        self.left_out = {**recordings.left_out, **self.left_out}
        if self.recipe.label_scale == 1:
            return recordings
        return [_scaled(recording, self.task.label, self.recipe.label_scale) for recording in recordings]

    @cached_property
    def lesson(self) -> Lesson:
        """What the first stage teaches; it owns the network, the clips and the validation."""
        return build_objective(self.recipe)

    def recordings(self, split: Split) -> list[Recording]:
        """Recordings of a split, in the order in which the clips of a training count them.

        Of what is learned and validated, those that have what the lesson needs.
        """
        if split not in self._of_split:
            found = [recording for recording in self.all_recordings if recording.split == split]
            if self.recipe.uses(split):
                found = self.lesson.usable(found, self.data)
            self._of_split[split] = found
        return list(self._of_split[split])

    def num_left_out(self, split: Split) -> int:
        """Recordings of a split that have not what the lesson needs."""
        return sum(recording.split == split for recording in self.all_recordings) - len(self.recordings(split))

    def store(self, *, show_progress: bool = False) -> FrameStore:
        """Decoded frames of all recordings; what is missing or stale is decoded first."""
        if self._store is None:
            files = video_files(self.data.dataset, self.all_recordings)
            frame_size = self.recipe.input.frame_size
            self._store = FrameStore.build(self.data.store, files, frame_size=frame_size, show_progress=show_progress)
        return self._store

    def metrics(self) -> pd.DataFrame:
        """One row for each epoch: stage, epoch, losses (train_*), val_mae, val_r2, learning_rate, seconds.

        Raises:
            CheckpointError: no epoch is finished yet, or the table is damaged.
        """
        path = self.metrics_table
        if not path.is_file():
            raise CheckpointError(f"{path} is missing: the run has finished no epoch yet.")
        advice = "`coreecho train --resume` writes it anew where the run is not finished; else take it from a copy."
        try:
            metrics = pd.read_csv(path)
        except (OSError, ValueError, OverflowError, MemoryError) as error:
            raise CheckpointError(f"{path} is damaged and cannot be read: {error}. {advice}") from error
        missing = [name for name in ("stage", "epoch", "learning_rate", "seconds") if name not in metrics]
        texts = [str(name) for name in metrics if name != "stage" and not pd.api.types.is_numeric_dtype(metrics[name])]
        if missing or texts or metrics.empty:
            what = (
                f"it lacks {', '.join(missing)}" if missing else f"there are no numbers in {', '.join(texts) or 'it'}"
            )
            raise CheckpointError(f"{path} is damaged: {printable(what)}. {advice}")
        return metrics

    def write_metrics(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Write metrics.csv: one row for each epoch that is done."""
        write_whole(self.metrics_table, pd.DataFrame(history).to_csv(index=False))

    def data_fingerprint(self) -> str:
        """Changes when a recording, its frames, its label or its split does. Decodes what is not in the store."""
        return self._data_fingerprint(self.store().digest)

    def has_the_same_data(self) -> bool:
        """Whether recordings, frames, labels and splits are those that the run began with."""
        began_with = self.info["data_fingerprint"]
        # The second is by what runs of before frames were hashed know their data.
        return began_with in (self.data_fingerprint(), self._data_fingerprint(self.store().checksum))

    def _data_fingerprint(self, name_of: Callable[[str], str]) -> str:
        target_of = partial(self.lesson.target_of, data=self.data)
        lines = [
            f"{recording.id},{target_of(recording)},{recording.split},{name_of(recording.id)}"
            for recording in self.all_recordings
        ]
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def present_split_ids(self) -> dict[Split, dict[str, str]]:
        """What lies in each split now, as `split_ids`."""
        store = self.store()
        return {
            split: {recording.id: store.digest(recording.id) for recording in self.recordings(split)}
            for split in get_args(Split)
        }

    def write_recipe(self) -> None:
        """Write recipe.yaml."""
        write_whole(self.path / _RECIPE, self.recipe.to_yaml())

    def write_info(self) -> None:
        """Write run.json."""
        write_whole(self.path / _RECORD, json.dumps(self.info, indent=2) + "\n")


def _scaled(recording: Recording, label: str, factor: float) -> Recording:
    """The recording with one of its numbers multiplied."""
    number = recording.number(label)
    if number is None:
        return recording
    return recording.with_number(label, number * factor)


def run_of_weights(weights: Path) -> RunFolder | None:
    """The run that weights are of: a folder, or a file that lies in one; None where that is not known."""
    folder = weights if weights.is_dir() else weights.parent
    return RunFolder.open(folder) if (folder / _RECORD).is_file() else None


def what_was_met(weights: Path) -> list[Met]:
    """What weights were trained on; nothing where that is not known. Raises CheckpointError: their run is damaged."""
    run = run_of_weights(weights)
    return [] if run is None else run.met


def check_is_free(path: Path, recipe: Recipe) -> None:
    """See that a new run by `recipe` may be made in `path`.

    A beginning that ended before its record was written is no run: what is left of it, the same recipe, is in nobody's
    way.

    Raises:
        RecipeError: something else is there already.
    """
    if not path.exists():
        return
    if path.is_dir():
        left = {name for entry in path.iterdir() if not (name := entry.name).startswith(_BEGUN)} - {LOCK_NAME}
        kept = path / _RECIPE
        if not left or (left == {_RECIPE} and kept.is_file() and kept.read_bytes() == recipe.to_yaml().encode()):
            return
    if not (path / _RECORD).exists():
        raise RecipeError(f"{path} is there already, and is no run that could go on. Give another `--out`.")
    raise RecipeError(
        f"{path} is there already. Go on with it by `coreecho train --resume {path}`, or give another `--out`."
    )


def find_data(
    dataset: str, root: Path, recipe: Recipe, store: Path | None, options: Mapping[str, Any] | None = None
) -> DataFolder:
    """Say where the data of a run and their decoded frames lie."""
    return locate_data(dataset, root, recipe.input.frame_size, store, options)


def locate_data(
    dataset: str, root: Path, frame_size: int, store: Path | None, options: Mapping[str, Any] | None = None
) -> DataFolder:
    """Say where data and their frames, decoded at a size in pixels, lie."""
    # Of a table, the root may be the file itself.
    beside = root.parent if root.is_file() else root
    folder = store or beside / f".coreecho-store-{frame_size}"
    is_phantom = LAYOUTS.get(dataset).is_phantom(root, **(options or {}))
    return DataFolder(dataset=dataset, root=root, store=folder, is_phantom=is_phantom, options=dict(options or {}))

"""A model that something is asked of, and the recordings that it is asked about.

A run on the data that it learned from, a run on other data, or a file of weights, such as imported published ones, on
any data: commands that evaluate, embed, explain or report are told which, and then see no difference.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from coreecho.datasets import Recording, Split, load_recordings, video_files
from coreecho.datasets.recording import Asked, asked_split, words_of
from coreecho.errors import CheckpointError, DatasetError
from coreecho.inference.engine import Precision
from coreecho.inference.frame_rate import TimedFrames, training_rate
from coreecho.inference.overlap import Overlap, met_in
from coreecho.inference.results import Results
from coreecho.models.card import TrainedOn, WeightsCard
from coreecho.models.device import find_device
from coreecho.models.echo_model import EchoModel
from coreecho.models.model_input import ModelInput
from coreecho.models.weights import describe_weights, hash_weights, load_model
from coreecho.names import counted, readable
from coreecho.tasks import Task
from coreecho.training.data_folder import DataFolder
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import RunFolder, run_of_weights
from coreecho.training.run_record import Met
from coreecho.video.store import FrameStore

log = logging.getLogger(__name__)


class Subject:
    """A model and recordings.

    Args:
        weights: the file of weights.
        data: where the recordings lie.
        folder: where what is found is kept, such as that of the run.
        run: that made the weights; None where that is not known.
        run_on_data: the same run on `data`; None where there is no run.

    Attributes:
        weights: as given.
        data: as given.
        folder: as given.
        run: as given.
    """

    def __init__(
        self, *, weights: Path, data: DataFolder, folder: Path, run: RunFolder | None, run_on_data: RunFolder | None
    ) -> None:
        self.weights = weights
        self.data = data
        self.folder = folder
        self.run = run
        self._run_on_data = run_on_data
        self._store: FrameStore | None = None
        self._models: dict[str, EchoModel] = {}

    @property
    def path(self) -> Path:
        """What a person calls it by: the folder of the run, or the file of weights."""
        return self.weights if self.run is None else self.run.path

    @property
    def name(self) -> str:
        """Of the run, or of the file, without the path to it."""
        return self.path.resolve().stem if self.run is None else self.path.resolve().name

    @property
    def recipe_name(self) -> str:
        """Of the recipe, or where the weights are from."""
        return self.card.source if self.run is None else self.run.recipe.name

    @property
    def is_own_data(self) -> bool:
        """Whether it is asked about the data that it learned from."""
        return self.run is not None and self._run_on_data is self.run

    @property
    def is_phantom(self) -> bool:
        """Whether the hearts are simulated."""
        return self.data.is_phantom

    @property
    def is_finished(self) -> bool:
        """Whether its training is done, as far as is known."""
        return self.run is None or self.run.is_finished

    @property
    def learned_from_phantoms(self) -> bool:
        """Whether it was trained on simulated hearts only."""
        if self.run is not None:
            return self.run.data.is_phantom
        return self.trained_on is not None and self.trained_on.is_phantom

    @cached_property
    def card(self) -> WeightsCard:
        """Of the weights. Raises CheckpointError."""
        return describe_weights(self.weights)

    @property
    def trained_on(self) -> TrainedOn | None:
        """What it learned from; None where the card does not say."""
        return self.card.trained_on

    @cached_property
    def task(self) -> Task:
        """What it reads. Raises CheckpointError: it reads nothing."""
        if self.run is not None and self.run.lesson.reads_number:
            return self.run.recipe.task
        # Of weights that read nothing the card says what they are for.
        if self.card.task is None:
            raise CheckpointError(
                f"{self.weights}: holds an encoder without a head ({self.card.source}), which reads nothing. "
                f"Train one from it by `coreecho train ... --init {self.weights}`."
            )
        return self.card.task

    @property
    def temperature(self) -> float:
        """Of the Rank-N-Contrast loss by which it is measured: that of its training, the recipe's usual one if unknown.

        Without it no two models could be held side by side of which one is a file of weights.
        """
        return Recipe.temperature if self.run is None else self.run.recipe.temperature

    @property
    def model_input(self) -> ModelInput:
        """How clips are cut and normalised for it. Raises CheckpointError."""
        if self.run is not None:
            return self.run.recipe.input
        if self.card.model_input is None:
            raise CheckpointError(f"{self.weights}: its card does not say how clips are cut and normalised for it.")
        return self.card.model_input

    @cached_property
    def weights_sha256(self) -> str:
        """Fingerprint of the weights. Raises CheckpointError."""
        is_lost = self.run is not None and not self.weights.is_file()
        return hash_weights(self.path if is_lost else self.weights)

    def model(self, device: str = "auto") -> EchoModel:
        """The model, in evaluation mode; loaded once a device. Raises CheckpointError and RecipeError."""
        if device not in self._models:
            self._models[device] = load_model(self.weights, device=find_device(device))
        return self._models[device]

    @cached_property
    def all_recordings(self) -> list[Recording]:
        """Recordings of every split, and of none. Raises DatasetError."""
        if self._run_on_data is not None:
            return self._run_on_data.all_recordings
        return load_recordings(self.data.dataset, self.data.root, draws_splits=False, **self.data.options)

    @cached_property
    def is_undivided(self) -> bool:
        """Whether nothing divides other data: nobody learns from them here, and so all of them are tested."""
        if self.is_own_data or not self.all_recordings:
            return False
        undivided = all(each.split is None for each in self.all_recordings)
        if undivided:
            log.warning(
                "%s has no splits: all of it, %s, counts as the split that is asked for.",
                readable(self.data.root),
                counted(len(self.all_recordings), "recordings"),
            )
        return undivided

    def is_whole(self, asked: Asked) -> bool:
        """Whether all recordings are asked for, or the data are other data that nothing divides."""
        return asked_split(asked) is None or self.is_undivided

    def recordings(self, asked: Asked) -> list[Recording]:
        """Recordings of a split, or all; of other data that nothing divides, all.

        Raises:
            DatasetError: the data are not as expected.
        """
        split = asked_split(asked)
        if split is None or self.is_whole(asked):
            return list(self.all_recordings)
        if self._run_on_data is not None:
            return self._run_on_data.recordings(split)
        return [recording for recording in self.all_recordings if recording.split == split]

    def some_recordings(self, asked: Asked) -> list[Recording]:
        """Recordings of a split, or all, of which there must be one. Raises DatasetError."""
        recordings = self.recordings(asked)
        if not recordings:
            where = "" if self.is_whole(asked) else f" in its {words_of(asked)}"
            raise DatasetError(f"{self.data.root} has no recording{where}.")
        return recordings

    def store(self, *, show_progress: bool = False) -> FrameStore:
        """Decoded frames of all recordings; what is missing or stale is decoded first. Raises DatasetError."""
        if self._run_on_data is not None:
            return self._run_on_data.store(show_progress=show_progress)
        if self._store is None:
            self._store = FrameStore.build(
                self.data.store,
                video_files(self.data.dataset, self.all_recordings),
                frame_size=self.model_input.frame_size,
                show_progress=show_progress,
            )
        return self._store

    def seen(self, *, show_progress: bool = False) -> TimedFrames:
        """The frames as the model sees them: other data than its own come at its training's frame rate, as files do.

        Its own are taken as they lie, as the paper does, and so are beats, which are interpolated, and recordings that
        the data's loader was told to bring to a rate. What counts frames of the files, such as tracings and the
        authors' starts, asks the `store`.

        Raises:
            DatasetError: as of `store`.
        """
        store = self.store(show_progress=show_progress)
        known = {recording.id: recording.fps or store.fps(recording.id) for recording in self.all_recordings}
        rates = {name: fps for name, fps in known.items() if fps is not None}
        is_as_it_lies = self.is_own_data or self.model_input.is_whole_beat
        targets = {} if is_as_it_lies else self._rates_to_take(rates)
        return TimedFrames(store, rates, targets)

    def _rates_to_take(self, rates: Mapping[str, float]) -> dict[str, float]:
        """Frames per second to which recordings are brought, by their ids."""
        wanted = {
            recording.id: training_rate(rates.get(recording.id), self.trained_on)
            for recording in self.all_recordings
            if recording.target_fps is None and recording.beat is None
        }
        return {name: target_fps for name, target_fps in wanted.items() if target_fps is not None}

    def results(self, precision: Precision = "fp32") -> Results:
        """The table of what it says, clip by clip; it lies in `folder`."""
        return Results(self.folder / "results", weights_sha256=self.weights_sha256, precision=precision)

    def result_folder(self, kind: str, name: str) -> Path:
        """Where a result lies when nobody says otherwise: FOLDER/evaluation/test-3, and of other data with their name.

        Args:
            kind: of result: "evaluation".
            name: of the protocol: "test-3".
        """
        if self.is_own_data:
            return self.folder / kind / name
        root = self.data.root.resolve()
        # Data sets whose folders have the same name lie in different places.
        place = hashlib.sha256(str(root.parent).encode("utf-8", "surrogateescape")).hexdigest()[:6]
        return self.folder / kind / f"{name}-on-{root.name}-{place}"

    def overlap(self, recordings: Sequence[Recording], *, show_progress: bool = False) -> Overlap:
        """Find recordings that the model was trained on, or chosen by: by their id, and by what they show.

        Ids count where the data are in the layout that the model learned from; frames count everywhere.

        Args:
            recordings: of `data`.
            show_progress: show a bar on stderr while frames are decoded.

        Raises:
            DatasetError: frames cannot be decoded.
        """
        known = self._known_splits
        contents: Mapping[str, tuple[str, ...]] = {}
        if known:
            store = self.store(show_progress=show_progress)
            # Runs of before frames were hashed know theirs by checksums.
            contents = {each.id: (store.digest(each.id), store.checksum(each.id)) for each in recordings}

        trained, selected = (
            met_in(known.get(part, []), recordings, self.data.dataset, contents)
            for part in ("train", str(self._chosen_on))
        )
        return Overlap(num_recordings=len(recordings), trained=trained, selected=selected)

    def check_overlap(
        self, recordings: Sequence[Recording], asked: Asked, *, allow: bool = False, show_progress: bool = False
    ) -> Overlap:
        """See that a model is not tested on what it was trained on.

        Who asks for the training split by its name knows what it is: that is labelled and not refused.

        Args:
            recordings: that were asked for.
            asked: the split of them, or all.
            allow: go on all the same; the result carries `Overlap.label`.
            show_progress: show a bar on stderr while frames are decoded.

        Raises:
            DatasetError: the model was trained on some of them.
        """
        overlap = replace(self.overlap(recordings, show_progress=show_progress), asked=asked_split(asked))
        if not allow:
            overlap.refuse(model=self.path, data=self.data.root)
        return overlap

    @property
    def _chosen_on(self) -> Split | None:
        """The split by which its best epoch was chosen; None where the last one was kept."""
        if self.run is None:
            return "val"
        return self.run.recipe.chosen_on

    @cached_property
    def _known_splits(self) -> Mapping[str, Sequence[Met]]:
        """Recordings of each split at training time; empty where that is not known.

        Those that the weights were trained on before, in another run, are of the training split.
        """
        run = self.run or run_of_weights(self.weights)
        if run is None:
            return {}
        splits = {str(split): [Met(dataset=run.data.dataset, train=ids)] for split, ids in run.split_ids.items()}
        return splits | {"train": run.met}

    @property
    def knows_its_training(self) -> bool:
        """Whether it can be said which recordings the model was trained on."""
        return bool(self._known_splits)

    def provenance(self) -> dict[str, Any]:
        """What all results depend on: weights and data. JSON-able, without dates. Raises CheckpointError."""
        run = self.run
        return {
            "recipe": self.recipe_name,
            "model": {
                "encoder": self.card.encoder if run is None else run.recipe.encoder,
                "num_parameters": self.card.num_parameters,
                "weights_sha256": self.weights_sha256,
                "training_seed": None if run is None else run.recipe.seed,
            },
            "data": {
                "dataset": self.data.dataset,
                "root": str(self.data.root),
                "options": dict(self.data.options),
            },
        }

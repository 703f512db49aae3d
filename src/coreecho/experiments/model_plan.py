"""How models that ship are made: a plan of phantoms, trainings and what is made of them, carried out from nothing.

`plans/default-models.yaml` is the plan of the default models. What a plan may say is what the classes below have as
fields. Everything is resumable: cohorts that are written, and trainings that are done, are not done again.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast

from coreecho.datasets import LAYOUTS, Split
from coreecho.datasets.layout_names import USUAL_LAYOUT
from coreecho.documents import MAY_BE_ABSENT, build_document
from coreecho.errors import RecipeError
from coreecho.experiments.data import Data
from coreecho.experiments.table_file import Plain
from coreecho.phantom import PhantomSettings
from coreecho.phantom.stand_in import STAND_INS
from coreecho.settings_files import read_settings
from coreecho.training.recipe import SCRATCH, Recipe, read_recipe_file
from coreecho.training.recipe_files import find_recipe


@dataclass(frozen=True, kw_only=True)
class CohortEntry:
    """Simulated hearts.

    Attributes:
        recordings: of all three splits together.
        seed: of the cohort.
        more_test: recordings beyond those, all TEST.
        settings: of `PhantomSettings`.
    """

    recordings: int
    seed: int = field(default=0, metadata=MAY_BE_ABSENT)
    more_test: int = field(default=0, metadata=MAY_BE_ABSENT)
    settings: Mapping[str, Plain] = field(default_factory=dict, metadata=MAY_BE_ABSENT)

    def phantom_settings(self, name: str) -> PhantomSettings:
        """What the hearts are like. Raises RecipeError: there is no such setting; DatasetError: a value is wrong."""
        known = [each.name for each in dataclasses.fields(PhantomSettings)]
        if unknown := [setting for setting in self.settings if setting not in known]:
            raise RecipeError(
                f"The phantoms {name!r} have settings that there are not: {', '.join(unknown)}. "
                f"Known are {', '.join(known)}."
            )
        return PhantomSettings(**cast(dict[str, Any], self.settings))

    @property
    def words(self) -> str:
        """For the record of a model: `6000 recordings, seed 1, difficulty clinic`."""
        more = f" and {self.more_test} more to be tested" if self.more_test else ""
        settings = "".join(f", {setting} {value}" for setting, value in self.settings.items())
        return f"{self.recordings} recordings{more}, seed {self.seed}{settings}"


@dataclass(frozen=True, kw_only=True)
class RunEntry:
    """A training.

    Attributes:
        recipe: a shipped one, or the path of one.
        data: the cohort that it learns from.
        start: the training whose encoder it starts from; the recipe's `init` where none is named.
        seed: of the training; the recipe's where none is given.
        settings: that replace the recipe's.
        options: of the data's loader, such as `fps`.
        precision: in which it computes; that of the command where none is named.
    """

    recipe: str
    data: str
    start: str | None = field(default=None, metadata=MAY_BE_ABSENT)
    seed: int | None = field(default=None, metadata=MAY_BE_ABSENT)
    settings: Mapping[str, Plain] = field(default_factory=dict, metadata=MAY_BE_ABSENT)
    options: Mapping[str, Plain] = field(default_factory=dict, metadata=MAY_BE_ABSENT)
    precision: Literal["fp32", "bf16"] | None = field(default=None, metadata=MAY_BE_ABSENT)


@dataclass(frozen=True, kw_only=True)
class ReferencesEntry:
    """Hearts that travel with the model, for `coreecho neighbours` and `map`.

    Attributes:
        data: the cohort; best one that the model has not learned from.
        split: of it.
        count: how many hearts.
        options: of the data's loader.
    """

    data: str
    split: Split = field(default="test", metadata=MAY_BE_ABSENT)
    count: int = field(default=256, metadata=MAY_BE_ABSENT)
    options: Mapping[str, Plain] = field(default_factory=dict, metadata=MAY_BE_ABSENT)


@dataclass(frozen=True, kw_only=True)
class TestEntry:
    """Phantoms that a model is measured on.

    Attributes:
        data: the cohort.
        split: of it.
        title: what they are, in words, for the page.
        options: of the data's loader.
    """

    data: str
    title: str
    split: Split = field(default="test", metadata=MAY_BE_ABSENT)
    options: Mapping[str, Plain] = field(default_factory=dict, metadata=MAY_BE_ABSENT)


@dataclass(frozen=True, kw_only=True)
class CalibrationEntry:
    """Hearts from whose errors the model's intervals are made, as by `coreecho calibrate`.

    Attributes:
        data: the cohort.
        split: of it; best one that trained nothing.
        tried_on: split on which the reasons for doubt are tried; that of the calibration where nothing is said.
        options: of the data's loader.
        segmenter: model of the plan that outlines ventricles for the gate; none where nothing is said.
    """

    data: str
    split: Split = field(default="val", metadata=MAY_BE_ABSENT)
    tried_on: Split | None = field(default=None, metadata=MAY_BE_ABSENT)
    options: Mapping[str, Plain] = field(default_factory=dict, metadata=MAY_BE_ABSENT)
    segmenter: str | None = field(default=None, metadata=MAY_BE_ABSENT)


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """A model that ships.

    Attributes:
        of: trainings; the mean of their weights where there are several.
        storage: of its numbers.
        licence: under which it may be used.
        references: that travel with it; none where nothing is said.
        calibration: of its intervals, which travel with it; none where nothing is said.
        tests: what it is measured on.
    """

    of: tuple[str, ...]
    storage: Literal["float32", "float16"] = field(default="float32", metadata=MAY_BE_ABSENT)
    licence: str = field(default="Apache-2.0", metadata=MAY_BE_ABSENT)
    references: ReferencesEntry | None = field(default=None, metadata=MAY_BE_ABSENT)
    calibration: CalibrationEntry | None = field(default=None, metadata=MAY_BE_ABSENT)
    tests: tuple[TestEntry, ...] = field(default=(), metadata=MAY_BE_ABSENT)

    @property
    def shown(self) -> tuple[ReferencesEntry | CalibrationEntry | TestEntry, ...]:
        """Hearts that the model is shown when it is trained."""
        return tuple(each for each in (self.references, self.calibration, *self.tests) if each is not None)


@dataclass(frozen=True, kw_only=True)
class ModelPlan:
    """Cohorts, trainings and models, by their names; trainings are done in the order in which they stand.

    Raises:
        RecipeError: something is named that the plan does not have, or a training starts from a later one.
    """

    phantoms: Mapping[str, CohortEntry]
    runs: Mapping[str, RunEntry]
    models: Mapping[str, ModelEntry]

    def __post_init__(self) -> None:
        faults = []
        done: list[str] = []
        for name, run in self.runs.items():
            faults += self._unknown(f"the training {name!r}", "phantoms", [run.data])
            if run.start is not None and run.start not in done:
                faults.append(f"the training {name!r} starts from {run.start!r}, which is no training before it")
            done.append(name)
        made: list[str] = []
        for name, model in self.models.items():
            outliner = None if model.calibration is None else model.calibration.segmenter
            if outliner is not None and outliner not in made:
                faults.append(f"the model {name!r} is calibrated with {outliner!r}, which is no model before it")
            made.append(name)
            if not model.of:
                faults.append(f"the model {name!r} is made of no training")
            faults += self._unknown(f"the model {name!r}", "runs", model.of)
            faults += self._unknown(f"the model {name!r}", "phantoms", [each.data for each in model.shown])
        if faults:
            raise RecipeError(f"The plan does not hold together: {'; '.join(faults)}.")

    def _unknown(self, who: str, kind: Literal["phantoms", "runs"], names: Sequence[str]) -> list[str]:
        known = ", ".join(getattr(self, kind))
        unknown = [name for name in names if name not in getattr(self, kind)]
        return [f"{who} names {name!r}, which is not among the {kind}: {known}" for name in unknown]

    def recipe(self, name: str, out: Path) -> Recipe:
        """The recipe of a training whose plan is carried out in `out`.

        Raises:
            RecipeError: there is no such recipe, or a setting is wrong.
        """
        entry = self.runs[name]
        settings = read_recipe_file(find_recipe(entry.recipe)) | dict(entry.settings)
        if entry.seed is not None:
            settings["seed"] = entry.seed
        if entry.start is not None:
            # The whole path, so that a stopped training goes on from any folder.
            settings["init"] = str(run_folder(out, entry.start).resolve())
        else:
            settings.setdefault("init", SCRATCH)
        return Recipe.from_mapping(settings, source=f"the training {name}")

    def data(self, cohort: str, out: Path, options: Mapping[str, Plain]) -> Data:
        """A cohort as a training or a test takes it."""
        return Data(dataset=USUAL_LAYOUT, root=cohort_folder(out, cohort), options=dict(options))

    def write_phantoms(self, cohort: str, out: Path, *, workers: int | None, show_progress: bool) -> None:
        """Write the hearts of a cohort, or what of them is missing. Raises DatasetError."""
        entry = self.phantoms[cohort]
        STAND_INS.get(LAYOUTS.get(USUAL_LAYOUT).phantoms).write(
            cohort_folder(out, cohort),
            recordings=entry.recordings,
            seed=entry.seed,
            more_test=entry.more_test,
            settings=entry.phantom_settings(cohort),
            workers=workers,
            show_progress=show_progress,
        )

    def cohorts_of(self, models: Sequence[str]) -> list[str]:
        """Cohorts that these models need, in the order of the plan."""
        needed = {self.runs[run].data for run in self.runs_of(models)}
        for name in models:
            needed |= {each.data for each in self.models[name].shown}
        return [cohort for cohort in self.phantoms if cohort in needed]

    def runs_of(self, models: Sequence[str]) -> list[str]:
        """Trainings that these models need, in the order of the plan."""
        needed: set[str] = set()
        left = [run for name in models for run in self.models[name].of]
        while left:
            run = left.pop()
            needed.add(run)
            start = self.runs[run].start
            left += [start] if start is not None else []
        return [run for run in self.runs if run in needed]


def cohort_folder(out: Path, cohort: str) -> Path:
    """Where a cohort lies."""
    return out / "phantoms" / cohort


def run_folder(out: Path, run: str) -> Path:
    """Where a training lies."""
    return out / "runs" / run


def default_plan() -> Path:
    """The plan of the models that ship."""
    return Path(str(resources.files("coreecho") / "experiments" / "plans" / "default-models.yaml"))


def read_plan(path: Path) -> ModelPlan:
    """Read a plan.

    Raises:
        RecipeError: it cannot be read, is not YAML, or does not hold together.
    """
    settings = read_settings(path, of="plan")
    return build_document(settings, ModelPlan, kind=f"plan {path}", error=RecipeError)

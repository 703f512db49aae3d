"""Cohorts of phantoms that a model has not seen, and what it says of them: what `measure_shifts.py` tabulates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coreecho.datasets import Recording
from coreecho.evaluation.measured_clips import Computing, MeasuredClips, measure_clips
from coreecho.evaluation.worth import Worth, worth_of_measured
from coreecho.experiments.model_plan import default_plan, read_plan
from coreecho.inference.opening import open_subject
from coreecho.inference.subject import Subject
from coreecho.phantom import CAMUS_SETTINGS, PhantomSettings, write_camus_phantoms, write_echonet_phantoms
from coreecho.phantom.camus_layout import grade_quality
from coreecho.representation.phantom_truth import PhantomCohort
from coreecho.shipped import is_default
from coreecho.trust import ModelCalibration

COMPUTING = Computing(batch_size=16, device="cpu")


@dataclass(frozen=True, kw_only=True)
class Home:
    """What a model was calibrated on.

    Attributes:
        settings: of its phantoms.
        options: of the loader, such as the frame rate to which all is brought.
    """

    settings: PhantomSettings
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class World:
    """A cohort that a model is shown, and what was measured in it."""

    name: str
    subject: Subject
    recordings: list[Recording]
    measured: MeasuredClips
    worth: Worth


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A model that is tried, and on how much."""

    model: str
    home: Home
    calibrated: ModelCalibration
    phantoms: Path
    count: int
    shifted: int
    outlined: int
    seed: int

    def subject(self, root: Path, dataset: str, options: Mapping[str, Any]) -> Subject:
        """The model on a cohort; what it says is kept beside the cohorts."""
        found = open_subject(self.model, data=root, dataset=dataset, options=options)
        found.folder = self.phantoms
        return found

    def measure(
        self, subject: Subject, recordings: Sequence[Recording], **settings: Any
    ) -> tuple[MeasuredClips, Worth]:
        """Try the intervals as they were calibrated: all hearts here are simulated."""
        calibrated = self.calibrated
        measured = measure_clips(
            subject,
            recordings,
            clips=calibrated.num_clips,
            known=calibrated.known,
            computing=COMPUTING,
            **settings,
        )
        intervals = calibrated.intervals.as_calibrated
        return measured, worth_of_measured(
            measured, recordings, calibrated=calibrated, intervals=intervals, resamples=200
        )


def home_of(model: str) -> Home:
    """The kind of phantoms that a model was calibrated on."""
    if is_default(model):
        plan = read_plan(default_plan())
        entry = plan.models["default-ef"].calibration
        if entry is None:
            raise SystemExit("The plan of the models that ship calibrates nothing.")
        return Home(settings=PhantomSettings(**dict(plan.phantoms[entry.data].settings)), options=dict(entry.options))
    data = open_subject(model).data
    return Home(settings=PhantomCohort(data.root).settings, options=dict(data.options))


def cohorts(home: Home) -> dict[str, PhantomSettings]:
    """Settings of the cohorts in EchoNet-Dynamic's layout, by what they are called."""
    settings = home.settings
    where = "any scanner" if settings.scanner == "any" else f"scanner {settings.scanner}"
    found = {f"{where}, {settings.difficulty} (as calibrated on)": settings}
    # Of the widest hearts no scanner is A, B or C: there each is of a maker of its own.
    difficulty = "standard" if settings.difficulty == "clinic" else settings.difficulty
    for scanner in "ABC":
        found[f"scanner {scanner}, {difficulty}"] = replace(settings, scanner=scanner, difficulty=difficulty)
    found[f"{where}, standard"] = replace(settings, difficulty="standard")
    found["any scanner, clinic"] = replace(settings, scanner="any", difficulty="clinic")
    return {name: each for name, each in found.items() if name.endswith("(as calibrated on)") or each != settings}


def worlds(tried: Tried) -> Iterator[World]:
    """Write the cohorts, and show them to the model, each as it is needed; the first is as the model knows them."""
    for name, settings in cohorts(tried.home).items():
        root = tried.phantoms / "".join(letter if letter.isalnum() else "-" for letter in name)
        write_echonet_phantoms(root, recordings=tried.count, seed=tried.seed, settings=settings, workers=1)
        subject = tried.subject(root, "echonet", tried.home.options)
        yield _world(tried, name, subject, _with_quality(root, subject.all_recordings))
    root = tried.phantoms / "camus"
    write_camus_phantoms(
        root, recordings=max(20, tried.count // 2), seed=tried.seed, settings=CAMUS_SETTINGS, workers=1
    )
    for view in ("A4C", "A2C"):
        subject = tried.subject(root, "camus", {"view": view})
        yield _world(tried, f"CAMUS phantoms, {view}, half beats", subject, subject.all_recordings)


def _world(tried: Tried, name: str, subject: Subject, recordings: list[Recording]) -> World:
    measured, worth = tried.measure(subject, recordings)
    return World(name=name, subject=subject, recordings=recordings, measured=measured, worth=worth)


def _with_quality(root: Path, recordings: Sequence[Recording]) -> list[Recording]:
    """Say of phantoms what a reader would say of their pictures, and which kind of machine filmed them."""
    cohort = PhantomCohort(root)
    found = []
    for recording in recordings:
        plan = cohort.plan(recording.id)
        imaging = "harmonic" if plan.scanner.wavelength_mm < 0.6 else "fundamental"
        found.append(replace(recording, quality=grade_quality(plan.view), scanner=imaging))
    return found

"""What intervals and the gate of a run are worth away from home: `python docs/measure_shifts.py RUN --phantoms FOLDER`.

Writes cohorts of phantoms that the run has not seen (of its own scanner, of others, at the widest difficulty, of other
layouts and views), plants shifts in those of its own scanner, and prints a table. All of it is a phantom result.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from coreecho.datasets import Recording
from coreecho.evaluation.calibrating import calibrate_subject
from coreecho.evaluation.measured_clips import Computing, MeasuredClips, measure_clips
from coreecho.evaluation.planted_shifts import HARMLESS_TO_EF, NO_HEART
from coreecho.evaluation.worth import Worth, calibration_of, worth_of_measured
from coreecho.inference.subject import Subject, open_subject
from coreecho.phantom import CAMUS_SETTINGS, PhantomSettings, write_camus_phantoms, write_echonet_phantoms
from coreecho.representation.phantom_truth import PhantomCohort
from coreecho.trust import ModelCalibration

COMPUTING = Computing(batch_size=16, device="cpu")
HEADER = (
    "| tested on | n | MAE | held | width | good | doubtful | outside | held, good | MAE, good "
    "| AURC gate | spread | random |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class World:
    """A cohort that a run is shown."""

    name: str
    subject: Subject
    recordings: list[Recording]


def worlds(run: Path, phantoms: Path, count: int, seed: int) -> Iterator[World]:
    """Write the cohorts, each as it is needed."""
    home = PhantomCohort(open_subject(run).data.root).settings
    for name, settings in {
        f"scanner {home.scanner}, {home.difficulty} (as trained on)": home,
        "scanner B": replace(home, scanner="B"),
        "scanner C": replace(home, scanner="C"),
        "standard difficulty": replace(home, difficulty="standard"),
        "clinic": PhantomSettings(difficulty="clinic", scanner="any"),
    }.items():
        root = phantoms / "".join(letter if letter.isalnum() else "-" for letter in name)
        write_echonet_phantoms(root, recordings=count, seed=seed, settings=settings, workers=1)
        subject = open_subject(run, data=root, dataset="echonet")
        yield World(name, subject, subject.all_recordings)
    root = phantoms / "camus"
    write_camus_phantoms(root, recordings=max(20, count // 2), seed=seed, settings=CAMUS_SETTINGS, workers=1)
    for view in ("A4C", "A2C"):
        subject = open_subject(run, data=root, dataset="camus", options={"view": view})
        yield World(f"CAMUS phantoms, {view}, half beats", subject, subject.all_recordings)


def row(name: str, worth: Worth) -> str:
    """Cells of one world."""
    table = worth.table
    good = table[table["trust"] == "good"]
    shares = [f"{100 * (table['trust'] == trust).mean():.0f} %" for trust in ("good", "doubtful", "outside")]
    curves = [worth.by_gate, worth.by_spread]
    cells = [
        name,
        f"{len(table)}",
        f"{table['absolute_error'].mean():.1f}",
        f"{100 * table['is_held'].mean():.0f} %",
        f"{(table['interval_high'] - table['interval_low']).mean():.0f}",
        *shares,
        f"{100 * good['is_held'].mean():.0f} %" if len(good) >= 5 else "",
        f"{good['absolute_error'].mean():.1f}" if len(good) >= 5 else "",
        *("" if curve is None else f"{curve.aurc:.1f}" for curve in curves),
        f"{table['absolute_error'].mean():.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def tried(measured: MeasuredClips, recordings: list[Recording], calibrated: ModelCalibration) -> Worth:
    """Try the intervals as they were calibrated: all hearts here are simulated."""
    return worth_of_measured(
        measured, recordings, calibrated=calibrated, intervals=calibrated.intervals.as_calibrated, resamples=200
    )


def print_cohorts(run: Path, phantoms: Path, count: int, seed: int, calibrated: ModelCalibration) -> World:
    """The first table; gives the cohort of the run's own scanner."""
    print(f"\nCohorts of {count} phantoms, seed {seed}:\n\n{HEADER}")
    home = None
    for world in worlds(run, phantoms, count, seed):
        home = home or world
        measured = measure_clips(
            world.subject, world.recordings, clips=calibrated.num_clips, known=calibrated.known, computing=COMPUTING
        )
        print(row(world.name, tried(measured, world.recordings, calibrated)), flush=True)
    if home is None:
        raise ValueError("no cohort was written")
    return home


def print_shifts(home: World, count: int, calibrated: ModelCalibration) -> None:
    """Shifts planted in the run's own kind of phantom; the last of them hold no heart, so that no EF is right."""
    some = home.recordings[:count]
    print(f"\nShifts planted in {len(some)} of the first cohort:\n\n{HEADER}")
    for name, shift in HARMLESS_TO_EF.items():
        measured = measure_clips(
            home.subject,
            some,
            clips=calibrated.num_clips,
            known=calibrated.known,
            computing=COMPUTING,
            shift=(name, shift),
        )
        print(row(name, tried(measured, some, calibrated)), flush=True)
    print("\nNo heart at all:\n\n| shown | n | good | doubtful | outside | what flags it most often |")
    print("|---|---|---|---|---|---|")
    for name, shift in NO_HEART.items():
        measured = measure_clips(
            home.subject,
            some,
            clips=calibrated.num_clips,
            known=calibrated.known,
            computing=COMPUTING,
            shift=(name, shift),
        )
        table = tried(measured, some, calibrated).table
        shares = [f"{100 * (table['trust'] == trust).mean():.0f} %" for trust in ("good", "doubtful", "outside")]
        print(f"| {name} | {len(table)} | {' | '.join(shares)} | {_most_often(calibrated, measured)} |", flush=True)


def _most_often(calibrated: ModelCalibration, measured: MeasuredClips) -> str:
    """The three checks that flag most."""
    gate = calibrated.gate
    if gate is None:
        return ""
    names = [check.name for check in gate.checks]
    flagged = dict.fromkeys(names, 0)
    for number in range(len(measured.predictions)):
        values = measured.of_recording(number)
        for check in gate.judge({name: values.get(name) for name in names}).checks:
            flagged[check.name] += check.trust != "good"
    most = sorted(names, key=lambda name: -flagged[name])[:3]
    return ", ".join(f"{name.replace('_', ' ')} {flagged[name]}" for name in most if flagged[name])


def print_reasons(calibrated: ModelCalibration) -> None:
    """What each reason for doubt was worth when the run was calibrated."""
    if calibrated.gate is None:
        return
    print("\nClips flagged for this erred so many times as much as all others:\n\n| check | ratio |\n|---|---|")
    for check in calibrated.gate.checks:
        ratio = "not flagged often enough" if check.error_ratio is None else f"{check.error_ratio:.1f}"
        print(f"| {check.definition.label} | {ratio} |")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--phantoms", type=Path, required=True, help="folder for the cohorts")
    parser.add_argument("--recordings", type=int, default=150)
    parser.add_argument("--shifted", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1001)
    given = parser.parse_args()
    subject = open_subject(given.run)
    if not subject.learned_from_phantoms:
        parser.error(f"{given.run} learned from patients: phantoms say nothing of it")
    calibrated = calibration_of(subject) or calibrate_subject(subject, computing=COMPUTING)
    print(f"Phantom results, of phantoms alone. {calibrated.intervals.words}")
    home = print_cohorts(given.run, given.phantoms, given.recordings, given.seed, calibrated)
    print_shifts(home, given.shifted, calibrated)
    print_reasons(calibrated)


if __name__ == "__main__":
    main()

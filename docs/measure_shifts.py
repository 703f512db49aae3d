"""What intervals and the gate of a model are worth at home and away from it.

    python docs/measure_shifts.py default --phantoms FOLDER --page docs/trust.md
    python docs/measure_shifts.py RUN --phantoms FOLDER

Writes cohorts of phantoms that the model has not seen (of its own kind, of single scanners, of other layouts and
views), plants shifts in those of its own kind, and prints tables; with `--page` they replace what stands there between
the two marks, and the pictures beside it are drawn anew. All of it is a phantom result. What was written, predicted and
outlined lies in FOLDER, so that another model is measured on the same hearts in less time.
"""

import argparse
import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from phantom_worlds import COMPUTING, Tried, World, home_of, worlds

from coreecho.evaluation.calibrating import calibrate_subject
from coreecho.evaluation.measured_clips import MeasuredClips
from coreecho.evaluation.planted_shifts import HARMLESS_TO_EF, HIDING_EF, NO_HEART, PLANTED
from coreecho.evaluation.worth import Worth, calibration_of
from coreecho.inference.opening import open_subject
from coreecho.models.segmenter import open_segmenter
from coreecho.report.worth_drawing import draw_refusal, draw_reliability
from coreecho.shipped import is_default
from coreecho.trust import CHECKS, ModelCalibration, PredictionLog
from coreecho.trust.watching import LEAST_WATCHED, watch
from coreecho.ventricle.gauging import OutlineGauge

MARKS = ("<!-- shipped: begin -->", "<!-- shipped: end -->")
FIGURES = Path(__file__).parent / "figures"
HEADER = (
    "| tested on | n | MAE | held | width | good | doubtful | outside | held, good | MAE, good "
    "| AURC doubt | gate | spread | random |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)
# Of these pictures ventricles are outlined, too: of hearts that are cut off, shaded, small, slow or still, and of none.
OUTLINED_SHIFTS = (
    "the heart at the picture's edge",
    "a shadow over one side",
    "zoom x 0.6",
    "the heart at half its speed",
    "a still made to move",
    *NO_HEART,
)


def row(name: str, worth: Worth) -> str:
    """Cells of one world."""
    table = worth.table
    good = table[table["trust"] == "good"]
    shares = [f"{100 * (table['trust'] == trust).mean():.0f} %" for trust in ("good", "doubtful", "outside")]
    curves = [worth.by_doubt, worth.by_gate, worth.by_spread]
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


def print_cohorts(tried: Tried) -> list[World]:
    """The first tables: intervals and gate in each cohort."""
    print(f"Cohorts of {tried.count} phantoms (CAMUS's of half as many patients), seed {tried.seed}:\n\n{HEADER}")
    found = []
    for world in worlds(tried):
        print(row(world.name, world.worth), flush=True)
        found.append(world)
    home = found[0].worth
    print(f"\nIn the first cohort: {home.test.words}\n")
    return found


def print_groups(found: Sequence[World]) -> None:
    """Coverage and width by EF, by quality and by scanner."""
    print("By range of EF, by picture quality as a reader would grade it, and by the kind of machine:\n")
    print("| tested on | group | n | held | width | MAE |\n|---|---|---|---|---|---|")
    for world in found:
        for group in world.worth.groups:
            if group.grouping in ("predicted EF", "quality", "scanner") and (
                world is found[0] or group.grouping == "quality"
            ):
                print(
                    f"| {world.name} | {group.grouping}: {group.group} | {group.num_recordings} | "
                    f"{100 * group.coverage:.0f} % | {group.mean_width:.0f} | {group.mae:.1f} |"
                )
    print()


def print_probabilities(tried: Tried, found: Sequence[World]) -> None:
    """P(EF < 40 %), and drift, in each cohort."""
    print("P(EF < 40 %), and how soon a stream of such clips is called drifted:\n")
    print(
        "| tested on | below 40 % | Brier | skill | mean probability minus share | drift found at clip, by |\n"
        "|---|---|---|---|---|---|"
    )
    for world in found:
        table = world.worth.reliability
        share = float((world.worth.table["ef_true"] < 40).mean())
        print(
            f"| {world.name} | {100 * share:.0f} % | {table.brier.format(3)} | {table.brier_skill.format()} | "
            f"{table.bias.format(2)} | {_drift(tried, world.measured)} |"
        )
    print()


def _drift(tried: Tried, measured: MeasuredClips) -> str:
    """How soon a log of these clips is called drifted, in the order in which chance would bring them."""
    gate, count = tried.calibrated.gate_for(None), len(measured.predictions)
    if gate is None or count < LEAST_WATCHED:
        return ""
    rows = [measured.of_recording(number) for number in np.random.default_rng(0).permutation(count)]
    numbers = tuple({name: value for name, value in row.items() if np.isfinite(value)} for row in rows)
    watched = watch(PredictionLog(predictions=numbers, faulty_lines=()), gate)
    drifted = [one for one in watched if one.state.drifted_at is not None]
    if not drifted:
        return f"not in {count}"
    first = min(drifted, key=lambda one: one.state.drifted_at or 0)
    return f"{first.state.drifted_at}, {first.label}"


def print_shifts(tried: Tried, home: World) -> None:
    """Shifts planted in the model's own kind of phantom; the last of them hold no heart, so that no EF is right."""
    some = home.recordings[: tried.shifted]
    print(f"Shifts planted in {len(some)} of the first cohort; the EF stays what it was:\n\n{HEADER}")
    for name, shift in HARMLESS_TO_EF.items():
        _, worth = tried.measure(home.subject, some, shift=(name, shift))
        print(row(name, worth), flush=True)
    print("\nClips that hide the EF, which the heart has, hardly or not at all show:\n\n" + HEADER)
    for name, shift in HIDING_EF.items():
        _, worth = tried.measure(home.subject, some, shift=(name, shift))
        print(row(name, worth), flush=True)
    print("\nPictures without a heart, for which any EF is wrong:\n")
    print("| shown | n | good | doubtful | outside | what flags it most often |\n|---|---|---|---|---|---|")
    for name, shift in NO_HEART.items():
        measured, worth = tried.measure(home.subject, some, shift=(name, shift))
        print(f"| {name} | {_trust_cells(worth)} | {_most_often(tried.calibrated, measured)} |", flush=True)
    print()


def print_outlined(tried: Tried, home: World) -> None:
    """What the outline of the ventricle adds to the gate, where the calibration knows outlines."""
    if tried.calibrated.outlined_by is None:
        return
    segmenter = open_segmenter()
    if segmenter.weights_sha256 != tried.calibrated.outlined_by:
        print("The model was calibrated with another segmenter than the one that ships.\n")
        return
    gauge = OutlineGauge(segmenter, tried.phantoms)
    print("The first cohort once more, with the checks of the ventricle's outline:\n\n" + HEADER)
    measured, worth = tried.measure(
        home.subject, home.recordings, outliner=gauge, outlined_at_most=len(home.recordings)
    )
    print(row(home.name, worth))
    some = home.recordings[: tried.outlined]
    print(f"\nWhat they add in {len(some)} of its hearts (share that is not good):\n")
    print("| shown | without | with | of the outline, what flags it most often |\n|---|---|---|---|")
    shifts: dict[str, Any] = {"as they are": None} | {name: (name, PLANTED[name]) for name in OUTLINED_SHIFTS}
    for name, shift in shifts.items():
        _, plain = tried.measure(home.subject, some, shift=shift)
        measured, worth = tried.measure(home.subject, some, shift=shift, outliner=gauge)
        without, along = (f"{100 * (each.table['trust'] != 'good').mean():.0f} %" for each in (plain, worth))
        print(f"| {name} | {without} | {along} | {_most_often(tried.calibrated, measured, is_of_outline=True)} |")
    print()


def _trust_cells(worth: Worth) -> str:
    trust: pd.Series[Any] = worth.table["trust"]
    shares = [f"{100 * (trust == word).mean():.0f} %" for word in ("good", "doubtful", "outside")]
    return " | ".join([f"{len(trust)}", *shares])


def _most_often(calibrated: ModelCalibration, measured: MeasuredClips, *, is_of_outline: bool = False) -> str:
    """The three checks that flag most."""
    flagged: dict[str, int] = {}
    for number in range(len(measured.predictions)):
        verdict = measured.verdict(number, calibrated)
        for check in () if verdict is None else verdict.checks:
            if not is_of_outline or CHECKS[check.name].is_of_outline:
                flagged[check.name] = flagged.get(check.name, 0) + (check.trust != "good")
    most = sorted(flagged, key=lambda name: -flagged[name])[:3]
    return ", ".join(f"{CHECKS[name].label} {flagged[name]}" for name in most if flagged[name])


def print_reasons(calibrated: ModelCalibration) -> None:
    """What each reason for doubt was worth when the model was calibrated."""
    if calibrated.gate is None:
        return
    ratios = [check.error_ratio for check in calibrated.gate.checks if check.error_ratio is not None]
    print("How many times as much clips erred that one check flagged, as sound clips that it did not flag")
    print(f"({ratios[0].on}):\n" if ratios else "(none was flagged often enough):\n")
    print("| check | ratio | 95 % interval | flagged | others |\n|---|---|---|---|---|")
    for check in calibrated.gate.checks:
        found = check.error_ratio
        cells = (
            f"none: {check.no_ratio_because.partition(' (')[0]} | | | "
            if found is None
            else f"{found.ratio:.2f} | {found.low:.2f} to {found.high:.2f} | {found.num_flagged} | {found.num_others}"
        )
        print(f"| {check.definition.label} | {cells} |")
    print()


def draw(home: World, name: str) -> None:
    """The reliability figure, and what refusing is worth, of the first cohort."""
    words: dict[str, Any] = {"model": name, "is_phantom": True}
    FIGURES.mkdir(exist_ok=True)
    draw_reliability(home.worth, FIGURES / "trust-reliability.png", **words)
    draw_refusal(home.worth, FIGURES / "trust-refusal.png", **words)
    print("![How often an EF below 40 % came, against its probability](figures/trust-reliability.png)")
    print("![The error of those kept, as the doubtful are refused](figures/trust-refusal.png)")


def measure(tried: Tried) -> None:
    """Print everything."""
    intervals = tried.calibrated.intervals
    print(f"Phantom results, of phantoms alone. Weights {intervals.model[:12]}. {intervals.words}\n")
    found = print_cohorts(tried)
    print_groups(found)
    print_probabilities(tried, found)
    print_shifts(tried, found[0])
    print_outlined(tried, found[0])
    print_reasons(tried.calibrated)
    if is_default(tried.model):
        draw(found[0], "default-ef")


def main() -> None:
    """Parse, measure, print or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="`default`, or the folder of a run")
    parser.add_argument("--phantoms", type=Path, required=True, help="folder for the cohorts")
    parser.add_argument("--page", type=Path, help="where the tables are put between the two marks")
    parser.add_argument("--recordings", type=int, default=80)
    parser.add_argument("--shifted", type=int, default=30)
    parser.add_argument("--outlined", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1001)
    given = parser.parse_args()
    home = home_of(given.model)
    given.phantoms.mkdir(parents=True, exist_ok=True)
    tried = Tried(
        model=given.model,
        home=home,
        calibrated=_calibrated(given.model, given.phantoms),
        phantoms=given.phantoms,
        count=given.recordings,
        shifted=given.shifted,
        outlined=given.outlined,
        seed=given.seed,
    )
    if given.page is None:
        measure(tried)
        return
    text = given.page.read_text(encoding="utf-8")
    before, mark, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (mark and end):
        parser.error(f"{given.page} has no place for the tables: put {MARKS[0]} and {MARKS[1]} there")
    printed = io.StringIO()
    with redirect_stdout(printed):
        measure(tried)
    given.page.write_text(f"{before}{mark}\n\n{printed.getvalue().rstrip()}\n\n{end}{after}", encoding="utf-8")


def _calibrated(model: str, phantoms: Path) -> ModelCalibration:
    """The calibration beside the weights, or one that is made now."""
    if is_default(model):
        # What ships knows no data: any cohort serves to ask for the file beside it.
        found = calibration_of(open_subject(model, data=phantoms, dataset="echonet"))
        if found is None:
            raise SystemExit("This build's default model was never calibrated: `make default-models` does it.")
        return found
    subject = open_subject(model)
    if not subject.learned_from_phantoms:
        raise SystemExit(f"{model} learned from patients: phantoms say nothing of it.")
    return calibration_of(subject) or calibrate_subject(subject, computing=COMPUTING)


if __name__ == "__main__":
    main()

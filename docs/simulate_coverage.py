"""Whether intervals hold, by simulation: `python docs/simulate_coverage.py` (two minutes; `--draws 50` is quicker).

Prints the tables of `docs/trust.md`. A made-up model errs as a published one does (R(2+1)D on EchoNet-Dynamic: mean
absolute error 5.7 for EF below 30 %, 6.7 to 40 %, 5.0 to 55 %, 3.4 above), more on poor recordings, whose clips also
disagree more. Every method is calibrated and tested on many draws of such recordings, and on others that are not alike.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from coreecho.trust import (
    Calibration,
    DriftMonitor,
    JumperMartingale,
    Method,
    calibrate,
    conformal_quantile,
    promise,
)

LEVEL = 0.9
# Recordings of a small site, of a larger one, and of the VAL split of EchoNet-Dynamic.
CALIBRATION_SIZES = (30, 100, 300, 1288)
NUM_TESTED = 1000
# True EF: ends of the ranges, their shares in EchoNet-Dynamic's TEST split, and the mean absolute error there.
EF_RANGES = ((10.0, 30.0, 0.065, 5.73), (30.0, 40.0, 0.060, 6.69), (40.0, 55.0, 0.189, 4.99), (55.0, 75.0, 0.686, 3.38))
ERROR_OF_NORMAL = 0.798  # mean absolute value of a normal variable of standard deviation 1


@dataclass(frozen=True)
class Recordings:
    """Some recordings: (N,) true EF, predicted EF, and spread over clips, all in EF points."""

    true: NDArray[np.float64]
    predicted: NDArray[np.float64]
    spread: NDArray[np.float64]


def draw(rng: np.random.Generator, count: int, share_below_40: float = 0.125) -> Recordings:
    """Draw recordings. The mean of exp(0.4 z) is 1.083: divided by it, the quality leaves the mean error as it is."""
    shares = np.array([share for _, _, share, _ in EF_RANGES])
    shares[:2] *= share_below_40 / shares[:2].sum()
    shares[2:] *= (1 - share_below_40) / shares[2:].sum()
    number = rng.choice(len(EF_RANGES), size=count, p=shares)
    low, high, _, mean_error = np.array(EF_RANGES)[number].T
    true = rng.uniform(low, high)
    deviation = mean_error / ERROR_OF_NORMAL * np.exp(0.4 * rng.normal(size=count)) / 1.083
    spread = 0.5 * deviation * np.exp(0.3 * rng.normal(size=count))
    return Recordings(true, true + deviation * rng.normal(size=count), spread)


def noisier(some: Recordings, *, is_seen: bool) -> Recordings:
    """Errors half as large again; clips disagree as much more, or not at all."""
    predicted = some.true + 1.5 * (some.predicted - some.true)
    return replace(some, predicted=predicted, spread=some.spread * (1.5 if is_seen else 1))


def over_read(some: Recordings) -> Recordings:
    """Failing hearts are read ten points too high, as models trained on other hearts do."""
    return replace(some, predicted=some.predicted + 10 * (some.true < 40))


def blind_spread(some: Recordings, rng: np.random.Generator) -> Recordings:
    """Clips disagree as often and as much, but not where the errors are large."""
    return replace(some, spread=rng.permutation(some.spread))


ALIKE, BLIND = "alike", "alike, but the spread tells nothing"
WORLDS: dict[str, Callable[[np.random.Generator], Recordings]] = {
    ALIKE: lambda rng: draw(rng, NUM_TESTED),
    BLIND: lambda rng: blind_spread(draw(rng, NUM_TESTED), rng),
    "half of them below EF 40": lambda rng: draw(rng, NUM_TESTED, 0.5),
    "errors x 1.5, clips disagree more": lambda rng: noisier(draw(rng, NUM_TESTED), is_seen=True),
    "errors x 1.5, clips do not show it": lambda rng: noisier(draw(rng, NUM_TESTED), is_seen=False),
    "EF below 40 read 10 too high": lambda rng: over_read(draw(rng, NUM_TESTED)),
}


def calibrated(some: Recordings, method: Method) -> Calibration:
    """Calibrate by one method."""
    return calibrate(
        some.true,
        some.predicted,
        spread=some.spread,
        method=method,
        level=LEVEL,
        calibrated_on="a simulation",
        is_phantom=True,
        model="none",
    )


def measured(calibration: Calibration, some: Recordings) -> list[float]:
    """Coverage of all, of predicted EF < 40 and of >= 55; mean width; 100 times the Brier score of P(EF < 40)."""
    low, high = calibration.intervals(some.predicted, some.spread).T
    held = (low <= some.true) & (some.true <= high)
    probability = calibration.probability_below(40, some.predicted, some.spread)
    brier = ((probability - (some.true < 40)) ** 2).mean()
    is_low, is_high = some.predicted < 40, some.predicted >= 55
    return [held.mean(), held[is_low].mean(), held[is_high].mean(), (high - low).mean(), 100 * brier]


def print_coverage(draws: int) -> None:
    """Each method on recordings like those of the calibration, for each size; then on others, for the largest."""
    print("| tested on | calibrated on | method | all (sd) | predicted < 40 | predicted >= 55 | width | Brier |")
    print("|---|---|---|---|---|---|---|---|")
    for world, tested in WORLDS.items():
        for size in CALIBRATION_SIZES if world == ALIKE else CALIBRATION_SIZES[-1:]:
            for method in get_args(Method):
                rows = []
                for number in range(draws):
                    rng = np.random.default_rng((1, size, number))
                    some = draw(rng, size)
                    some = blind_spread(some, rng) if world == BLIND else some
                    rows.append(measured(calibrated(some, method), tested(rng)))
                overall, low, high, width, brier = np.mean(rows, axis=0)
                deviation = np.std([row[0] for row in rows])
                print(
                    f"| {world} | {size} | {method} | {100 * overall:.1f} ({100 * deviation:.1f}) "
                    f"| {100 * low:.1f} | {100 * high:.1f} | {width:.1f} | {brier:.2f} |"
                )


def print_mistakes(draws: int) -> None:
    """What a wrong rank and a calibration on training recordings do: coverage of `absolute` where alike."""
    print("\n| calibrated on | promised | right | rank of n, not n + 1 | on training recordings, errors halved |")
    print("|---|---|---|---|---|")
    for size in CALIBRATION_SIZES:
        rows = []
        for number in range(draws):
            rng = np.random.default_rng((2, size, number))
            some, tested = draw(rng, size), draw(rng, NUM_TESTED)
            errors, new = np.abs(some.true - some.predicted), np.abs(tested.true - tested.predicted)
            right = conformal_quantile(errors, LEVEL)
            wrong = np.sort(errors)[int(np.ceil(size * LEVEL)) - 1]
            rows.append([(new <= width).mean() for width in (right, wrong, 0.5 * right)])
        cells = " | ".join(f"{100 * mean:.1f}" for mean in np.mean(rows, axis=0))
        print(f"| {size} | {100 * promise(size, LEVEL).mean_coverage:.1f} | {cells} |")


def print_drift(draws: int) -> None:
    """False alarms and delays of the drift monitor, at one false alarm in a hundred, and of the plain way."""
    print("\n| calibrated on | false alarms | by p-values of the calibration alone | shift of 0.5 sd found | after |")
    print("|---|---|---|---|---|")
    for size in CALIBRATION_SIZES:
        alarms, plain_alarms, delays = 0, 0, []
        for number in range(draws):
            rng = np.random.default_rng((3, size, number))
            known, stream = rng.normal(size=size), rng.normal(size=1_000)
            watched = DriftMonitor(calibration_scores=tuple(known), seed=number)
            alarms += watched.extend(stream).drifted_at is not None
            plain_alarms += plain_alarm(known, stream, rng)
            state = DriftMonitor(calibration_scores=tuple(known), seed=number).extend(0.5 + stream[:600])
            delays += [] if state.drifted_at is None else [state.drifted_at]
        after = f"{np.median(delays):.0f}" if delays else "-"
        print(
            f"| {size} | {100 * alarms / draws:.1f} % | {100 * plain_alarms / draws:.1f} % "
            f"| {100 * len(delays) / draws:.0f} % in 600 | {after} |"
        )


def plain_alarm(known: NDArray[np.float64], stream: NDArray[np.float64], rng: np.random.Generator) -> bool:
    """Say whether betting on p-values among the calibration alone would alarm."""
    above = len(known) - np.searchsorted(np.sort(known), stream)
    p_values = (above + rng.uniform(size=len(stream))) / (len(known) + 1)
    martingale = JumperMartingale()
    return max(martingale.update(p_value) for p_value in p_values) >= np.log(100)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=400, help="calibrations that are drawn for each row")
    draws = parser.parse_args().draws
    print_coverage(draws)
    print_mistakes(draws)
    print_drift(min(draws, 200))


if __name__ == "__main__":
    main()

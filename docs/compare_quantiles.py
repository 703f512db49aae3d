"""Whether conformalised quantile regression beats what ships: `python docs/compare_quantiles.py PREDICTIONS`.

PREDICTIONS is the table that `coreecho evaluate` writes: recordings, their EF, the predicted one, and the spread over
clips. Its recordings are halved many times: one half calibrates each method, the other tries it. Quantile regression
(Romano, Patterson and Candès 2019) by MAPIE, which is no part of coreecho (`pip install mapie`), learns from half of
its half what the quantiles of the EF are, given the predicted EF and the spread, and is calibrated on the rest.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from mapie.regression import ConformalizedQuantileRegressor
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import QuantileRegressor

from coreecho.trust import Method, calibrate

LEVEL = 0.9
DRAWS = 100
METHODS: tuple[Method, ...] = ("absolute", "normalised", "by-range", "normalised-by-range")
REGRESSORS = {
    "quantile regression, linear": QuantileRegressor(alpha=0.0, solver="highs"),
    "quantile regression, boosted trees": GradientBoostingRegressor(
        loss="quantile", n_estimators=60, max_depth=2, random_state=0
    ),
}
Floats = NDArray[np.float64]


def ours(method: Method, known: pd.DataFrame, new: pd.DataFrame) -> Floats:
    """(M, 2) ends of the intervals of one of the methods that ship."""
    spread, new_spread = (known["clip_sd"], new["clip_sd"]) if method.startswith("normalised") else (None, None)
    made = calibrate(
        known["ef_true"],
        known["ef_predicted"],
        spread=spread,
        method=method,
        level=LEVEL,
        calibrated_on="half of the table",
        is_phantom=True,
        model="any",
    )
    return made.intervals(new["ef_predicted"], new_spread)


def by_quantiles(name: str, known: pd.DataFrame, new: pd.DataFrame) -> Floats:
    """(M, 2), by quantile regression."""
    features = ["ef_predicted", "clip_sd"]
    learned, left = known.iloc[::2], known.iloc[1::2]
    found = ConformalizedQuantileRegressor(REGRESSORS[name], confidence_level=LEVEL)
    found.fit(learned[features].to_numpy(), learned["ef_true"].to_numpy())
    found.conformalize(left[features].to_numpy(), left["ef_true"].to_numpy())
    _, ends = found.predict_interval(new[features].to_numpy())
    return np.clip(np.asarray(ends)[:, :, 0], 0, 100)


def tried(ends: Floats, new: pd.DataFrame) -> list[float]:
    """Share held of all, of those predicted below 40 % and of 55 % and more, mean width, and interval score."""
    true, predicted = new["ef_true"].to_numpy(), new["ef_predicted"].to_numpy()
    low, high = ends.T
    is_held = (low <= true) & (true <= high)
    missed = np.maximum(low - true, 0) + np.maximum(true - high, 0)
    score = high - low + 2 / (1 - LEVEL) * missed
    groups = (np.ones(len(true), dtype=bool), predicted < 40, predicted >= 55)
    return [*(100 * float(is_held[group].mean()) for group in groups), float((high - low).mean()), float(score.mean())]


def main() -> None:
    """Halve, calibrate, try, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("predictions", type=Path)
    table = pd.read_csv(parser.parse_args().predictions)
    rows: dict[str, list[list[float]]] = {name: [] for name in (*METHODS, *REGRESSORS)}
    for draw in range(DRAWS):
        order = np.random.default_rng(draw).permutation(len(table))
        known, new = (table.iloc[part] for part in np.array_split(order, 2))
        for method in METHODS:
            rows[method].append(tried(ours(method, known, new), new))
        for name in REGRESSORS:
            rows[name].append(tried(by_quantiles(name, known, new), new))
    print("| method | all (sd) | predicted < 40 | predicted >= 55 | width | interval score (sd) |")
    print("|---|---|---|---|---|---|")
    for name, values in rows.items():
        mean, deviation = np.mean(values, axis=0), np.std(values, axis=0)
        print(
            f"| {name} | {mean[0]:.1f} ({deviation[0]:.1f}) | {mean[1]:.1f} | {mean[2]:.1f} | {mean[3]:.1f} | "
            f"{mean[4]:.1f} ({deviation[4]:.1f}) |"
        )


if __name__ == "__main__":
    main()

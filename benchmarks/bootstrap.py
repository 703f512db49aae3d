"""Bootstrap intervals of all metrics: one matrix product for many resamples, against a loop that asks scikit-learn.

The loop is timed on fewer resamples, and compared per resample. Both see the same resamples, and must agree.
Run as `python benchmarks/bootstrap.py`; prints the ratio, measured in this one run.
"""

import time

import numpy as np
from sklearn import metrics as sk

from coreecho.evaluation import EF_METRICS, EF_THRESHOLDS_PERCENT, compute_metrics

NUM_RECORDINGS = 1_277  # the TEST split of EchoNet-Dynamic
RESAMPLES = 10_000
LOOP_RESAMPLES = 200


def metrics_of_one_resample(true: np.ndarray, predicted: np.ndarray) -> list[float]:
    """Every metric by scikit-learn or NumPy, as one would write it for one set of predictions."""
    difference = predicted - true
    reach = 1.96 * difference.std(ddof=1)
    return [
        sk.mean_absolute_error(true, predicted),
        sk.root_mean_squared_error(true, predicted),
        sk.r2_score(true, predicted),
        np.corrcoef(true, predicted)[0, 1],
        difference.mean(),
        difference.mean() - reach,
        difference.mean() + reach,
        *(sk.roc_auc_score(true < threshold, -predicted) for threshold in EF_THRESHOLDS_PERCENT),
    ]


def loop_intervals(true: np.ndarray, predicted: np.ndarray, resamples: int) -> np.ndarray:
    """The 2.5 % and 97.5 % quantiles of every metric, (2, K), one resample at a time."""
    rng = np.random.default_rng(0)
    values = []
    for _ in range(resamples):
        drawn = rng.integers(0, len(true), size=len(true))
        values.append(metrics_of_one_resample(true[drawn], predicted[drawn]))
    return np.quantile(values, [0.025, 0.975], axis=0)


def main() -> None:
    """Time both, check that they agree, print the ratio."""
    rng = np.random.default_rng(1)
    true = np.clip(rng.normal(55.75, 12.37, NUM_RECORDINGS), 7, 97)
    predicted = true + rng.normal(0, 5, NUM_RECORDINGS)
    falling = np.argsort(-predicted)  # the order that compute_metrics works in, so that resamples are the same
    true, predicted = true[falling], predicted[falling]

    compute_metrics(true, predicted, resamples=100)
    started = time.perf_counter()
    compute_metrics(true, predicted, resamples=RESAMPLES)
    vectorised = time.perf_counter() - started

    started = time.perf_counter()
    ends_of_loop = loop_intervals(true, predicted, LOOP_RESAMPLES)
    loop = time.perf_counter() - started

    few = compute_metrics(true, predicted, resamples=LOOP_RESAMPLES)
    ends = np.array([[few[definition.key].low, few[definition.key].high] for definition in EF_METRICS.definitions]).T
    np.testing.assert_allclose(ends, ends_of_loop, rtol=1e-8)

    per_resample, per_resample_of_loop = vectorised / RESAMPLES, loop / LOOP_RESAMPLES
    print(
        f"{NUM_RECORDINGS} recordings, {len(EF_METRICS.definitions)} metrics; both agree on {LOOP_RESAMPLES} shared "
        f"resamples"
    )
    print(f"vectorised: {vectorised:.2f} s for {RESAMPLES} resamples, {1e6 * per_resample:.0f} us each")
    print(f"loop:       {loop:.2f} s for {LOOP_RESAMPLES} resamples, {1e6 * per_resample_of_loop:.0f} us each")
    print(f"ratio:      {per_resample_of_loop / per_resample:.0f} times faster")


if __name__ == "__main__":
    main()

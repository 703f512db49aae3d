import numpy as np
import pytest

from coreecho.errors import DatasetError
from coreecho.representation.explained_variance import ALL_NUISANCES, EF, EF_BEYOND, explained_shares

N, D = 300, 12
RNG = np.random.default_rng(0)
EF_PERCENT = RNG.uniform(20, 75, N)
GAIN = RNG.standard_normal(N)
DEPTH = RNG.standard_normal(N)
ALONG_EF, ALONG_GAIN = np.linalg.qr(RNG.standard_normal((D, 2)))[0].T
STANDARD_EF = (EF_PERCENT - EF_PERCENT.mean()) / EF_PERCENT.std()
STANDARD_GAIN = (GAIN - GAIN.mean()) / GAIN.std()
FAST = {"resamples": 500}


def shares(embeddings: np.ndarray, **nuisances: np.ndarray) -> dict[str, float]:
    found = explained_shares(embeddings, EF_PERCENT, nuisances, **FAST)
    return {name: interval.estimate for name, interval in found.items()}


def test_made_of_ef_alone() -> None:
    found = shares(np.outer(STANDARD_EF, ALONG_EF), gain=GAIN)
    assert found[EF] == pytest.approx(1, abs=1e-3)
    assert found["gain"] == pytest.approx(0, abs=0.03)
    assert found[EF_BEYOND] == pytest.approx(1, abs=0.03)


def test_shares_are_those_it_was_made_with() -> None:
    """Variances 3 of EF, 1 of gain, and 1 of noise."""
    noise = RNG.standard_normal((N, D)) / np.sqrt(D)
    points = np.sqrt(3) * np.outer(STANDARD_EF, ALONG_EF) + np.outer(STANDARD_GAIN, ALONG_GAIN) + noise
    found = shares(points, gain=GAIN, depth=DEPTH)
    assert list(found) == [EF, "gain", "depth", ALL_NUISANCES, EF_BEYOND]
    assert found[EF] == pytest.approx(3 / 5, abs=0.04)
    assert found["gain"] == pytest.approx(1 / 5, abs=0.04)
    assert found["depth"] == pytest.approx(0, abs=0.03)
    assert found[ALL_NUISANCES] == pytest.approx(1 / 5, abs=0.04)
    assert found[EF_BEYOND] == pytest.approx(3 / 5, abs=0.04)


def test_a_curve_of_ef_is_of_ef() -> None:
    """An arc, as embeddings often are: a straight line explains less of it than half."""
    angle = np.pi * (EF_PERCENT - 20) / 55
    points = np.column_stack([np.cos(2 * angle), np.sin(2 * angle)])
    assert shares(points)[EF] > 0.9
    straight = 1 - np.var(points - np.polynomial.Polynomial.fit(EF_PERCENT, points[:, 0], 1)(EF_PERCENT)[:, None])
    assert straight < 0.7


def test_what_goes_along_with_ef_is_told_apart() -> None:
    """The embedding knows gain only, and gain goes along with EF: EF alone seems to explain, and nothing beyond."""
    gain = STANDARD_EF + 0.5 * GAIN
    found = shares(np.outer(gain, ALONG_GAIN), gain=gain)
    assert found[EF] > 0.6
    assert found[EF_BEYOND] == pytest.approx(0, abs=0.01)


def test_noise_explains_nothing_however_many_columns() -> None:
    """Thirty factors, 120 columns for 300 recordings: fitted to the same recordings, they would explain 40 %."""
    points = np.random.default_rng(1).standard_normal((N, D))
    found = explained_shares(points, EF_PERCENT, {"noise": RNG.standard_normal((N, 30))}, **FAST)
    assert abs(found["noise"].estimate) < 0.02
    assert found["noise"].low <= 0


def test_interval_holds_the_truth() -> None:
    noise = RNG.standard_normal((N, D)) / np.sqrt(D)
    interval = explained_shares(np.outer(STANDARD_EF, ALONG_EF) + noise, EF_PERCENT, {}, **FAST)[EF]
    assert interval.low < 0.5 < interval.high
    assert interval.high - interval.low < 0.15


def test_what_does_not_vary_is_not_defined() -> None:
    fps = np.where(np.arange(N) < 240, 50.0, 30.0)
    found = explained_shares(np.outer(fps, ALONG_EF), EF_PERCENT, {"stride": np.full(N, 4.0), "fps": fps}, **FAST)
    assert found["stride"].reason == "it is the same in all recordings"
    assert found["fps"].estimate == pytest.approx(1, abs=1e-3)


def test_recordings_of_a_patient_do_not_explain_each_other() -> None:
    """Each patient has an embedding of its own: a factor that names the patient knows nothing of the next one."""
    patient = np.repeat(np.arange(30), 10)
    points = RNG.standard_normal((30, D))[patient]
    factor = RNG.permutation(30).astype(float)[patient]
    names = patient.astype(str).tolist()
    apart = explained_shares(points, EF_PERCENT, {"who": factor}, patients=names, **FAST)
    together = explained_shares(points, EF_PERCENT, {"who": factor}, **FAST)
    assert apart["who"].estimate < 0.05 < together["who"].estimate


def test_refuses_what_does_not_fit() -> None:
    points = RNG.standard_normal((N, D))
    with pytest.raises(DatasetError, match="at least 10 recordings of different patients, got 9"):
        explained_shares(points[:9], EF_PERCENT[:9], {})
    with pytest.raises(DatasetError, match="not all alike"):
        explained_shares(np.ones((N, D)), EF_PERCENT, {})
    with pytest.raises(DatasetError, match="gain: no finite value of 1 recording"):
        explained_shares(points, EF_PERCENT, {"gain": np.where(np.arange(N) == 3, np.nan, GAIN)})
    with pytest.raises(ValueError, match=r"gain: expected one value.*got \(7, 1\)"):
        explained_shares(points, EF_PERCENT, {"gain": GAIN[:7]})

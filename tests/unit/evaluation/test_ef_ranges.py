import math

import numpy as np
import pytest

from coreecho.evaluation import by_ef_range

TRUE = np.array([30.0, 34.0, 35.0, 45.0, 55.0, 65.0, 70.0])


def test_every_recording_lies_in_one_range_and_edges_belong_to_the_range_above():
    ranges = by_ef_range(TRUE, TRUE, by="true", resamples=20)
    assert [part.name for part in ranges] == ["below 35", "35 to 40", "40 to 50", "50 to 60", "60 and above"]
    assert [part.num_recordings for part in ranges] == [2, 1, 1, 1, 2]


def test_means_of_a_range():
    predicted = TRUE + np.array([2, -4, 0, 1, 1, 1, 1])
    lowest = by_ef_range(TRUE, predicted, by="true", resamples=200)[0]
    assert lowest.mean_true.estimate == 32
    assert lowest.mean_predicted.estimate == 31
    assert lowest.bias.estimate == -1
    assert lowest.mae.estimate == 3
    # Two recordings: their resamples hold the first only, the second only, or both.
    assert (lowest.bias.low, lowest.bias.high) == (-4, 2)
    assert lowest.bias.excluded_resamples > 0


def test_the_grouping_decides_what_is_seen():
    # A model that says 50 for everyone: calibrated where it predicts, and wrong at both ends of the truth.
    true = np.array([30.0, 30.0, 70.0, 70.0])
    predicted = np.full(4, 50.0)
    by_predicted = {part.name: part for part in by_ef_range(true, predicted, by="predicted", resamples=20)}
    by_true = {part.name: part for part in by_ef_range(true, predicted, by="true", resamples=20)}
    assert by_predicted["50 to 60"].bias.estimate == 0
    assert by_predicted["50 to 60"].num_recordings == 4
    assert by_true["below 35"].bias.estimate == 20
    assert by_true["60 and above"].bias.estimate == -20


def test_a_range_without_recordings_has_no_values():
    empty = by_ef_range(TRUE, TRUE + 40, by="predicted", resamples=20)[0]
    assert empty.num_recordings == 0
    assert math.isnan(empty.mae.estimate)
    assert empty.mae.format() == "n/a"


def test_refuses_edges_that_do_not_rise():
    with pytest.raises(ValueError, match="rising"):
        by_ef_range(TRUE, TRUE, by="true", edges=(50, 40))

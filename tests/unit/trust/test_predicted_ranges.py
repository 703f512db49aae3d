import numpy as np
import pytest

from coreecho.trust import merged_ranges
from coreecho.trust.predicted_ranges import range_of, ranges_between

EDGES = (30, 40, 55)


def names(counts, least, edges=EDGES):
    """Names of the merged ranges where so many recordings lie in each of the four."""
    predicted = np.repeat([20.0, 35.0, 50.0, 65.0], counts)
    return [part.name for part in merged_ranges(predicted, edges, least)]


def test_ranges_cover_all_numbers_and_an_edge_belongs_to_the_range_above():
    ranges = ranges_between(EDGES)
    assert [part.name for part in ranges] == ["below 30", "30 to 40", "40 to 55", "55 and above"]
    np.testing.assert_array_equal(range_of(ranges, [-5, 29.9, 30, 40, 54.9, 55, 130]), [0, 0, 1, 2, 2, 3, 3])
    assert ranges_between(())[0].name == "all"


def test_ranges_with_enough_recordings_are_kept():
    assert names([20, 20, 20, 20], 20) == ["below 30", "30 to 40", "40 to 55", "55 and above"]


@pytest.mark.parametrize(
    ("counts", "merged"),
    [
        ([5, 30, 30, 90], ["below 40", "40 to 55", "55 and above"]),
        ([30, 5, 40, 90], ["below 40", "40 to 55", "55 and above"]),  # joins the smaller neighbour
        ([40, 5, 30, 90], ["below 30", "30 to 55", "55 and above"]),
        ([30, 30, 30, 5], ["below 30", "30 to 40", "40 and above"]),
        ([8, 8, 8, 90], ["below 55", "55 and above"]),
        ([2, 2, 2, 4], ["all"]),  # too few even together
        ([0, 0, 0, 0], ["all"]),
    ],
)
def test_small_ranges_join_a_neighbour(counts, merged):
    assert names(counts, 20) == merged


@pytest.mark.parametrize("edges", [(40, 30), (30, 30), (30, np.inf)])
def test_refuses_edges_that_do_not_rise(edges):
    with pytest.raises(ValueError, match="finite, rising"):
        ranges_between(edges)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from coreecho.evaluation.ranking import RankingOfCounts

# Few values, so that ties are many, within the classes and across.
scored_recordings = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3)), min_size=2, max_size=12)


@given(scored_recordings)
@settings(max_examples=150, deadline=None)
def test_both_areas_equal_scikit_learn_on_the_repeated_recordings(recordings):
    score, is_positive, count = (np.array(column, dtype=float) for column in zip(*sorted(recordings), strict=True))
    ranking = RankingOfCounts(score, is_positive[:, None])
    auroc, precision = ranking.auroc(count[None])[0, 0], ranking.average_precision(count[None])[0, 0]
    labels, scores = (np.repeat(values, count.astype(int)) for values in (is_positive, score))
    if len(set(labels)) < 2:
        assert np.isnan([auroc, precision]).all()
    else:
        assert auroc == pytest.approx(sk.roc_auc_score(labels, scores))
        assert precision == pytest.approx(sk.average_precision_score(labels, scores))


def test_several_divisions_into_classes_are_ranked_at_once():
    score = np.array([1.0, 2.0, 3.0, 4.0])
    is_positive = np.array([[0, 1], [0, 1], [1, 0], [1, 0]], dtype=float)
    ranking = RankingOfCounts(score, is_positive)
    np.testing.assert_allclose(ranking.auroc(np.ones((1, 4))), [[1, 0]])
    # Reversed, the positives are called third and fourth: precisions of 1/3 and 2/4.
    np.testing.assert_allclose(ranking.average_precision(np.ones((1, 4))), [[1, (1 / 3 + 2 / 4) / 2]])

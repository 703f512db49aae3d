import pytest

from coreecho.trust import READER_VARIABILITY, ef_grade, ef_words


@pytest.mark.parametrize(
    ("ef", "of_men", "of_women"),
    [
        (80, "above normal", "above normal"),
        (74, "above normal", "normal"),
        (72, "normal", "normal"),
        (54, "normal", "normal"),
        (53, "normal", "mildly abnormal"),
        (52, "normal", "mildly abnormal"),
        (51, "mildly abnormal", "mildly abnormal"),
        (41, "mildly abnormal", "mildly abnormal"),
        (40, "moderately abnormal", "moderately abnormal"),
        (30, "moderately abnormal", "moderately abnormal"),
        (29, "severely abnormal", "severely abnormal"),
        (0, "severely abnormal", "severely abnormal"),
    ],
)
def test_grades_are_those_of_the_guideline(ef, of_men, of_women):
    assert ef_grade(ef, "male") == of_men
    assert ef_grade(ef, "female") == of_women


def test_the_guideline_has_whole_percents():
    assert ef_grade(51.5, "male") == "normal"
    assert ef_grade(51.49, "male") == "mildly abnormal"
    assert ef_grade(40.5, "female") == "mildly abnormal"


def test_words_name_the_guideline_and_both_sexes_where_they_differ_and_none_is_known():
    assert ef_words(53, "male") == "normal for a man (ASE/EACVI 2015)"
    assert ef_words(53, "female") == "mildly abnormal for a woman (ASE/EACVI 2015)"
    assert ef_words(53) == "normal for a man, mildly abnormal for a woman (ASE/EACVI 2015)"
    assert ef_words(35) == "moderately abnormal (ASE/EACVI 2015)"


def test_readers_variability_has_sources_and_limits_of_agreement():
    experts = READER_VARIABILITY[0]
    assert experts.limits_of_agreement == pytest.approx(13.72)
    assert experts.words.startswith("two experts, biplane Simpson: 95 % of differences within ±14 EF points (140")
    assert all(entry.source for entry in READER_VARIABILITY)


@pytest.mark.parametrize(("ef", "sex"), [(101, "male"), (-1, "female"), (float("nan"), "male"), (50, "unknown")])
def test_refuses_what_has_no_grade(ef, sex):
    with pytest.raises(ValueError, match="expected"):
        ef_grade(ef, sex)

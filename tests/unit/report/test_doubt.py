"""Words for how far a number may be believed."""

import pytest

from coreecho.inference.prediction import is_one_stretch
from coreecho.report.doubt import stretches_words, why_words
from coreecho.tasks import EF
from coreecho.trust import Appraisal


@pytest.mark.parametrize(
    ("starts", "num_frames", "expected"),
    [((0, 2, 3), 30, True), ((0, 0, 0), 16, True), ((0, 40, 80), 200, False), ((7,), 30, False), ((), 30, False)],
)
def test_clips_of_a_short_file_are_one_stretch(starts: tuple[int, ...], num_frames: int, *, expected: bool) -> None:
    assert is_one_stretch(starts, num_frames) is expected


def test_stretches_that_are_the_same_frames_are_not_called_several() -> None:
    short = stretches_words((62.3, 64.0, 65.8), EF(), (0, 2, 3), 30)
    assert short == (
        "3 stretches of this clip gave 62.3 % to 65.8 %. They begin at frames 0, 2 and 3 of 30 and show nearly the "
        "same frames: that they agree says nothing."
    )
    assert stretches_words((62.3, 65.8), EF(), (0, 80), 200).endswith("Stretches that agree may all be wrong.")
    assert stretches_words((62.3,), EF(), (0,), 30) == ""


def test_trust_is_never_told_without_its_reason() -> None:
    doubted = Appraisal(trust="doubtful", reasons=("picture flickers", "sector unusually small"))
    assert why_words(doubted) == ["Why doubtful: picture flickers.", "Why doubtful: sector unusually small."]
    assert why_words(Appraisal(trust="good")) == why_words(None) == []

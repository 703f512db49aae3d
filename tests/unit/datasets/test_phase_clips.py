import numpy as np
import pytest

from coreecho.datasets.phase_clips import (
    BLACK,
    END_DIASTOLE,
    END_SYSTOLE,
    flanked_clip,
    frames_from_ed_to_es,
    is_far_enough,
    mirrored_clip,
    phase_signal,
)
from coreecho.ventricle import find_phases


def test_signal_is_a_cubic_between_the_traced_frames() -> None:
    """At ED, a quarter, half, three quarters of the way, at ES: (1 - 2 s)^3."""
    np.testing.assert_allclose(phase_signal(np.array([0, 5, 10, 15, 20]), 20), [1, 0.125, 0, -0.125, -1])
    np.testing.assert_allclose(phase_signal(np.array([-5, 25]), 20), [0.125, -0.125])


@pytest.mark.parametrize(("ed", "es"), [(46, 61), (61, 46)])
def test_a_mirrored_clip_goes_there_and_back(ed: int, es: int) -> None:
    clip = mirrored_clip(ed, es, start=0)
    assert len(clip.frames) == len(clip.signal) == 128
    assert clip.frames[:31].tolist() == [*range(46, 62), *range(60, 45, -1)]
    assert clip.is_real.all()
    assert (np.abs(np.diff(clip.frames)) == 1).all()
    assert (clip.signal[clip.frames == ed] == 1).all()
    assert (clip.signal[clip.frames == es] == -1).all()
    assert (
        clip.classes == np.where(clip.frames == ed, END_DIASTOLE, np.where(clip.frames == es, END_SYSTOLE, 0))
    ).all()


def test_a_mirrored_clip_begins_where_it_is_told() -> None:
    whole = mirrored_clip(10, 30, start=0)
    later = mirrored_clip(10, 30, start=17)
    np.testing.assert_array_equal(later.frames[:100], whole.frames[17:117])
    np.testing.assert_array_equal(later.signal[:100], whole.signal[17:117])
    np.testing.assert_array_equal(mirrored_clip(10, 30, start=17 + 40).frames, later.frames)


def test_a_long_beat_shows_every_second_frame() -> None:
    clip = mirrored_clip(20, 91, start=0)
    assert set(np.abs(np.diff(clip.frames))) == {2}
    assert (clip.frames.min(), clip.frames.max()) == (20, 90)
    assert mirrored_clip(20, 84, start=0).frames.max() == 84


def test_what_is_learned_is_what_is_read() -> None:
    """ED and ES of a mirrored clip are found again by the rule for signals, but for those at its ends."""
    clip = mirrored_clip(40, 60, start=10)
    found = find_phases(clip.signal)
    assert found.ed_frames == tuple(np.flatnonzero(clip.classes == END_DIASTOLE))
    assert found.es_frames == (50, 90)


@pytest.mark.parametrize(("ed", "es"), [(40, 60), (60, 40)])
def test_a_flanked_clip_lies_amid_black_frames(ed: int, es: int) -> None:
    clip = flanked_clip(ed, es, 200, divisors=(2.5, 6.0), share_before=0.25)
    # 20 // 2.5 = 8 frames before, 20 // 6 = 3 after: 32 frames, and of 96 black ones a quarter first.
    assert clip.frames[24:56].tolist() == list(range(32, 64))
    assert (clip.frames[:24] == BLACK).all()
    assert (clip.frames[56:] == BLACK).all()
    assert clip.is_real.sum() == 32
    assert clip.signal[24 + 8] == (1 if ed == 40 else -1)
    assert clip.signal[24 + 28] == (-1 if ed == 40 else 1)
    assert (clip.signal[~clip.is_real] == 0).all()
    assert sorted(clip.classes[clip.classes > 0]) == [END_SYSTOLE, END_DIASTOLE]


def test_a_flanked_clip_stays_in_its_video() -> None:
    clip = flanked_clip(3, 23, 26, divisors=(2.0, 2.0), share_before=0.0)
    assert clip.frames[:26].tolist() == list(range(26))
    assert (clip.frames[26:] == BLACK).all()
    long = flanked_clip(10, 210, 300, divisors=(2.0, 2.0), share_before=0.5)
    assert long.is_real.sum() == 100
    assert set(np.diff(long.frames[long.is_real])) <= {2, 3, 4}
    assert sorted(long.classes[long.classes > 0]) == [END_SYSTOLE, END_DIASTOLE]


def test_frames_from_ed_to_es_are_evenly_placed() -> None:
    assert frames_from_ed_to_es(10, 40).tolist() == list(range(10, 41, 2))
    assert frames_from_ed_to_es(40, 10).tolist() == list(range(40, 9, -2))
    short = frames_from_ed_to_es(5, 12)
    assert (short[0], short[-1], len(short)) == (5, 12, 16)
    assert (np.diff(short) >= 0).all()


def test_near_frames_are_left_out() -> None:
    assert not is_far_enough(30, 40)
    assert is_far_enough(41, 30)
    with pytest.raises(ValueError, match="both in frame 9"):
        mirrored_clip(9, 9, start=0)
    with pytest.raises(ValueError, match="not both among the 50"):
        flanked_clip(20, 50, 50, divisors=(2.0, 2.0), share_before=0.5)

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from coreecho.ventricle import VentricleCurve, find_beats, find_end_systoles
from coreecho.ventricle.beats import robust_range

Areas = NDArray[np.float64]
Heart = Callable[..., Areas]


def curve_of(areas: Areas) -> VentricleCurve:
    """Volumes as of similar bodies, V = A^1.5."""
    return VentricleCurve(
        areas=areas,
        lengths=np.sqrt(areas),
        volumes=np.where(areas > 0, areas**1.5, np.nan),
        axes=(None,) * len(areas),
        method="discs",
        mm_per_pixel=None,
    )


@pytest.mark.parametrize("noise", [0.0, 25.0])
def test_beats_of_a_steady_heart(heart_areas: Heart, noise: float) -> None:
    """Four beats of 48 frames: ED at 0, 48, 96 and 144, each with its ES 16 frames later."""
    areas = heart_areas([48] * 4, noise=noise)
    beats = find_beats(curve_of(areas), fps=50)
    np.testing.assert_allclose(beats.es_frames, [16, 64, 112, 160], atol=6 if noise else 0)
    np.testing.assert_allclose(beats.ed_frames, [48, 96, 144], atol=3 if noise else 0)
    # 1 - (1200 / 2000)^1.5
    expected = 100 * (1 - 0.6**1.5)
    assert [beat.ef_percent for beat in beats.beats] == pytest.approx([expected] * 3, abs=5 if noise else 1e-9)
    assert beats.ef_percent == pytest.approx(expected, abs=3 if noise else 1e-9)
    assert beats.is_irregular is False
    assert beats.heart_rate_bpm == pytest.approx(60 * 50 / 48, rel=0.03)


def test_a_beat_that_the_clip_cuts_is_left_out(heart_areas: Heart) -> None:
    areas = heart_areas([48] * 3)
    # The first frame is in the middle of a systole, the last in the middle of another.
    beats = find_beats(curve_of(areas[5 : 96 + 10]), fps=50)
    assert beats.es_frames == (11, 59)
    assert [(beat.ed_frame, beat.es_frame) for beat in beats.beats] == [(43, 59)]
    assert beats.num_cut == 1
    # With some frames of filling before it the first beat is whole, and ends as filling begins.
    whole = find_beats(curve_of(np.concatenate([areas[30:48], areas])), fps=50)
    assert [(beat.ed_frame, beat.es_frame) for beat in whole.beats] == [(18, 34), (66, 82), (114, 130)]
    assert whole.num_cut == 0


def test_a_systole_at_the_very_end_is_no_beat(heart_areas: Heart) -> None:
    areas = heart_areas([48] * 2)
    assert find_end_systoles(areas[: 48 + 17], fps=50) == [16]
    # Filled again by more than half.
    assert find_end_systoles(areas[: 48 + 36], fps=50) == [16, 64]


def test_an_irregular_rhythm_is_reported(heart_areas: Heart) -> None:
    areas = heart_areas([48, 30, 62, 40, 55])
    beats = find_beats(curve_of(areas), fps=50)
    # Each ES lies a third of its beat after its start: 16, 48 + 10, 78 + 20, 140 + 13, 180 + 18.
    assert beats.es_frames == (16, 58, 98, 153, 198)
    # A contraction passes its middle half-way to ES. The first beat's ED is the clip's first frame, but the middle is
    # there: frames 8, 48 + 5, 78 + 10, 140 + 6.5 and 180 + 9.
    np.testing.assert_allclose(beats.contractions, [8, 53, 88, 146.5, 189], atol=1e-6)
    np.testing.assert_allclose(beats.intervals, np.array([45, 35, 58.5, 42.5]) / 50)
    assert beats.interval_spread == pytest.approx(23.5 / 45.25)
    assert beats.is_irregular is True
    assert beats.ed_frames == (48, 78, 140, 180)


def test_too_few_beats_say_nothing_of_the_rhythm(heart_areas: Heart) -> None:
    beats = find_beats(curve_of(heart_areas([48] * 2)))
    assert len(beats.es_frames) == 2
    assert beats.is_irregular is None
    assert beats.heart_rate_bpm is None
    np.testing.assert_allclose(beats.intervals, [48])


def test_the_least_distance_is_a_time_where_the_frame_rate_is_known(heart_areas: Heart) -> None:
    """Beats of 15 frames: at 20 a second 80 beats a minute, at 50 far too fast for any."""
    areas = heart_areas([15] * 6)
    assert find_end_systoles(areas, fps=20) == [5, 20, 35, 50, 65, 80]
    assert min(np.diff(find_end_systoles(areas, fps=50))) >= 20
    assert min(np.diff(find_end_systoles(areas))) >= 20
    # The published rule knows frames only.
    assert find_end_systoles(areas, fps=20, rule="power") == find_end_systoles(areas, rule="power")


def test_ranges_of_both_rules_by_hand() -> None:
    """Of 171 frames the power takes the sorted places 132 and 1, the product 162 and 9."""
    areas = np.random.default_rng(0).permutation(171).astype(np.float64)
    assert robust_range(areas, "power") == 132 - 1
    assert robust_range(areas, "product") == 162 - 9


def test_rules_differ_where_the_ventricle_is_large_for_a_short_time_only() -> None:
    """The power's range then misses the large areas, and small waves between them pass for beats."""
    frames = np.arange(300)
    areas = 1200 + 60 * np.cos(2 * np.pi * frames / 50)
    for start in (20, 120, 220):
        areas[start : start + 8] = 2000
    assert robust_range(areas, "product") > 700
    assert robust_range(areas, "power") < 130
    # Waves are least at 25, 75, 125, ...; of those between the large areas, each rule takes what stands out for it.
    assert find_end_systoles(areas, rule="product") == [75, 175]
    assert {75, 175}.issubset(find_end_systoles(areas, rule="power"))
    assert len(find_end_systoles(areas, rule="power")) > 2


@pytest.mark.parametrize("rule", ["product", "power"])
@pytest.mark.parametrize("areas", [[], [5.0], [5.0, 4.0], [5.0, 4.0, 5.0], [7.0] * 60])
def test_short_and_still_clips_have_no_fault(areas: list[float], rule: str) -> None:
    found = find_beats(curve_of(np.array(areas)), rule=rule)  # type: ignore[arg-type]
    assert found.beats == ()
    assert found.ef_percent is None


def test_a_heart_that_stands_still_has_no_beats() -> None:
    areas = np.full(200, 900.0)
    areas[[50, 120]] = 880
    assert find_end_systoles(areas) == []
    assert find_end_systoles(areas, rule="power") == [50, 120]


def test_frames_without_a_mask_are_bridged(heart_areas: Heart) -> None:
    areas = heart_areas([48] * 3)
    broken = areas.copy()
    broken[[30, 31, 75, 90]] = 0
    assert find_beats(curve_of(broken), fps=50).es_frames == (16, 64, 112)
    # To the letter, a frame without a mask is one of area 0, and hides the true end-systoles near it.
    assert find_beats(curve_of(broken), fps=50, rule="power").es_frames == (30, 90)


def test_a_clip_that_is_mostly_without_masks_has_no_beats(heart_areas: Heart) -> None:
    areas = heart_areas([48] * 3)
    areas[: len(areas) // 2 + 1] = 0
    assert find_beats(curve_of(areas)).es_frames == ()


def test_wrong_input_is_refused(heart_areas: Heart) -> None:
    with pytest.raises(ValueError, match="all finite"):
        find_end_systoles(np.array([1.0, np.nan, 2.0]))
    with pytest.raises(ValueError, match="fps must be a positive number"):
        find_end_systoles(np.ones(9), fps=0)
    curve = curve_of(heart_areas([48]))
    assert find_beats(replace(curve, volumes=np.full(48, np.nan))).beats == ()


def test_contractions_that_are_no_beats_are_named_with_their_reason(heart_areas: Heart) -> None:
    areas = heart_areas([48] * 4)
    # Begins within the first systole and ends within the last; the third heart beats by two fifths of the usual.
    weak = areas.copy()
    weak[96:144] = 2000 - 0.4 * (2000 - weak[96:144])
    found = find_beats(curve_of(weak[5 : 144 + 10]), fps=50)
    assert [beat.es_frame for beat in found.beats] == [59]
    assert [(each.frame, each.why) for each in found.left_out] == [
        (11, "its largest area lies at the very start of the clip, and may have been larger before"),
        (107, "the area changes by 41 % of its range, and half of that is asked for"),
        (148, "the clip ends within it"),
    ]
    assert found.left_out[0].words("0.22 s").startswith("a beat about 0.22 s was left out: its largest area lies at")
    # Two contractions within 0.4 s are taken for one.
    quick = np.concatenate([areas, heart_areas([9, 9]), areas])
    near = [each.why for each in find_beats(curve_of(quick), fps=50).left_out]
    assert "it lies too near to another one" in near
    # A steady heart is read without a rest, but for what its ends cut off.
    assert find_beats(curve_of(np.concatenate([areas[30:48], areas])), fps=50).left_out == ()


def test_two_frames_of_one_end_systole_that_are_as_small_are_one_contraction(heart_areas: Heart) -> None:
    """As whole pixels make them: a rise of a few lies in between, and no beat was left out."""
    areas = heart_areas([48] * 4)
    areas[62:67] = areas.min() + np.array([0, 5, 9, 5, 0])
    found = find_beats(curve_of(areas), fps=50)
    assert len(set(found.es_frames) & {62, 66}) == 1
    # But for the first, which the clip's start cuts off.
    assert [each.frame for each in found.left_out] == [16]

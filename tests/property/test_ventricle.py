"""What holds of any ventricle and of any curve."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coreecho.ventricle import VentricleCurve, find_beats, find_phases, smooth_masks, ventricle_curve
from coreecho.ventricle.beats import RangeRule

areas = st.lists(st.one_of(st.just(0.0), st.floats(1, 5000)), min_size=0, max_size=120)


# Each pixel is looked at in 6 x 6 places.
FINE = 6


def _ellipse(half_length: float, ratio: float, turn: float, x: float, y: float) -> NDArray[np.bool_]:
    """The pixels of which the ellipse covers half or more; the centre alone would take tips that it just touches."""
    rows, columns = (np.mgrid[: 96 * FINE, : 96 * FINE] + 0.5) / FINE - 0.5
    along = -(columns - x) * np.sin(turn) + (rows - y) * np.cos(turn)
    across = (columns - x) * np.cos(turn) + (rows - y) * np.sin(turn)
    inside = (along / half_length) ** 2 + (across / (half_length * ratio)) ** 2 <= 1
    return np.asarray(inside.reshape(96, FINE, 96, FINE).mean(axis=(1, 3)) >= 0.5)


@settings(max_examples=40, deadline=None)
@given(
    half_length=st.floats(16, 34),
    ratio=st.floats(0.4, 0.85),
    turn=st.floats(-1.2, 1.2),
    x=st.floats(40, 56),
    y=st.floats(40, 56),
)
def test_volume_of_any_ellipse(half_length: float, ratio: float, turn: float, x: float, y: float) -> None:
    mask = _ellipse(half_length, ratio, turn, x, y)
    # Of a spheroid as long as this and with as large a section as its pixels, which is the ellipse's to a few percent.
    truth = 8 * mask.sum() ** 2 / (3 * np.pi * 2 * half_length)
    for method in ("discs", "area-length"):
        curve = ventricle_curve(np.stack([mask, mask[:, ::-1]]), method=method)  # type: ignore[arg-type]
        # A clip of a ventricle and its mirror image has an upright axis, or a level one: only the areas must agree.
        assert curve.areas[0] == curve.areas[1] == mask.sum()
        alone = [ventricle_curve(part[None], method=method).volumes[0] for part in (mask, mask[:, ::-1])]  # type: ignore[arg-type]
        np.testing.assert_allclose(alone, truth, rtol=0.04)
        np.testing.assert_allclose(alone[0], alone[1], rtol=0.01)


@settings(max_examples=100, deadline=None)
@given(areas=areas, fps=st.one_of(st.none(), st.floats(5, 200)), rule=st.sampled_from(["product", "power"]))
def test_beats_of_any_curve_are_in_order(areas: list[float], fps: float | None, rule: RangeRule) -> None:
    curve = np.array(areas)
    beats = find_beats(
        VentricleCurve(
            areas=curve,
            lengths=np.sqrt(curve),
            volumes=np.where(curve > 0, curve**1.5, np.nan),
            axes=(None,) * len(curve),
            method="discs",
            mm_per_pixel=None,
        ),
        rule=rule,
        fps=fps,
    )
    frames = [frame for beat in beats.beats for frame in (beat.ed_frame, beat.es_frame)]
    assert frames == sorted(set(frames))
    assert all(0 <= frame < len(curve) for frame in (*frames, *beats.es_frames))
    assert set(beats.es_frames) >= {beat.es_frame for beat in beats.beats}
    assert beats.num_cut in (0, 1)
    assert (np.diff(beats.contractions) > 0).all()
    if rule == "product":
        assert all(0 < beat.ef_percent < 100 for beat in beats.beats)


@settings(max_examples=100, deadline=None)
@given(signal=st.lists(st.floats(-2, 2), min_size=0, max_size=150))
def test_phases_of_any_signal_are_its_frames(signal: list[float]) -> None:
    found = find_phases(np.array(signal))
    both = sorted([*found.ed_frames, *found.es_frames])
    assert len(both) == len(set(both))
    assert all(0 <= frame < len(signal) for frame in both)
    assert found.is_rejected == (not both)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), window=st.sampled_from([1, 3, 5, 9]), frames=st.integers(0, 12))
def test_smoothing_adds_nothing_that_no_frame_near_has(seed: int, window: int, frames: int) -> None:
    masks = np.random.default_rng(seed).random((frames, 3, 3)) < 0.5
    smooth = smooth_masks(masks, window)
    for frame in range(frames):
        near = masks[max(0, frame - window // 2) : frame + window // 2 + 1]
        assert not (smooth[frame] & ~near.any(axis=0)).any()
        assert not (~smooth[frame] & near.all(axis=0)).any()

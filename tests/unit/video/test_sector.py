from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from coreecho.errors import VideoError
from coreecho.phantom import write_hmc_qu_phantoms
from coreecho.video.colour import to_grey
from coreecho.video.containers import read_container
from coreecho.video.sector import convex_hull, find_sector, mask_outside, temporal_statistics
from coreecho.video.sector_shape import nearest_sector

Draw = Callable[..., Any]


@pytest.fixture(scope="session")
def sector_mask(draw_screen: Draw) -> Any:
    """Where the drawn sector truly is."""
    frames = to_grey(draw_screen(has_text=False))
    return convex_hull((frames > 0).any(axis=0))


def overlap(first: Any, second: Any) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_the_sector_is_found_among_text_and_ticks(draw_screen: Draw, sector_mask: Any) -> None:
    sector, _ = find_sector(to_grey(draw_screen()))
    assert overlap(sector.mask, sector_mask) > 0.97
    rows, columns = np.nonzero(sector.mask)
    assert (sector.top, sector.bottom) == (rows.min(), rows.max() + 1)
    assert (sector.left, sector.right) == (columns.min(), columns.max() + 1)


@pytest.mark.parametrize("noise", [1.0, 2.0])
def test_noise_of_a_codec_does_not_hide_the_border(draw_screen: Draw, sector_mask: Any, noise: float) -> None:
    frames = to_grey(draw_screen()).astype(float)
    noisy = (frames + np.random.default_rng(1).normal(0, noise, frames.shape)).clip(0, 255).astype(np.uint8)
    assert overlap(find_sector(noisy)[0].mask, sector_mask) > 0.95


def test_an_ecg_below_the_sector_is_left_out(draw_screen: Draw, sector_mask: Any) -> None:
    sector, _ = find_sector(to_grey(draw_screen(has_ecg=True)))
    assert overlap(sector.mask, sector_mask) > 0.93
    assert sector.bottom < 212  # the trace moves in rows 213 to 225


def test_dark_parts_without_motion_belong_to_the_sector(draw_screen: Draw, sector_mask: Any) -> None:
    frames = to_grey(draw_screen())
    frames[:, 120:170, 100:140] = 0
    frames[:, 60:160, 185:200] = 0
    assert overlap(find_sector(frames)[0].mask, sector_mask) > 0.95


def test_two_sectors_are_refused(draw_screen: Draw) -> None:
    frames = to_grey(draw_screen(apexes=((80, 20), (240, 20)), radius=120))
    with pytest.raises(VideoError, match=r"x\.avi: two parts of the picture move, as in biplane"):
        find_sector(frames, "x.avi")


def test_sectors_that_touch_are_refused(draw_screen: Draw) -> None:
    frames = to_grey(draw_screen(apexes=((92, 20), (228, 20)), radius=130))
    with pytest.raises(VideoError, match="two parts of the picture move"):
        find_sector(frames)


@pytest.mark.parametrize("apexes", [((100, 20), (220, 20)), ((120, 20), (200, 20)), ((135, 20), (185, 30))])
def test_sectors_that_the_screen_cuts_where_they_meet_are_refused(draw_screen: Draw, apexes: Any) -> None:
    """They meet along a line, and no opening parts them."""
    with pytest.raises(VideoError, match="two parts of the picture move"):
        find_sector(to_grey(draw_screen(apexes=apexes, radius=130)))


def test_the_face_of_a_curved_probe_is_no_second_sector(draw_screen: Draw, sector_mask: Any) -> None:
    row, column = np.indices(sector_mask.shape)
    face = np.hypot(row - 20, column - 160) < 60
    frames = to_grey(draw_screen()) * ~face
    assert overlap(find_sector(frames)[0].mask, convex_hull(sector_mask & ~face)) > 0.95


def test_a_still_screen_is_refused(draw_screen: Draw) -> None:
    frames = np.repeat(to_grey(draw_screen(num_frames=1)), 20, axis=0)
    with pytest.raises(VideoError, match=r"no ultrasound sector found: nothing large moves"):
        find_sector(frames)


def test_a_film_that_moves_everywhere_is_refused() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (20, 120, 160), dtype=np.uint8)
    with pytest.raises(VideoError, match=r"no ultrasound sector found: the whole picture moves"):
        find_sector(frames)


def test_too_few_frames_are_refused(draw_screen: Draw) -> None:
    with pytest.raises(VideoError, match=r"clip: has 7 frames; finding the moving sector takes at least 8"):
        find_sector(to_grey(draw_screen(num_frames=7)))


def test_a_region_of_the_file_is_believed_where_the_motion_is(draw_screen: Draw, sector_mask: Any) -> None:
    frames = to_grey(draw_screen())
    region = (slice(15, 201), slice(70, 251))
    sector, is_believed = find_sector(frames, region=region)
    assert is_believed
    assert overlap(sector.mask, sector_mask) > 0.95
    assert not sector.mask[201:].any()
    sector, is_believed = find_sector(frames, region=(slice(0, 60), slice(0, 100)))
    assert not is_believed
    assert overlap(sector.mask, sector_mask) > 0.97


def test_a_label_between_the_sector_and_its_hull_is_masked(draw_screen: Draw) -> None:
    frames = to_grey(draw_screen())
    hull = find_sector(frames)[0].mask
    # A notch in the sector's side, with a still label in it: the hull covers the notch.
    frames[:, 120:150, :130] = 0
    frames[:, 132:138, 110:126] = 220
    assert hull[135, 118]
    masked = mask_outside(frames, find_sector(frames)[0].mask)
    assert not (masked[:, 130:140, 100:130] > 100).any()


def test_deviation_is_that_of_numpy_and_zero_where_still() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (40, 9, 7), dtype=np.uint8)
    frames[:, 3] = 201
    mean, deviation = temporal_statistics(frames)
    np.testing.assert_allclose(mean, frames.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(deviation, frames.std(axis=0), rtol=1e-5)
    assert not deviation[3].any()


def test_the_hull_of_a_disc_is_the_disc() -> None:
    y, x = np.mgrid[:50, :60]
    disc = (y - 25) ** 2 + (x - 30) ** 2 <= 15**2
    ring = disc & ((y - 25) ** 2 + (x - 30) ** 2 >= 12**2)
    assert overlap(convex_hull(ring), disc) > 0.97
    assert (convex_hull(ring) | ~disc)[disc].all()


# --- tissue that hardly changes ---------------------------------------------------------------------------------------


def white_patches(sector: Any) -> dict[str, Any]:
    """Parts of the drawn sector, (H, W): where a pericardium or a diaphragm may shine at full white."""
    y, x = np.mgrid[:240, :320]
    depth = np.hypot(x - 160, y - 20)
    return {
        "inside": sector & (((x - 160) / 30) ** 2 + ((y - 160) / 10) ** 2 < 1),
        "at the far border": sector & (((x - 160) / 40) ** 2 + ((y - 192) / 10) ** 2 < 1),
        "along a part of the far border": sector & (depth > 165) & (abs(x - 160) < 50),
        "along all of the far border": sector & (depth > 165),
        "at the side": sector & (x < 105) & (y > 110) & (y < 150),
    }


@pytest.mark.parametrize("flicker", [0.0, 2.0, 6.0])
@pytest.mark.parametrize("place", white_patches(np.ones((240, 320), dtype=bool)))
def test_bright_still_tissue_belongs_to_the_sector(
    draw_screen: Draw, sector_mask: Any, place: str, flicker: float
) -> None:
    patch = white_patches(sector_mask)[place]
    frames = to_grey(draw_screen(num_frames=16))
    noise = np.random.default_rng(0).normal(0, flicker, (16, int(patch.sum())))
    frames[:, patch] = np.clip(235 + noise, 0, 255).astype(np.uint8)
    mask = find_sector(frames)[0].mask
    assert (mask & patch).sum() > 0.97 * patch.sum()
    assert overlap(mask, sector_mask) > 0.98


def test_a_bright_posterior_wall_of_a_phantom_is_kept(tmp_path: Any) -> None:
    """A scanner's screen of a simulated heart, with everything beyond nine tenths of its depth at full white."""
    write_hmc_qu_phantoms(tmp_path / "phantoms", recordings=1, seed=3, workers=1)
    path = next((tmp_path / "phantoms" / "A4C").glob("*.avi"))
    frames = read_container(path, "avi", str(path)).frames.copy()
    before = find_sector(frames)[0].mask
    rows = np.flatnonzero(before.any(axis=1))
    wall = before & (np.arange(len(before))[:, None] > rows[0] + 0.9 * (rows[-1] - rows[0]))
    frames[:, wall] = 250
    after = find_sector(frames)[0].mask
    assert (after & wall).sum() > 0.97 * wall.sum()
    assert overlap(after, before) > 0.97


def text_box(*, is_dark_on_bright: bool) -> Any:
    """(20, 110): a name in a box, as large as scanners write it."""
    picture = Image.new("L", (110, 20), 220 if is_dark_on_bright else 0)
    ImageDraw.Draw(picture).text((3, 4), "DOE JANE 01/02/1960", fill=20 if is_dark_on_bright else 240)
    return np.asarray(picture)


@pytest.mark.parametrize("is_dark_on_bright", [False, True])
@pytest.mark.parametrize(("top", "left"), [(186, 105), (195, 60), (10, 165), (20, 100)])
def test_a_name_in_a_box_is_no_tissue_wherever_it_touches_the_sector(
    draw_screen: Draw, is_dark_on_bright: bool, top: int, left: int
) -> None:
    frames = to_grey(draw_screen(num_frames=16))
    box = (slice(top, top + 20), slice(left, left + 110))
    frames[:, *box] = text_box(is_dark_on_bright=is_dark_on_bright)
    masked = mask_outside(frames, find_sector(frames)[0].mask)[0][box]
    # Of the letters hardly anything is left: nobody can read them.
    letters = text_box(is_dark_on_bright=False) > 100
    assert (masked[letters] > 0).mean() < 0.25


@pytest.mark.parametrize("top", [186, 200, 215])
def test_a_bright_bar_of_buttons_is_no_tissue(draw_screen: Draw, sector_mask: Any, top: int) -> None:
    frames = to_grey(draw_screen(num_frames=16))
    frames[:, top : top + 20, :] = 200
    mask = find_sector(frames)[0].mask
    assert not mask[top + 3 : top + 20, :60].any()
    assert not mask[top + 3 : top + 20, 260:].any()


@pytest.mark.parametrize("radius", [195, 200, 210])
def test_an_ecg_that_touches_the_arc_or_crosses_it_brings_nothing_beyond_the_sector(
    draw_screen: Draw, radius: int
) -> None:
    alone = to_grey(draw_screen(radius=radius, has_text=False)).max(axis=0) > 0
    found = find_sector(to_grey(draw_screen(radius=radius, has_ecg=True)))[0].mask
    assert overlap(found, alone) > 0.98
    # What hung on the arc took a fifth of the sector's area along.
    assert (found & ~alone).sum() < 0.01 * alone.sum()


def test_a_region_of_another_shape_is_like_no_sector(sector_mask: Any) -> None:
    whole = nearest_sector(sector_mask)
    assert whole is not None
    assert overlap(whole, sector_mask) > 0.98
    assert nearest_sector(sector_mask[::-1]) is None
    square = np.zeros_like(sector_mask)
    square[60:160, 60:160] = True
    assert nearest_sector(square) is None

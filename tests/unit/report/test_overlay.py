from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from coreecho.errors import CoReEchoError
from coreecho.report import overlay
from coreecho.report.overlay import colour_frames, contact_sheet, label_pictures, write_gif, write_mp4
from coreecho.video.lit_sector import lit_sector

Frames = Callable[..., NDArray[np.uint8]]


def test_where_the_map_is_zero_or_unknown_the_picture_stays_grey(sector_frames: Frames) -> None:
    frames = sector_frames(3)
    maps = np.zeros((3, 56, 56), dtype=np.float32)
    maps[1], maps[2, 40, 28] = np.nan, 2.0
    pictures = colour_frames(frames, maps, np.ones((56, 56), dtype=bool))
    np.testing.assert_array_equal(pictures[:2], np.repeat(frames[:2, ..., None], 3, axis=3))
    red, green, blue = pictures[2, 40, 28].astype(int)
    assert red > blue
    assert red > 0.7 * 0.98 * 255
    assert green > blue


def test_nothing_outside_the_sector(sector_frames: Frames) -> None:
    """Burned-in text beside the sector, and a map that is everywhere: neither is drawn."""
    frames = sector_frames(20)
    sector = lit_sector(frames)
    frames[:, :8, :16] = 255
    pictures = colour_frames(frames, np.ones(frames.shape, dtype=np.float32), sector)
    assert not pictures[:, ~sector].any()
    assert pictures[:, sector].any(axis=-1).all()


def test_scale_is_the_largest_value_inside_the_sector(sector_frames: Frames) -> None:
    frames, sector = sector_frames(2), np.zeros((56, 56), dtype=bool)
    sector[20:40, 20:40] = True
    maps = np.full(frames.shape, 0.5, dtype=np.float32)
    outside = maps.copy()
    outside[:, 0, 0] = 1000
    np.testing.assert_array_equal(colour_frames(frames, maps, sector), colour_frames(frames, outside, sector))
    half = colour_frames(frames, maps, sector, scale=1.0)
    assert (half != colour_frames(frames, maps, sector)).any()


def test_shapes_must_fit(sector_frames: Frames) -> None:
    with pytest.raises(ValueError, match="do not fit together"):
        colour_frames(sector_frames(3), np.zeros((2, 56, 56), dtype=np.float32), np.ones((56, 56), dtype=bool))


@pytest.fixture
def pictures() -> NDArray[np.uint8]:
    """Twelve frames in which a white square goes right."""
    frames = np.zeros((12, 56, 56, 3), dtype=np.uint8)
    for index in range(12):
        frames[index, 20:36, 4 * index : 4 * index + 8] = 255
    return frames


def test_labels_are_below_the_picture(pictures: NDArray[np.uint8]) -> None:
    plain = list(label_pictures(pictures, ["EF 50 %"], is_phantom=False))
    marked = list(label_pictures(pictures, ["EF 50 %"], is_phantom=True))
    assert plain[0].shape[0] < marked[0].shape[0]
    assert plain[0].shape[0] % 2 == plain[0].shape[1] % 2 == 0
    assert plain[0].shape[1] == 448
    np.testing.assert_array_equal(plain[3][:448], marked[3][:448])
    assert plain[3][448:].max() > 200


def test_mp4_plays_back_as_written(tmp_path: Path, pictures: NDArray[np.uint8]) -> None:
    path = tmp_path / "overlay.mp4"
    labelled = list(label_pictures(pictures, ["EF 50 %"], is_phantom=True))
    encoder = write_mp4(path, labelled, fps=30, is_phantom=True)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name in {"h264", "mpeg4"}
        assert stream.average_rate == 30
        assert container.metadata["comment"] == "CoReEcho phantom"
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert encoder in {"libx264", "libopenh264", "mpeg4"}
    assert len(decoded) == 12
    assert np.abs(decoded[5].astype(int) - labelled[5]).mean() < 8


def test_mp4_falls_back_to_what_the_build_has(
    tmp_path: Path, pictures: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay, "_CODECS", ("none-such", "mpeg4"))
    assert write_mp4(tmp_path / "a.mp4", pictures, fps=None, is_phantom=False) == "mpeg4"
    monkeypatch.setattr(overlay, "_CODECS", ("none-such",))
    with pytest.raises(CoReEchoError, match="none of the encoders none-such"):
        write_mp4(tmp_path / "b.mp4", pictures, fps=None, is_phantom=False)
    assert not (tmp_path / "b.mp4").exists()


@pytest.mark.parametrize(("fps", "shown", "duration_ms"), [(25, 12, 40), (100, 6, 20), (None, 12, 40)])
def test_gif_keeps_the_time(
    tmp_path: Path, pictures: NDArray[np.uint8], fps: float | None, shown: int, duration_ms: int
) -> None:
    path = tmp_path / "overlay.gif"
    write_gif(path, pictures, fps=fps, is_phantom=True)
    with Image.open(path) as gif:
        assert gif.n_frames == shown
        assert gif.info["duration"] == duration_ms
        assert b"CoReEcho phantom" in gif.info["comment"]


def test_contact_sheet(tmp_path: Path, sector_frames: Frames, assert_png: Callable[[Path], None]) -> None:
    frames = sector_frames(20)
    sector = lit_sector(frames)
    coloured = colour_frames(frames, np.ones(frames.shape, dtype=np.float32), sector)
    sheet = {"title": "EF 50 %", "fps": 50.0}
    contact_sheet(tmp_path / "a.png", frames, coloured, sector, is_phantom=False, **sheet)
    contact_sheet(tmp_path / "b.png", frames, coloured, sector, is_phantom=True, **sheet)
    assert_png(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    with pytest.raises(CoReEchoError, match="cannot be written"):
        contact_sheet(tmp_path / "no" / "c.png", frames, coloured, sector, is_phantom=False, **sheet)


def test_a_film_of_a_map_has_a_bar_of_its_colours() -> None:
    pictures = np.zeros((1, 56, 56, 3), dtype=np.uint8)
    (plain,) = label_pictures(pictures, ["EF 50 %"], is_phantom=False)
    (barred,) = label_pictures(pictures, ["EF 50 %"], is_phantom=False, meaning="what raises the EF")
    band = barred[448 : 448 + len(barred) - len(plain)]
    np.testing.assert_array_equal(barred[448 + len(band) :], plain[448:])
    # Words are grey, and the bar alone has colours: from the darkest to the brightest of the map.
    row = band[len(band) // 2].astype(int)
    (coloured,) = np.nonzero(np.ptp(row, axis=1) > 60)
    assert len(coloured) >= 90
    assert row[coloured[-1]].sum() > 2 * row[coloured[0]].sum()
    assert len(barred) % 2 == 0

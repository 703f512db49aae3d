"""Ellipses of known size that beat: their masks, volumes, beats and EF, in the file's own pixels and frames."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

import coreecho
from coreecho.errors import RecipeError, VideoError
from coreecho.inference import Prediction
from coreecho.inference.files import PredictionFailure
from coreecho.models.segmenter import Segmenter, load_segmenter
from coreecho.ventricle.second_opinion import beside
from coreecho.ventricle.segmentation import Segmentation
from coreecho.ventricle.segmenting import segment_many, segment_video
from coreecho.video.decoded import Decoded
from coreecho.video.geometry import Turn
from coreecho.video.parts import in_one_part
from coreecho.video.reading import _finish


@pytest.fixture(scope="module")
def segmenter(bright_segmenter: Path) -> Segmenter:
    return load_segmenter(bright_segmenter)


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def write_gif(path: Path, frames: NDArray[np.uint8], durations: int | list[int] = 20) -> Path:
    pages = [Image.fromarray(frame) for frame in frames]
    # GIF drops what does not change from frame to frame, and merges frames that are alike; speckle never is.
    pages[0].save(path, save_all=True, append_images=pages[1:], duration=durations, optimize=False)
    return path


def on_a_screen(frames: NDArray[np.uint8], height: int, width: int, top: int, left: int) -> NDArray[np.uint8]:
    """Put the frames of a sector onto a screen with a name on it."""
    screen = Image.new("L", (width, height))
    ImageDraw.Draw(screen).text((4, 2), "DOE JANE", fill=255)
    whole = np.repeat(np.asarray(screen)[None], len(frames), axis=0)
    whole[:, top : top + frames.shape[1], left : left + frames.shape[2]] |= frames
    return whole


def test_an_array(segmenter: Segmenter, bright_heart: Callable[..., Any]) -> None:
    heart = bright_heart()
    found = coreecho.segment(heart.frames, model=segmenter, fps=30)
    assert found.lv_masks.shape == heart.frames.shape
    assert found.lv_masks.dtype == np.bool_
    assert overlap(found.lv_masks, heart.masks) > 0.995
    assert (found.ed_frames, found.es_frames) == (heart.ed_frames, heart.es_frames)
    assert found.ef_percent == pytest.approx([heart.ef_percent] * 3, abs=1.5)
    assert found.ef_percent_by("area-length") == pytest.approx([heart.ef_percent] * 3, abs=1.5)
    # Without the size of a pixel, volumes are shares of the largest.
    np.testing.assert_allclose(found.volume, heart.volumes / heart.volumes.max(), atol=0.03)
    assert found.unit == "of the largest"
    assert found.rhythm == "regular"
    assert found.beats.heart_rate_bpm == pytest.approx(90, rel=0.02)
    assert any("trained on simulated hearts only" in warning for warning in found.warnings)


@pytest.mark.parametrize("size", [(112, 112), (90, 140), (240, 200)])
def test_masks_lie_in_the_pixels_of_the_array(
    segmenter: Segmenter, bright_heart: Callable[..., Any], size: tuple[int, int]
) -> None:
    heart = bright_heart(height=size[0], width=size[1], beats=(12,))
    found = coreecho.segment(heart.frames, model=segmenter, fps=30)
    assert found.lv_masks.shape == heart.frames.shape
    assert overlap(found.lv_masks, heart.masks) > 0.98


def test_a_screen_is_cropped_and_its_masks_are_not(
    segmenter: Segmenter, bright_heart: Callable[..., Any], tmp_path: Path
) -> None:
    heart = bright_heart(height=180, width=180, beats=(22, 22), lead=3)
    whole = on_a_screen(heart.frames, 220, 320, 30, 100)
    found = coreecho.segment(write_gif(tmp_path / "a.gif", whole), model=segmenter)
    assert found.lv_masks.shape == whole.shape
    assert overlap(found.lv_masks[:, 30:210, 100:280], heart.masks) > 0.98
    assert not found.lv_masks[:, :30].any()
    assert not found.lv_masks[:, :, :100].any()
    assert found.es_frames == heart.es_frames
    assert "cropped to its sector" in found.notes


@pytest.mark.parametrize("turn", [Turn(True, False, True), Turn(False, True, True)])
def test_a_film_that_is_stored_turned_has_its_masks_turned(
    segmenter: Segmenter, bright_heart: Callable[..., Any], turn: Turn
) -> None:
    heart = bright_heart(height=180, width=180, beats=(14,), lead=3)
    upright = on_a_screen(heart.frames, 220, 320, 30, 100)
    masks = np.zeros(upright.shape, dtype=bool)
    masks[:, 30:210, 100:280] = heart.masks
    stored = np.ascontiguousarray(turn.undone(upright))
    video = _finish(Decoded(stored, 30.0, turn=turn), None, "a")
    found = segment_video(segmenter, video, "a")
    assert found.lv_masks.shape == stored.shape
    assert overlap(found.lv_masks, turn.undone(masks)) > 0.98


def test_volumes_are_in_ml_where_the_file_says_how_large_a_pixel_is(
    segmenter: Segmenter, bright_heart: Callable[..., Any], tmp_path: Path
) -> None:
    # Pixels 0.5 mm high and 0.75 mm wide.
    heart = bright_heart(height=240, width=200, beats=(22, 22), lead=3, squeeze=1.5)
    path = write_dicom(tmp_path / "a.dcm", on_a_screen(heart.frames, 280, 320, 20, 60), (0.5, 0.75))
    found = coreecho.segment(path, model=segmenter)
    assert found.unit == "mL"
    # A cubic row is 0.125 mm^3.
    np.testing.assert_allclose(found.volume, heart.volumes * 0.125 / 1000, rtol=0.06)
    assert found.ef_percent == pytest.approx([heart.ef_percent] * 2, abs=2)
    assert overlap(found.lv_masks[:, 20:260, 60:260], heart.masks) > 0.97


def test_the_proportions_of_an_array_are_obeyed_in_its_volumes(
    segmenter: Segmenter, bright_heart: Callable[..., Any], tmp_path: Path
) -> None:
    heart = bright_heart(height=240, width=160, beats=(14,), lead=3, squeeze=1.5)
    head = (
        f"ObjectType = Image\nNDims = 3\nDimSize = 160 240 {len(heart.frames)}\nElementType = MET_UCHAR\n"
        "ElementSpacing = 0.75 0.5 1\nElementDataFile = LOCAL\n"
    )
    (tmp_path / "a.mha").write_bytes(head.encode() + heart.frames.tobytes())
    found = coreecho.segment(tmp_path / "a.mha", model=segmenter)
    np.testing.assert_allclose(found.volume, heart.volumes * 0.125 / 1000, rtol=0.06)


def test_frames_at_uneven_times_stay_the_files_own(
    segmenter: Segmenter, bright_heart: Callable[..., Any], tmp_path: Path
) -> None:
    heart = bright_heart(beats=(24, 24))
    # Every third frame of filling was dropped by the recorder.
    kept = [frame for frame in range(len(heart.frames)) if frame % 3 or frame < 20 or 29 < frame < 45]
    times = np.array(kept) * 40
    durations = [*np.diff(times).tolist(), 40]
    found = coreecho.segment(write_gif(tmp_path / "a.gif", heart.frames[kept], durations), model=segmenter)
    assert len(found.lv_masks) == len(kept) == found.num_frames
    assert found.times_s is not None
    np.testing.assert_allclose(found.times_s, times / 1000)
    for frames, expected in ((found.ed_frames, heart.ed_frames), (found.es_frames, heart.es_frames)):
        assert np.abs(np.array([kept[frame] for frame in frames]) - expected).max() <= 1
    assert found.beats.heart_rate_bpm == pytest.approx(60 / 0.96, rel=0.03)
    assert any("not evenly spaced" in note for note in found.notes)


def test_only_the_largest_part_is_kept() -> None:
    shares = np.full((1, 9, 9), 0.4, dtype=np.float32)
    shares[0, 1:5, 1:5], shares[0, 7, 7] = 0.9, 0.8
    kept = in_one_part(shares)
    assert kept[0, 7, 7] == 0
    assert (kept[0, 1:5, 1:5] == np.float32(0.9)).all()
    # What is not sure enough for the mask stays, and shapes the edge.
    assert (kept[0, 0] == np.float32(0.4)).all()


def test_holes_are_filled() -> None:
    shares = np.full((1, 9, 9), 0.1, dtype=np.float32)
    shares[0, 1:7, 1:7], shares[0, 3, 3:5] = 0.9, 0.2
    assert (in_one_part(shares)[0] > 0.5).sum() == 36


def test_a_beat_that_the_start_cuts_off_is_left_out(segmenter: Segmenter, bright_heart: Callable[..., Any]) -> None:
    heart = bright_heart()
    found = coreecho.segment(heart.frames[8:], model=segmenter, fps=30)
    assert found.es_frames == tuple(frame - 8 for frame in heart.es_frames[1:])
    assert any(
        "was left out: its largest area lies at the very start of the clip, and may have been larger before" in note
        for note in found.notes
    )
    nothing = coreecho.segment(heart.frames[8:22], model=segmenter, fps=30)
    assert (nothing.ed_frames, nothing.es_frames, nothing.ef_percent) == ((), (), ())
    assert nothing.mean_ef_percent is None
    assert any("no complete beat" in warning for warning in nothing.warnings)


def test_irregular_rhythm_and_unknown_times_are_told(segmenter: Segmenter, bright_heart: Callable[..., Any]) -> None:
    frames = bright_heart(beats=(20, 44, 20, 20)).frames
    found = coreecho.segment(frames, model=segmenter)
    assert found.rhythm == "irregular"
    assert any("irregular rhythm" in warning for warning in found.warnings)
    assert any("frame rate unknown" in warning for warning in found.warnings)
    assert found.times_s is None
    assert any("10 frames a second" in text for text in coreecho.segment(frames, model=segmenter, fps=10).warnings)


def test_a_ventricle_at_the_edge_and_frames_without_one_are_told(
    segmenter: Segmenter, bright_heart: Callable[..., Any]
) -> None:
    heart = bright_heart()
    cut = heart.frames.copy()[:, :, 50:]
    cut[40:43] = 20
    found = coreecho.segment(cut, model=segmenter, fps=30)
    assert any("the outline meets the edge" in warning for warning in found.warnings)
    assert any("no ventricle was found in 3 of" in warning for warning in found.warnings)
    assert np.isnan(found.volume[40:43]).all()
    assert found.as_dict()["volume"][41] is None


def test_an_outline_that_jumps_aside_is_told(segmenter: Segmenter, bright_heart: Callable[..., Any]) -> None:
    heart = bright_heart()
    found = coreecho.segment(heart.frames, fps=50, model=segmenter)
    # However much it contracts.
    assert found.num_elsewhere == 0
    shares = found.shares.copy()
    shares[3:6] = np.roll(shares[3:6], 60, axis=2)
    jumped = replace(found, shares=shares)
    assert jumped.num_elsewhere == 3
    prediction = Prediction(
        file="a", value=50.0, clip_values=(50.0,), clip_sd=None, clip_starts=(0,), warnings=(), notes=(), fps=50.0,
        num_frames=len(shares), model="m",
    )  # fmt: skip
    assert any("3 of" in words and "lies elsewhere" in words for words in beside(prediction, jumped).warnings)
    assert not any("lies elsewhere" in words for words in beside(prediction, found).warnings)


def test_a_beat_whose_outline_lies_beside_the_ventricle_gives_no_ef(
    segmenter: Segmenter, bright_heart: Callable[..., Any]
) -> None:
    frames = bright_heart().frames.copy()
    whole = coreecho.segment(frames, fps=50, model=segmenter)
    ed, es = whole.ed_frames[-1], whole.es_frames[-1]
    # As large as it was, and where the heart never is.
    frames[ed - 2 : ed + 3] = np.roll(frames[ed - 2 : ed + 3], 40, axis=2)
    found = coreecho.segment(frames, fps=50, model=segmenter)
    assert set(found.elsewhere) >= {ed}
    assert found.es_frames == whole.es_frames[:-1]
    assert found.ef_percent == pytest.approx(whole.ef_percent[:-1], abs=1)
    assert found.beats.num_cut == whole.beats.num_cut
    told = f"a beat about {es / 50:.2f} s was left out: at end-diastole the outline lies elsewhere than in most frames"
    assert told in found.notes
    # To the letter of the published rule there is no such question.
    assert ed in coreecho.segment(frames, fps=50, model=segmenter, beats="power").ed_frames


def test_the_published_rule_says_so(segmenter: Segmenter, bright_heart: Callable[..., Any]) -> None:
    found = coreecho.segment(bright_heart().frames, model=segmenter, fps=30, beats="power")
    assert found.beats.rule == "power"
    assert any("published rule" in note for note in found.notes)


def test_a_result_is_json(segmenter: Segmenter, bright_heart: Callable[..., Any]) -> None:
    heart = bright_heart()
    found = coreecho.segment(heart.frames, model=segmenter, fps=30)
    document = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert document["ef_percent"] == pytest.approx(heart.ef_percent, abs=1.5)
    assert [beat["es_frame"] for beat in document["beats"]] == list(heart.es_frames)
    assert document["beats"][0]["edv"] == pytest.approx(1, abs=0.02)
    assert len(document["volume"]) == len(document["volume_area_length"]) == len(document["time_s"])
    assert "must not guide the care of a patient" in document["notice"]
    assert "simulated hearts" in document["model"]


def test_many_files_in_order_with_those_that_fail(
    bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path
) -> None:
    heart = bright_heart(beats=(12,))
    np.save(tmp_path / "b.npy", heart.frames)
    np.save(tmp_path / "c.npy", np.zeros_like(heart.frames))
    np.save(tmp_path / "d.npy", heart.frames[:4])
    (tmp_path / "e.avi").write_bytes(b"nothing")
    results = list(segment_many(load_segmenter(bright_segmenter), [tmp_path, tmp_path / "gone"]))
    assert isinstance(results[0], Segmentation)
    assert overlap(results[0].lv_masks, heart.masks) > 0.99
    failures = [result for result in results[1:] if isinstance(result, PredictionFailure)]
    assert [Path(failure.file).name for failure in failures] == ["c.npy", "d.npy", "e.avi", "gone"]
    for failure, words in zip(failures, ("black", "at least 8", "not a video", "no such file"), strict=True):
        assert words in failure.error


def test_mistakes_are_told(bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path) -> None:
    frames = bright_heart(beats=(12,)).frames
    with pytest.raises(RecipeError, match="is a file, which says its own frame rate"):
        coreecho.segment(tmp_path / "a.avi", model=bright_segmenter, fps=3)
    with pytest.raises(VideoError, match="expected grey frames"):
        coreecho.segment(frames.astype(float), model=bright_segmenter)
    with pytest.raises(VideoError, match="a heartbeat takes at least 8"):
        coreecho.segment(frames[:5], model=bright_segmenter)


def write_dicom(path: Path, frames: NDArray[np.uint8], pixel_mm: tuple[float, float]) -> Path:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.3.1")
    meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = meta.MediaStorageSOPClassUID, "1.2.3", "US"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = frames.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation, dataset.FrameTime = 7, 0, "20"
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType = 1, 1
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = frames.shape[2] - 1, frames.shape[1] - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaY, region.PhysicalDeltaX = pixel_mm[0] / 10, pixel_mm[1] / 10
    dataset.SequenceOfUltrasoundRegions = [region]
    dataset.PixelData = frames.tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return path

"""From a clip to its left ventricle: every frame of the file is outlined, and the way back to its own pixels is kept.

import coreecho
found = coreecho.segment("clip.dcm", model="lv.safetensors")
found.lv_masks      # (T, H, W) bool, in the file's own pixels and frames
found.ef_percent    # of each beat
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import RecipeError, UnsuitableError, VideoError, log_unforeseen
from coreecho.inference.cautions import cautions_of_domain
from coreecho.inference.files import PredictionFailure, find_files
from coreecho.inference.preparing import ReadFile, clip_reader
from coreecho.models.segmenter import THRESHOLD, Segmenter, open_segmenter
from coreecho.shipped import DEFAULT
from coreecho.ventricle.beats import Beats, RangeRule
from coreecho.ventricle.segmentation import Segmentation
from coreecho.ventricle.timed_beats import find_timed_beats
from coreecho.ventricle.volume import Method, VentricleCurve, ventricle_curves
from coreecho.video import Video, resize_frames
from coreecho.video.decoded import Decoded
from coreecho.video.limits import SECONDS_A_FILE
from coreecho.video.parts import in_one_part
from coreecho.video.placement import whole_picture
from coreecho.video.reader_process import read_resized
from coreecho.video.reading import ClipPath
from coreecho.video.resizing import stretch_frames
from coreecho.video.sector import MIN_FRAMES

# Frames are read so many times larger than the model sees them, where the file has the pixels, to be looked at.
_LARGER = 4
# End-systole lasts for about 70 ms: at fewer frames a second the smallest volume lies between two of them.
_MIN_FPS = 15.0
# Beyond these no adult's end-diastolic volume lies; a wrong size of a pixel counts three times.
_MIN_EDV_ML, _MAX_EDV_ML = 15.0, 700.0


def segment(
    clip: str | Path | NDArray[np.uint8],
    *,
    model: Segmenter | str | Path = DEFAULT,
    fps: float | None = None,
    beats: RangeRule = "product",
    method: Method = "discs",
    device: str | None = None,
    axes: str | None = None,
) -> Segmentation:
    """Outline the left ventricle in every frame of a clip, and find its beats.

    Args:
        clip: a file, of any kind that `coreecho.Predictor` reads; or grey frames (T, H, W) of uint8, which are taken
            for the sector, without text.
        model: a loaded segmenter, or the path of one; the one that ships with coreecho when not given.
        fps: frames per second of an array.
        beats: how end-systole is told from the areas: "product", as is evidently meant, or "power", as EchoNet-Dynamic
            has published it.
        method: of the volumes that EF is of: "discs" or "area-length".
        device: where to compute: "cpu", "gpu", "auto", "cuda:1".
        axes: of a file that is an array, where they are not the usual ones: see `read_video`.

    Raises:
        VideoError: it is not a readable clip of a heartbeat.
        RecipeError: no such device, or a frame rate of a file.
        CheckpointError: the model cannot be read.
    """
    segmenter = open_segmenter(model, device)
    if isinstance(clip, str | Path):
        if fps is not None:
            raise RecipeError(f"fps: {clip} is a file, which says its own frame rate; give fps with an array.")
        return segment_file(segmenter, Path(clip), beats=beats, method=method, axes=axes)
    return segment_video(segmenter, _of_array(np.asarray(clip), fps), "array", beats=beats, method=method)


def segment_many(
    segmenter: Segmenter,
    paths: Sequence[str | Path],
    *,
    beats: RangeRule = "product",
    method: Method = "discs",
    axes: str | None = None,
    joins_series: bool = False,
    seconds_a_file: float | None = SECONDS_A_FILE,
) -> Iterator[Segmentation | PredictionFailure]:
    """Segment files and folders, in order; a file that cannot be read gives a failure and stops no other.

    Files are read in a process of their own, so that none takes all time or memory. Arguments as of `segment` and of
    `Predictor`.
    """
    with clip_reader(seconds_a_file) as read:
        for number, file in enumerate(find_files(paths, joins_series=joins_series), start=1):
            if isinstance(file, PredictionFailure):
                yield file
                continue
            try:
                found = segment_file(segmenter, file, beats=beats, method=method, axes=axes, read=read)
            # A file that trips a fault nobody foresaw must not take the other ten thousand with it.
            except Exception as error:
                log_unforeseen(error, f"file {number}")
                yield PredictionFailure.of(str(file), error)
            else:
                yield found


def segment_file(
    segmenter: Segmenter,
    path: ClipPath,
    *,
    beats: RangeRule = "product",
    method: Method = "discs",
    axes: str | None = None,
    read: ReadFile = read_resized,
) -> Segmentation:
    """Segment one file; `read` is what reads it. Raises VideoError: not a readable clip, black, or too short."""
    file = read(path, segmenter.frame_size, axes=axes, keeps_times=True, up_to=_LARGER)
    return segment_video(segmenter, file.video, str(path), beats=beats, method=method)


def segment_video(
    segmenter: Segmenter, video: Video, name: str, *, beats: RangeRule = "product", method: Method = "discs"
) -> Segmentation:
    """Segment a clip that was read.

    Args:
        segmenter: on the device that shall compute.
        video: (T, k S, k S) for a whole k, with its placement; S is the segmenter's frame size.
        name: of the clip, for the result.
        beats: see `segment`.
        method: see `segment`.

    Raises:
        VideoError: it is black.
        UnsuitableError: it has too few frames for a heartbeat.
    """
    if video.num_frames < MIN_FRAMES:
        raise UnsuitableError(
            f"{name}: has {video.num_frames} frames; a heartbeat takes at least {MIN_FRAMES}. Give the whole clip."
        )
    video.refuse_unmoved()
    seen = resize_frames(video.frames, segmenter.frame_size)
    inside = _shown(video, segmenter.frame_size)
    shares = in_one_part(segmenter.probabilities(seen) * inside)
    curves = measure(shares, video)
    times_ms = None if video.placement is None else video.placement.times_ms
    found = find_timed_beats(curves[method], rule=beats, fps=video.fps, times_ms=times_ms)
    result = Segmentation(
        file=name,
        shares=shares,
        curves=curves,
        method=method,
        beats=found,
        fps=video.fps,
        video=video,
        warnings=(),
        notes=_notes(video, found),
        model=segmenter.name,
        model_in_short=segmenter.short_name,
        is_phantom=video.is_phantom,
    )
    result = replace(result, beats=found.without(result.elsewhere))
    notes = (*result.notes, *result.left_out_words)
    return replace(result, warnings=tuple(_warnings(result, segmenter, inside)), notes=notes)


def measure(shares: NDArray[np.float32], video: Video) -> dict[Method, VentricleCurve]:
    """Volumes over time by each method, in mL where the file says how large its pixels are.

    Args:
        shares: (T, S, S), above one half in the mask.
        video: whose frames they are of.
    """
    size = None if video.placement is None else video.placement.frame_pixel_mm(shares.shape[-1])
    masks = shares > THRESHOLD
    if size is not None and size[0] != size[1]:
        # Both rules of volume want square pixels.
        levels = np.rint(shares * 254).astype(np.uint8)
        width = max(1, round(shares.shape[2] * size[1] / size[0]))
        masks = stretch_frames(levels, shares.shape[1], width) > 254 * THRESHOLD
    mm_per_pixel = None if size is None else size[0]
    return ventricle_curves(masks, mm_per_pixel=mm_per_pixel)


def _of_array(frames: NDArray[np.uint8], fps: float | None) -> Video:
    if frames.ndim != 3 or frames.dtype != np.uint8 or 0 in frames.shape:
        raise VideoError(
            f"array: expected grey frames (T, H, W) of uint8, 0 black to 255 white; got shape {frames.shape} of "
            f"{frames.dtype}."
        )
    placement = whole_picture(Decoded(frames, fps))
    return Video(resize_frames(frames, max(frames.shape[1:])), fps, "array", placement=placement)


def _shown(video: Video, frame_size: int) -> NDArray[np.bool_]:
    """Where the frames show the file's sector, (S, S): there is no ventricle outside of it."""
    if video.placement is None:
        return np.ones((frame_size, frame_size), dtype=np.bool_)
    return video.placement.sector_in_frames(frame_size)


def _notes(video: Video, beats: Beats) -> tuple[str, ...]:
    notes = list(video.notes)
    if video.placement is not None and video.placement.times_ms is not None:
        notes.append("its frames are not evenly spaced in time; beats were found by their times")
    if beats.note:
        notes.append(beats.note)
    return tuple(notes)


def _warnings(found: Segmentation, segmenter: Segmenter, inside: NDArray[np.bool_]) -> Iterator[str]:
    """What speaks against trusting a segmentation, the gravest first."""
    trained_on = segmenter.trained_on
    if trained_on is None:
        yield "nothing is known of the data that this model was trained on"
    else:
        yield from cautions_of_domain(found.video, trained_on, "EF")
    missing, total = found.curves[found.method].num_missing, found.num_frames
    if missing:
        yield f"no ventricle was found in {missing} of {total} frames"
    if found.num_elsewhere:
        where = "the outline lies elsewhere than in the others"
        yield f"in {found.num_elsewhere} of {total} frames {where}: look at the film"
    if not found.beats.beats:
        yield f"no complete beat was found, so there is no EF: {_why_no_beat(found)}"
    if found.beats.is_irregular:
        spread = 100 * (found.beats.interval_spread or 0)
        yield f"irregular rhythm: intervals between beats differ by {spread:.0f} % of their mean; look at each beat"
    touching = _touching(found.frame_masks, inside)
    if touching:
        yield f"in {touching} of {total} frames the outline meets the edge of what is shown: volumes may be too small"
    if found.fps is None:
        yield "frame rate unknown: beats are told apart by numbers of frames, and no heart rate is known"
    elif found.fps < _MIN_FPS:
        yield f"{found.fps:.3g} frames a second: end-systole may lie between two of them, and the EF come out too low"
    largest = max((beat.edv for beat in found.beats.beats), default=None)
    if found.unit == "mL" and largest is not None and not _MIN_EDV_ML <= largest <= _MAX_EDV_ML:
        yield f"an end-diastolic volume of {largest:.0f} mL: the size of a pixel that the file gives may be wrong"


def _why_no_beat(found: Segmentation) -> str:
    if 2 * found.curves[found.method].num_missing > found.num_frames:
        return "most frames have no mask"
    if found.num_elsewhere:
        return "the outline jumps from place to place"
    if found.beats.es_frames:
        return "the clip begins within the only one"
    return "the clip holds no whole contraction, from a largest area to a smallest one well before its end"


def _touching(masks: NDArray[np.bool_], inside: NDArray[np.bool_]) -> int:
    """Frames whose mask lies on the border of what is shown, in more than a few pixels: rounding makes some touch."""
    border = np.ones_like(inside)
    border[1:-1, 1:-1] = ~(
        inside[1:-1, 1:-1] & inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    )
    few = max(3, masks.shape[1] // 28)
    return int(((masks & border).sum(axis=(1, 2)) > few).sum())

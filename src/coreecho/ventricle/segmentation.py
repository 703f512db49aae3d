"""What is found of the left ventricle in one clip: masks, volume over time, beats, and the EF of each."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.models.segmenter import THRESHOLD
from coreecho.tasks import EF
from coreecho.ventricle.beats import Beats
from coreecho.ventricle.volume import Method, VentricleCurve, ejection_fraction
from coreecho.video.lit_sector import lit_sector
from coreecho.video.parts import largest_part
from coreecho.video.video import Video

RELATIVE = "of the largest"
# Where the mask lies in so many of the frames the ventricle is taken to be.
_USUAL_SHARE = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmentation:
    """The left ventricle in a clip, in the file's own frames.

    Attributes:
        file: its path as given; of an array, which it was.
        shares: (T, S, S) float32, how sure the model is that a pixel lies in the cavity; S is the model's frame size,
            and 0 where nothing was taken for the ventricle.
        curves: volumes over time by each method.
        method: by which EF and `volume` are.
        beats: the complete beats, from end-diastole (ED) to end-systole (ES).
        fps: frames per second of the file, where they are known; of frames at uneven times, of their resampling.
        video: the file's frames, (T, k S, k S) for a whole k, to be looked at.
        warnings: what speaks against trusting it.
        notes: what was done to the clip.
        model: what outlined it.
        model_in_short: the same in the few words that a moving picture has room for.
        is_phantom: the heart is simulated.
        notice: what an EF shown here is not.
    """

    file: str
    shares: NDArray[np.float32]
    curves: Mapping[Method, VentricleCurve]
    method: Method
    beats: Beats
    fps: float | None
    video: Video
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    model: str
    model_in_short: str = ""
    is_phantom: bool = False
    notice: str = EF.notice

    @property
    def num_frames(self) -> int:
        """T, of the file."""
        return len(self.shares)

    @property
    def frame_masks(self) -> NDArray[np.bool_]:
        """(T, S, S), the cavity in the model's own pixels."""
        return np.asarray(self.shares > THRESHOLD)

    @cached_property
    def elsewhere(self) -> tuple[int, ...]:
        """Frames whose mask lies elsewhere than in most: for less than half of the smaller of the two.

        A ventricle that contracts stays within its own largest outline, however much of it is left.
        """
        masks = self.frame_masks
        areas = masks.sum(axis=(1, 2))
        is_there = areas > 0
        if not is_there.any():
            return ()
        usual = masks[is_there].mean(axis=0) >= _USUAL_SHARE
        common, smaller = (masks & usual).sum(axis=(1, 2)), np.minimum(areas, usual.sum())
        return tuple(map(int, np.flatnonzero(is_there & (2 * common < smaller))))

    @property
    def num_elsewhere(self) -> int:
        """How many frames `elsewhere` are."""
        return len(self.elsewhere)

    @cached_property
    def lv_masks(self) -> NDArray[np.bool_]:
        """(T, H, W), the cavity in the file's own pixels as they are stored, one connected part a frame."""
        masks = np.zeros((self.num_frames, *self.file_size), dtype=np.bool_)
        for kept, mask in zip(masks, self.file_masks(), strict=True):
            kept[:] = mask
        return masks

    @property
    def file_size(self) -> tuple[int, int]:
        """H and W of the file's pictures, as they are stored."""
        placement = self.video.placement
        return self.shares.shape[1:] if placement is None else (placement.height, placement.width)

    def file_masks(self) -> Iterator[NDArray[np.bool_]]:
        """The frames of `lv_masks`, (H, W) each, one after the other: all at once they may take gigabytes."""
        placement = self.video.placement
        for share in self.shares if placement is None else placement.in_file(self.shares):
            # What is one part in the model's pixels may hang together by less than one of the file's.
            yield largest_part(share > THRESHOLD)

    def without_pixels(self) -> "Segmentation":
        """All numbers, and no frames and no masks: of thousands of files these would fill the memory."""
        nothing = np.zeros((self.num_frames, 1, 1), dtype=np.uint8)
        small = replace(self.video, frames=nothing)
        return replace(self, video=small, shares=nothing.astype(np.float32))

    @cached_property
    def sector(self) -> NDArray[np.bool_]:
        """(k S, k S), where there is ultrasound; nothing else may be shown. Raises VideoError: there is none."""
        return lit_sector(self.video.frames, self.file)

    @property
    def unit(self) -> str:
        """Of `volume`: mL where the file says how large a pixel is, else a share of the clip's largest volume."""
        return RELATIVE if self.curves[self.method].mm_per_pixel is None else "mL"

    @property
    def volume(self) -> NDArray[np.float64]:
        """(T,), of the cavity, in `unit`; NaN in a frame without a mask."""
        return self.volume_by(self.method)

    def volume_by(self, method: Method) -> NDArray[np.float64]:
        """(T,), of the cavity by a method, "discs" or "area-length", in `unit`; NaN in a frame without a mask."""
        volumes = self.curves[method].volumes
        return volumes / self._whole(method)

    def _whole(self, method: Method) -> float:
        """What volumes are shares of, in the unit of the curve."""
        curve = self.curves[method]
        if curve.mm_per_pixel is not None or np.isnan(curve.volumes).all():
            return 1.0
        return float(np.nanmax(curve.volumes))

    @property
    def times_s(self) -> NDArray[np.float64] | None:
        """(T,), when each frame was taken, in seconds; None where that is not known."""
        placement = self.video.placement
        if placement is not None and placement.times_ms is not None:
            return np.asarray((placement.times_ms - placement.times_ms[0]) / 1000)
        return None if self.fps is None else np.arange(self.num_frames) / self.fps

    @property
    def left_out_words(self) -> tuple[str, ...]:
        """Contractions beside the beats, each with its moment and why it is none of them."""
        times = self.times_s
        return tuple(
            each.words(f"frame {each.frame}" if times is None else f"{times[each.frame]:.2f} s")
            for each in self.beats.left_out
        )

    @property
    def ed_frames(self) -> tuple[int, ...]:
        """End-diastole of each complete beat, counted from 0."""
        return self.beats.ed_frames

    @property
    def es_frames(self) -> tuple[int, ...]:
        """End-systole of each complete beat, counted from 0."""
        return tuple(beat.es_frame for beat in self.beats.beats)

    @property
    def ef_percent(self) -> tuple[float, ...]:
        """EF of each complete beat."""
        return tuple(beat.ef_percent for beat in self.beats.beats)

    def ef_percent_by(self, method: Method) -> tuple[float, ...]:
        """EF of the same beats by a method; NaN where one of their two frames has no mask."""
        volumes = self.curves[method].volumes
        return tuple(ejection_fraction(volumes[beat.ed_frame], volumes[beat.es_frame]) for beat in self.beats.beats)

    @property
    def mean_ef_percent(self) -> float | None:
        """Mean EF over the complete beats; None where there is none."""
        return self.beats.ef_percent

    @property
    def rhythm(self) -> str:
        """Whether it is "regular" or "irregular"; "not known" with fewer than three contractions to compare."""
        return {True: "irregular", False: "regular", None: "not known"}[self.beats.is_irregular]

    def beat_rows(self) -> list[dict[str, Any]]:
        """One row a complete beat, JSON-able: frames, times, volumes and EF by both methods."""
        times = self.times_s
        whole = self._whole(self.method)
        others = {method: self.ef_percent_by(method) for method in self.curves}
        return [
            {
                "beat": number + 1,
                "ed_frame": beat.ed_frame,
                "es_frame": beat.es_frame,
                "ed_s": None if times is None else round(float(times[beat.ed_frame]), 4),
                "es_s": None if times is None else round(float(times[beat.es_frame]), 4),
                "edv": beat.edv / whole,
                "esv": beat.esv / whole,
                "volume_unit": self.unit,
                "ef_percent": beat.ef_percent,
                **{f"ef_percent_{method.replace('-', '_')}": _known(ef[number]) for method, ef in others.items()},
            }
            for number, beat in enumerate(self.beats.beats)
        ]

    def as_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary of all but the pixels."""
        beats, times = self.beats, self.times_s
        return {
            "file": self.file,
            "ef_percent": self.mean_ef_percent,
            "num_beats": len(beats.beats),
            "beats": self.beat_rows(),
            "rhythm": self.rhythm,
            "heart_rate_bpm": beats.heart_rate_bpm,
            "num_beats_cut_off": beats.num_cut,
            "beats_left_out": [{"frame": each.frame, "why": each.why} for each in beats.left_out],
            "rule_of_beats": beats.rule,
            "method": self.method,
            "volume": [_known(value) for value in self.volume],
            **{
                f"volume_{method.replace('-', '_')}": [_known(value) for value in self.volume_by(method)]
                for method in self.curves
                if method != self.method
            },
            "volume_unit": self.unit,
            "time_s": None if times is None else [round(float(time), 4) for time in times],
            "fps": self.fps,
            "num_frames": self.num_frames,
            "num_frames_without_mask": self.curves[self.method].num_missing,
            "is_phantom": self.is_phantom,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "model": self.model,
            "notice": self.notice,
        }


def _known(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else float(value)

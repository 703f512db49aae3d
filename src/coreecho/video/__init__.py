"""What a moving picture is. NumPy in, NumPy out; knows no data set and no network."""

from typing import TYPE_CHECKING, Any

from coreecho.later import import_from

if TYPE_CHECKING:
    from coreecho.video.affine import random_affine
    from coreecho.video.augmentation import pad_and_crop
    from coreecho.video.clips import ClipSampling, all_starts, even_starts, num_starts, random_start, take_clip
    from coreecho.video.dicom_series import Series, find_series
    from coreecho.video.reading import read_series, read_video
    from coreecho.video.resizing import resize_frames, squash_frames
    from coreecho.video.start_index import read_start_index
    from coreecho.video.store import FrameStore
    from coreecho.video.temporal import TimeMethod, resample_fps, resample_time, take_beat
    from coreecho.video.video import Video

__all__ = [
    "ClipSampling",
    "FrameStore",
    "Series",
    "TimeMethod",
    "Video",
    "all_starts",
    "even_starts",
    "find_series",
    "num_starts",
    "pad_and_crop",
    "random_affine",
    "random_start",
    "read_series",
    "read_start_index",
    "read_video",
    "resample_fps",
    "resample_time",
    "resize_frames",
    "squash_frames",
    "take_beat",
    "take_clip",
]

_ROOM_OF = {
    "ClipSampling": "coreecho.video.clips",
    "FrameStore": "coreecho.video.store",
    "Series": "coreecho.video.dicom_series",
    "TimeMethod": "coreecho.video.temporal",
    "Video": "coreecho.video.video",
    "all_starts": "coreecho.video.clips",
    "even_starts": "coreecho.video.clips",
    "find_series": "coreecho.video.dicom_series",
    "num_starts": "coreecho.video.clips",
    "pad_and_crop": "coreecho.video.augmentation",
    "random_affine": "coreecho.video.affine",
    "random_start": "coreecho.video.clips",
    "read_series": "coreecho.video.reading",
    "read_start_index": "coreecho.video.start_index",
    "read_video": "coreecho.video.reading",
    "resample_fps": "coreecho.video.temporal",
    "resample_time": "coreecho.video.temporal",
    "resize_frames": "coreecho.video.resizing",
    "squash_frames": "coreecho.video.resizing",
    "take_beat": "coreecho.video.temporal",
    "take_clip": "coreecho.video.clips",
}


def __getattr__(name: str) -> Any:
    return import_from(_ROOM_OF, name, package=__name__)

"""Films of other codecs within DICOM."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HEVCMP51,
    MPEG2MPHL,
    MPEG2MPML,
    MPEG4HP41,
    MPEG4HP42STEREO,
)

from coreecho.errors import VideoError
from coreecho.video import read_video

Write = Callable[..., Path]


def has_encoder(name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


@pytest.mark.parametrize(
    ("container", "codec", "syntax"),
    [
        ("mp4", "libx264", MPEG4HP41),
        ("mpegts", "libx264", MPEG4HP41),
        ("h264", "libx264", MPEG4HP42STEREO),
        ("mp4", "libx265", HEVCMP51),
        ("mpegts", "libx265", HEVCMP51),
        ("hevc", "libx265", HEVCMP51),
        ("mpegts", "mpeg2video", MPEG2MPHL),
        ("mpeg2video", "mpeg2video", MPEG2MPML),
    ],
)
def test_encapsulated_video_is_read(
    tmp_path: Path, smooth_frames: Any, write_clip: Write, write_dicom: Write, container: str, codec: str, syntax: str
) -> None:
    if not has_encoder(codec):
        pytest.skip(f"this FFmpeg has no encoder {codec}")
    options = {"libx264": {"crf": "10"}, "mpeg2video": {"b": "8000000"}}.get(codec, {"preset": "ultrafast"})
    if codec == "libx265":
        options["x265-params"] = "crf=10:log-level=none:pools=1"
    video = write_clip(
        tmp_path / "a.bin", smooth_frames, container=container, codec=codec, pixel_format="yuv420p", options=options,
    )  # fmt: skip
    path = write_dicom(tmp_path / "a.dcm", smooth_frames)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([video.read_bytes()], has_bot=False)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    frames = read_video(path).frames
    assert np.abs(frames.astype(int) - smooth_frames).mean() < 3
    dataset.NumberOfFrames = 60
    dataset.save_as(path)
    with pytest.raises(VideoError, match="declares 60 frames"):
        read_video(path)

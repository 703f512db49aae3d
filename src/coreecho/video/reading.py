"""Any file to a Video, by its content and not by its name."""

from pathlib import Path

from coreecho.video.containers import read_container
from coreecho.video.video import Video


def read_video(path: str | Path) -> Video:
    """Read an echocardiogram clip.

    Args:
        path: an AVI, MP4, MOV, GIF, NPY or DICOM file, told apart by content.

    Raises:
        VideoError: the file cannot be read, is damaged, or is not a clip.
    """
    source = str(path)
    decoded = read_container(Path(path), "avi", source, is_colour_checked=False)
    return Video(decoded.frames, decoded.fps, source, decoded.is_phantom)

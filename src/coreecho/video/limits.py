"""What a clip may measure at most, checked before memory is taken for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from coreecho.errors import VideoError

# No ultrasound screen comes near these; a damaged or hostile header easily does.
MAX_FILE_BYTES = 4 * 1024**3
MAX_SIDE = 16_384
MAX_FRAME_PIXELS = 64 * 1024**2
MAX_DECODED_BYTES = 2 * 1024**3
# What is held of one clip at a time. A whole screen is held twice for a moment, when its sector is cut out of it, and
# is read at half its resolution where it would pass this; clips that are taken as they are, are held once.
MAX_SCREEN_BYTES = 256 * 1024**2
MAX_HELD_BYTES = 512 * 1024**2

# Pixels for each byte of the file. Speckle is noise: without loss it packs to a fifth at best, so with its black screen
# around it to a hundredth; MPEG codecs reach a thousandth at their worst quality. A few bytes that stand for gigabytes
# of one grey level are no recording, and would keep their reader busy for minutes.
MAX_PIXELS_PER_BYTE = 300
MAX_PIXELS_PER_BYTE_OF_VIDEO = 5000
# Below this a clip is read however well it packs.
_SMALL_BYTES = 64 * 1024**2

# That a file has to be decoded in, and one more for each megabyte.
SECONDS_A_FILE = 10.0
BYTES_A_SECOND = 1e6


class Patience:
    """The time that may be spent on decoding one file, by the thread that does; some bytes keep a codec busy for hours.

    Args:
        source: the file, for the message.
        num_bytes: of it, or of the part of it that holds the pixels.
    """

    def __init__(self, source: str, num_bytes: int) -> None:
        self._source = source
        self._allowed = SECONDS_A_FILE + num_bytes / BYTES_A_SECOND
        self._spent = 0.0

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Count the time of the body, such as of one frame. Raises VideoError after it, where there is none left."""
        start = time.thread_time()
        yield
        self._spent += time.thread_time() - start
        if self._spent > self._allowed:
            raise VideoError(
                f"{self._source}: given up: it was not decoded within {self._allowed:.0f} seconds, which is enough for "
                "a clip of its size. It may be damaged; convert it with another program."
            )


def check_size(source: str, num_frames: int, height: int, width: int) -> None:
    """Refuse a clip whose grey frames could not be held in memory.

    Args:
        source: the file, for the message.
        num_frames: frames declared or read so far.
        height: rows of a frame.
        width: columns of a frame.

    Raises:
        VideoError: a side, a frame or the whole clip is beyond the limits, or a side is not positive.
    """
    if height < 1 or width < 1:
        # FFmpeg gives 0 x 0 where a declared size is beyond the limit that it was told.
        raise VideoError(
            f"{source}: the size of its frames is missing, or beyond any that is read. The file is damaged."
        )
    if max(height, width) > MAX_SIDE or height * width > MAX_FRAME_PIXELS:
        raise VideoError(
            f"{source}: declares frames of {height} x {width} pixels; at most {MAX_SIDE} a side and "
            f"{MAX_FRAME_PIXELS:,} in all are read. The file is damaged, or not an ultrasound clip."
        )
    if num_frames * height * width > MAX_DECODED_BYTES:
        raise too_long(source, num_frames, height, width, MAX_DECODED_BYTES)


def check_held(source: str, num_frames: int, height: int, width: int) -> None:
    """Refuse a clip that is taken as it is, and is longer than may be held. Raises VideoError."""
    if num_frames * height * width > MAX_HELD_BYTES:
        raise too_long(source, num_frames, height, width, MAX_HELD_BYTES)


def check_density(source: str, num_pixels: int, num_bytes: int, max_pixels_per_byte: int = MAX_PIXELS_PER_BYTE) -> None:
    """Refuse a file whose few bytes are said to hold far more pixels than any recording of speckle packs into them.

    Args:
        source: the file, for the message.
        num_pixels: of all frames, as declared.
        num_bytes: of the file, or of the part of it that holds the pixels.
        max_pixels_per_byte: what its coding can reach.

    Raises:
        VideoError: it is so.
    """
    if num_pixels > _SMALL_BYTES and num_pixels > max_pixels_per_byte * max(num_bytes, 1):
        raise VideoError(
            f"{source}: {num_bytes:,} bytes are said to hold {num_pixels / 1024**2:,.0f} MiB of pixels, more than any "
            "recording of moving tissue packs into them. The file is damaged, or made to keep its reader busy."
        )


def too_long(source: str, num_frames: int, height: int, width: int, max_bytes: int) -> VideoError:
    """Say that a clip is beyond a limit."""
    num_bytes = num_frames * height * width
    return VideoError(
        f"{source}: {num_frames} frames of {height} x {width} pixels are {num_bytes / 1024**3:.1f} GiB decoded; "
        f"at most {max_bytes / 1024**3:g} GiB are read. Cut the clip: ffmpeg -i IN -t SECONDS OUT."
    )

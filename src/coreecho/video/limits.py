"""What a clip may measure at most, checked before memory is taken for it."""

from coreecho.errors import VideoError

# No ultrasound screen comes near these; a damaged or hostile header easily does.
MAX_FILE_BYTES = 4 * 1024**3
MAX_SIDE = 16_384
MAX_FRAME_PIXELS = 64 * 1024**2
MAX_DECODED_BYTES = 2 * 1024**3


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
    num_bytes = num_frames * height * width
    if num_bytes > MAX_DECODED_BYTES:
        raise VideoError(
            f"{source}: {num_frames} frames of {height} x {width} pixels are {num_bytes / 1024**3:.1f} GiB decoded; "
            f"at most {MAX_DECODED_BYTES // 1024**3} GiB are read. Cut the clip: ffmpeg -i IN -t SECONDS OUT."
        )

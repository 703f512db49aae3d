"""Frames of one size to frames of another: averaging by area on the way down, bilinear on the way up."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coreecho.errors import VideoError

# Frames resized at once: bounds the float32 copies to a few MiB of a whole-screen video.
_FRAMES_AT_ONCE = 32


def pad_to_square(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Centre the frames, (T, H, W), on black squares of the longer side: (T, S, S). The aspect is kept."""
    num_frames, height, width = frames.shape
    if height == width:
        return frames
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((num_frames, side, side), dtype=np.uint8)
    square[:, top : top + height, left : left + width] = frames
    return square


def resize_frames(frames: NDArray[np.uint8], frame_size: int) -> NDArray[np.uint8]:
    """Resize frames to squares, keeping their aspect: what is not square is first padded with black.

    Shrinking gives each new pixel the mean of the area that it covers, rounded to the nearest grey level, so no speckle
    is skipped over; growing is bilinear (Pillow). Frames that already fit are returned as they are.

    Args:
        frames: (T, H, W) uint8.
        frame_size: S, pixels a side of the result.

    Returns:
        (T, S, S) uint8.

    Raises:
        VideoError: `frames` is not (T, H, W) uint8, or `frame_size` is below 1.
    """
    _check(frames, frame_size)
    square = pad_to_square(frames)
    side = square.shape[1]
    if side == frame_size:
        return square
    if side < frame_size:
        return _grow(square, frame_size)
    return _block_mean(square, frame_size) if side % frame_size == 0 else _area_mean(square, frame_size)


def squash_frames(frames: NDArray[np.uint8], frame_size: int) -> NDArray[np.uint8]:
    """Resize frames to squares whatever their aspect, as the published pre-processing of CAMUS and HMC-QU does.

    Along each axis as in `resize_frames`: averaging by area where it shrinks, linear where it grows.

    Args:
        frames: (T, H, W) uint8.
        frame_size: S, pixels a side of the result.

    Returns:
        (T, S, S) uint8.

    Raises:
        VideoError: `frames` is not (T, H, W) uint8, or `frame_size` is below 1.
    """
    _check(frames, frame_size)
    return stretch_frames(frames, frame_size, frame_size)


def _check(frames: NDArray[np.uint8], frame_size: int) -> None:
    if frames.ndim != 3 or frames.dtype != np.uint8 or 0 in frames.shape:
        raise VideoError(f"Expected frames (T, H, W) of uint8; got shape {frames.shape} of {frames.dtype}.")
    if frame_size < 1:
        raise VideoError(f"The size of a frame must be at least 1 pixel; got {frame_size}.")


def stretch_frames(frames: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize each axis by itself: averaging by area where it shrinks, linear where it grows.

    Args:
        frames: (T, H, W) uint8.
        height: rows of the result.
        width: columns of the result.

    Returns:
        (T, height, width) uint8.
    """
    rows, columns = _axis_weights(frames.shape[1], height), _axis_weights(frames.shape[2], width)
    stretched = np.empty((len(frames), height, width), dtype=np.uint8)
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        chunk = frames[first : first + _FRAMES_AT_ONCE].astype(np.float32)
        stretched[first : first + len(chunk)] = np.floor(rows @ chunk @ columns.T + 0.5).clip(0, 255)
    return stretched


def _axis_weights(given_size: int, frame_size: int) -> NDArray[np.float32]:
    """(S, H): the share of each given pixel in each new one along an axis that shrinks or grows. Rows sum to 1."""
    if given_size >= frame_size:
        return _area_weights(given_size, frame_size)
    centres = (np.arange(frame_size) + 0.5) * (given_size / frame_size) - 0.5
    distance = np.abs(np.clip(centres, 0, given_size - 1)[:, None] - np.arange(given_size))
    weights: NDArray[np.float32] = np.maximum(0, 1 - distance).astype(np.float32)
    return weights


def _grow(frames: NDArray[np.uint8], frame_size: int) -> NDArray[np.uint8]:
    size = (frame_size, frame_size)
    return np.stack([np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR)) for frame in frames])


def _block_mean(frames: NDArray[np.uint8], frame_size: int) -> NDArray[np.uint8]:
    """Exact mean of whole blocks of b x b pixels, half a grey level rounded up."""
    block = frames.shape[1] // frame_size
    area = block * block
    resized = np.empty((len(frames), frame_size, frame_size), dtype=np.uint8)
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        chunk = frames[first : first + _FRAMES_AT_ONCE]
        # Adding b * b strided views is several times faster than `sum` over the two short axes of a reshaped array.
        total = np.full((len(chunk), frame_size, frame_size), area // 2, dtype=np.uint32)
        for row in range(block):
            for column in range(block):
                total += chunk[:, row::block, column::block]
        resized[first : first + len(chunk)] = total // area
    return resized


def _area_mean(frames: NDArray[np.uint8], frame_size: int) -> NDArray[np.uint8]:
    """Mean over areas with fractional edges: one small matrix for the rows and the same for the columns."""
    weights = _area_weights(frames.shape[1], frame_size)
    resized = np.empty((len(frames), frame_size, frame_size), dtype=np.uint8)
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        chunk = frames[first : first + _FRAMES_AT_ONCE].astype(np.float32)
        means = weights @ chunk @ weights.T
        resized[first : first + len(chunk)] = np.floor(means + 0.5).clip(0, 255)
    return resized


def _area_weights(given_size: int, frame_size: int) -> NDArray[np.float32]:
    """(S, H): the share of each given pixel in each new one, which covers H / S given pixels. Rows sum to 1."""
    edges = np.arange(frame_size + 1) * (given_size / frame_size)
    pixels = np.arange(given_size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: NDArray[np.float32] = (overlap.clip(0) * (frame_size / given_size)).astype(np.float32)
    return weights

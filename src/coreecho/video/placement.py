"""Where the square frames that are read of a clip lie in the pictures that its file holds, and the way back.

A reader cuts out the sector, makes pixels square, pads to a square, turns it upright and brings it to a model's size.
All of that works along rows and columns by themselves, or swaps or reverses them. So whatever lies in the frames is
brought back by two small matrices, and between pixels it is interpolated linearly.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.video.decoded import Decoded
from coreecho.video.geometry import UPRIGHT, Turn

# Rows or columns from the first to before the last.
Span = tuple[int, int]
# What is nearer to square is the rounding of a box to whole pixels.
_SQUARE = 0.02

_COUNTS = ("height", "width", "num_frames", "side", "reduction")
_SPANS = ("rows", "columns", "square_rows", "square_columns")


@dataclass(frozen=True, eq=False)
class Placement:
    """How frames came out of a file's pictures.

    The pictures are as they are stored, before they are turned. Frames are (T, S, S), of any S.

    Attributes:
        height: rows of the file's pictures.
        width: columns.
        num_frames: of the file.
        rows: of the pictures that are in the frames; in pixels of `reduction`.
        columns: the same of columns.
        square_rows: where these rows lie in a square of `side`, before it is turned.
        square_columns: where these columns lie.
        side: of that square, in its own pixels.
        reduction: of how many pixels along each side of the file's pictures one pixel here is the mean.
        turn: how the square became upright.
        sector: (H / reduction, W / reduction), outside of which the frames are black; None where all was taken.
        pixel_mm: height and width of a pixel of the file; None where it does not say.
        times_ms: (T,), when the file's frames were taken, where they are not evenly spaced in time.
    """

    height: int
    width: int
    num_frames: int
    rows: Span
    columns: Span
    square_rows: Span
    square_columns: Span
    side: int
    reduction: int = 1
    turn: Turn = UPRIGHT
    sector: NDArray[np.bool_] | None = None
    pixel_mm: tuple[float, float] | None = None
    times_ms: NDArray[np.float64] | None = None

    @property
    def _cell(self) -> tuple[float, float]:
        """Rows and columns of the file that one pixel of the square covers."""
        down, across = (
            self.reduction * (last - first) / (end - start)
            for (first, last), (start, end) in ((self.rows, self.square_rows), (self.columns, self.square_columns))
        )
        return down, across

    def frame_pixel_mm(self, frame_size: int) -> tuple[float, float] | None:
        """Height and width of a pixel of the upright frames, in mm; equal where they differ by rounding only.

        Args:
            frame_size: S, of the frames.

        Returns:
            None where the file does not say how large its pixels are.
        """
        if self.pixel_mm is None:
            return None
        down, across = (
            cell * size * self.side / frame_size for cell, size in zip(self._cell, self.pixel_mm, strict=True)
        )
        if abs(across / down - 1) <= _SQUARE:
            down = across = (down * across) ** 0.5
        return (across, down) if self.turn.is_transposed else (down, across)

    def in_file(self, maps: NDArray[np.floating[Any] | np.integer[Any]]) -> Iterator[NDArray[np.float32]]:
        """Bring maps that lie in the frames to the file's own pixels.

        Args:
            maps: (T, S, S), such as how likely it is that a pixel lies in the ventricle.

        Yields:
            (H, W) float32, one a frame: interpolated linearly; 0 where the frames show nothing of the picture.
        """
        size = maps.shape[-1]
        down = self._weights(self.height, self.rows, self.square_rows, size)
        across = self._weights(self.width, self.columns, self.square_columns, size)
        inside = self._sector_in_file()
        for frame in self.turn.undone(maps):
            placed = down @ frame.astype(np.float32) @ across.T
            yield placed if inside is None else placed * inside

    def sector_in_frames(self, frame_size: int) -> NDArray[np.bool_]:
        """Where the frames show the picture's sector, (S, S): all else in them is black by the reader's doing."""
        shown = (
            np.ones((self.height // self.reduction, self.width // self.reduction))
            if self.sector is None
            else (self.sector.astype(np.float64))
        )
        rows = self._places(shown.shape[0], self.rows, self.square_rows, frame_size)
        columns = self._places(shown.shape[1], self.columns, self.square_columns, frame_size)
        inside = (rows >= 0)[:, None] & (columns >= 0)[None, :] & (shown[np.ix_(rows, columns)] > 0)
        return np.asarray(self.turn(inside[None].astype(np.uint8))[0], dtype=np.bool_)

    def _weights(self, count: int, span: Span, in_square: Span, frame_size: int) -> NDArray[np.float32]:
        """(count, S): the share of each of the frames' pixels in each of the file's, along one axis before turning."""
        middles = ((np.arange(count) + 0.5) / self.reduction - span[0]) / (span[1] - span[0])
        is_shown = (middles >= 0) & (middles <= 1)
        in_frame = (in_square[0] + middles * (in_square[1] - in_square[0])) * (frame_size / self.side) - 0.5
        distance = np.abs(np.clip(in_frame, 0, frame_size - 1)[:, None] - np.arange(frame_size))
        return np.asarray(np.maximum(0, 1 - distance) * is_shown[:, None], dtype=np.float32)

    def _places(self, count: int, span: Span, in_square: Span, frame_size: int) -> NDArray[np.intp]:
        """(S,): the reduced row or column of the file in which the middle of each of the frames' pixels lies, or -1."""
        middles = (np.arange(frame_size) + 0.5) * (self.side / frame_size)
        share = (middles - in_square[0]) / (in_square[1] - in_square[0])
        places = np.floor(span[0] + share * (span[1] - span[0])).astype(np.intp)
        return np.where((share >= 0) & (share < 1) & (places < count), places, -1)

    def _sector_in_file(self) -> NDArray[np.bool_] | None:
        if self.sector is None:
            return None
        if self.reduction == 1:
            return self.sector
        whole = np.zeros((self.height, self.width), dtype=np.bool_)
        spread = self.sector.repeat(self.reduction, axis=0).repeat(self.reduction, axis=1)
        whole[: spread.shape[0], : spread.shape[1]] = spread
        return whole

    def to_plain(self) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        """Numbers that JSON holds, and the sector's pixels, 8 a byte; `from_plain` reads them back."""
        sector = np.zeros(0, dtype=np.uint8) if self.sector is None else np.packbits(self.sector)
        numbers = {
            **{name: getattr(self, name) for name in (*_COUNTS, *_SPANS, "pixel_mm")},
            "turn": [self.turn.is_transposed, self.turn.reverses_rows, self.turn.reverses_columns],
            "sector": None if self.sector is None else list(self.sector.shape),
            "times_ms": None if self.times_ms is None else self.times_ms.tolist(),
        }
        return numbers, sector

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], sector: bytes) -> "Placement":
        """Read what `to_plain` gave, and another process may have made up.

        Raises:
            ValueError: it is no placement.
            KeyError: something is missing.
            TypeError: something is of another kind.
        """
        counts = {name: int(plain[name]) for name in _COUNTS}
        spans = {name: _span(plain[name]) for name in _SPANS}
        pixel_mm, times, shape = plain["pixel_mm"], plain["times_ms"], plain["sector"]
        reduced = counts["height"] // max(1, counts["reduction"]), counts["width"] // max(1, counts["reduction"])
        if min(counts.values()) < 1 or (shape is not None and tuple(shape) != reduced):
            raise ValueError("no placement of a clip")
        mask = None
        if shape is not None:
            mask = np.unpackbits(np.frombuffer(sector, np.uint8), count=reduced[0] * reduced[1]).reshape(reduced) > 0
        return cls(
            height=counts["height"],
            width=counts["width"],
            num_frames=counts["num_frames"],
            rows=spans["rows"],
            columns=spans["columns"],
            square_rows=spans["square_rows"],
            square_columns=spans["square_columns"],
            side=counts["side"],
            reduction=counts["reduction"],
            turn=Turn(*(bool(each) for each in plain["turn"])),
            sector=mask,
            pixel_mm=None if pixel_mm is None else (float(pixel_mm[0]), float(pixel_mm[1])),
            times_ms=None if times is None else np.array(times, dtype=np.float64).reshape(counts["num_frames"]),
        )

    def turned(self, turn: Turn, times_ms: NDArray[np.float64] | None) -> "Placement":
        """The same of frames that were turned upright, and whose file has frames at these times."""
        return replace(self, turn=turn, times_ms=times_ms)


def _span(values: Any) -> Span:
    first, last = (int(value) for value in values)
    if first >= last:
        raise ValueError("a span without pixels")
    return first, last


def whole_picture(decoded: Decoded) -> Placement:
    """Place frames that are the file's pictures as they are, which resizing pads to a square."""
    height, width = decoded.frames.shape[1:]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return placed(decoded, (0, height), (0, width), (top, top + height), (left, left + width), side)


def placed(
    decoded: Decoded,
    rows: Span,
    columns: Span,
    square_rows: Span,
    square_columns: Span,
    side: int,
    sector: NDArray[np.bool_] | None = None,
) -> Placement:
    """Place frames that were cut out of a file's pictures; arguments as the attributes of `Placement`."""
    height, width = decoded.stored_size or decoded.frames.shape[1:]
    return Placement(
        height=height,
        width=width,
        num_frames=len(decoded.frames),
        rows=rows,
        columns=columns,
        square_rows=square_rows,
        square_columns=square_columns,
        side=side,
        reduction=decoded.reduction,
        sector=sector,
        pixel_mm=decoded.pixel_mm,
    )

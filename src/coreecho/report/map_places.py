"""Where the recordings of a map are drawn: one that lies far from all others stands on the edge, and says so.

Few maps are without a recording that lies apart, and drawn to scale it would press all others into a corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.names import counted
from coreecho.representation.embedding_map import EmbeddingMap, PlacedClip

# Of the recordings on each side, those that may lie apart: at least one, where there are enough to tell.
_APART, _ENOUGH = 100, 20
# A recording beyond the others by this share of their extent lies apart.
_BEYOND = 0.25


@dataclass(frozen=True, eq=False)
class MapPlaces:
    """What is drawn of a map, in its own unit.

    Attributes:
        recordings: (N, 2) of the recordings.
        is_moved: (N,), those that lie beyond the edge and are drawn on it.
        placed: (P, 2) of the new clips.
    """

    recordings: NDArray[np.float64]
    is_moved: NDArray[np.bool_]
    placed: NDArray[np.float64]

    @property
    def note(self) -> str:
        """What a reader should know of the edge; empty where nothing was moved."""
        count = int(self.is_moved.sum())
        if not count:
            return ""
        lie, are = ("lies", "is") if count == 1 else ("lie", "are")
        return f"{counted(count, 'recordings')} {lie} farther out and {are} drawn on the edge"


def places_of_map(made: EmbeddingMap, placed: Sequence[PlacedClip] = ()) -> MapPlaces:
    """Choose where the edge is, and put on it what lies beyond.

    Args:
        made: the map.
        placed: new clips on it.
    """
    coordinates = made.coordinates
    clips = np.array([(clip.x, clip.y) for clip in placed], dtype=np.float64).reshape(-1, 2)
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    if len(coordinates) >= _ENOUGH:
        ordered = np.sort(coordinates, axis=0)
        apart = max(1, len(ordered) // _APART)
        first, last = ordered[apart], ordered[-1 - apart]
        margin = _BEYOND * (last - first)
        low, high = np.maximum(low, first - margin), np.minimum(high, last + margin)
    # A new clip that is farther out than any recording is what somebody wants to see.
    low, high = (np.vstack([edge, clips]) for edge in (low, high))
    shown = np.clip(coordinates, low.min(axis=0), high.max(axis=0))
    return MapPlaces(shown, np.asarray((shown != coordinates).any(axis=1)), clips)

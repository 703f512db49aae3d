"""The recordings most like a clip: a search in what a model makes of a run's data, or of hearts that come with it."""

import math
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from coreecho.errors import RecipeError
from coreecho.inference.beat import Beat
from coreecho.inference.preparing import DEFAULT_CLIPS, EmbeddedClip, embed_file
from coreecho.models.echo_model import EchoModel
from coreecho.representation.embedding_set import EmbeddingSet
from coreecho.representation.neighbours import Neighbour, NeighbourIndex, most_alike
from coreecho.tasks import EF, Task
from coreecho.video.reading import ClipPath

# Distances to the nearest differ from recording to recording by about twice; five times is no longer one of them.
_FAR = 5.0
# Of the searched recordings, those that count as usual, and from which on they are at its edge.
_USUAL, _EDGE = 0.95, 0.9
# Enough recordings to know how far near ones usually are.
_SAMPLE = 500


@dataclass(frozen=True, eq=False, kw_only=True)
class NeighbourSearch:
    """What was found for a clip.

    Attributes:
        clip: the file, and where the model puts it.
        neighbours: nearest first.
        source: what was searched, in words.
        typical_distance: median distance of the searched recordings to their own nearest: how far is near.
        is_phantom: the clip's heart, or those that were searched, are simulated.
        unusual_distance: 95 of 100 searched recordings have another one nearer than this.
        edge_distance: 90 of 100 have; farther away, a clip is at the edge of what is usual.
        task: the number that the model reads.
    """

    clip: EmbeddedClip
    neighbours: list[Neighbour]
    source: str
    typical_distance: float
    is_phantom: bool
    unusual_distance: float = math.inf
    edge_distance: float = math.inf

    @property
    def is_unlike(self) -> bool:
        """Whether the nearest recording is farther away than of all but few of the searched ones."""
        return self.neighbours[0].distance > self.unusual_distance

    @property
    def likeness(self) -> str:
        """How far the nearest is, beside how far near usually is, in two sentences without the last stop."""
        nearest = self.neighbours[0].distance
        is_edge = nearest > self.edge_distance
        verdict = "unlike them" if self.is_unlike else "at the edge of what is usual" if is_edge else "like them"
        range_ = f", and 95 of 100 within {self.unusual_distance:.2f}" if math.isfinite(self.unusual_distance) else ""
        return (
            f"The nearest heart lies at a distance of {nearest:.2f}, where 0 is the same clip to the model. Of the "
            f"hearts that were searched, half have another one within {self.typical_distance:.2f}{range_}: this clip "
            f"is {verdict}"
        )

    task: Task = field(default_factory=EF)

    @property
    def mean_of_neighbours(self) -> float:
        """Mean label of the neighbours; NaN where none has one."""
        known = [near.true for near in self.neighbours if math.isfinite(near.true)]
        return float(np.mean(known)) if known else math.nan

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against trusting the number, or the likeness."""
        nearest = self.neighbours[0].distance
        if nearest <= _FAR * self.typical_distance:
            return self.clip.warnings
        times = nearest / self.typical_distance if self.typical_distance else math.inf
        return (
            *self.clip.warnings,
            f"the nearest recording is {times:.0f} times as far away as recordings usually are from their nearest: "
            "nothing like this clip is among those that were searched",
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a neighbour; label and prediction are named as the task names them."""
        names = {"true": self.task.label, "predicted": self.task.predicted_column}
        return pd.DataFrame([asdict(near) for near in self.neighbours]).rename(columns=names)


def search_neighbours(
    model: EchoModel,
    searched: EmbeddingSet,
    path: ClipPath,
    *,
    k: int = 5,
    clips: int = DEFAULT_CLIPS,
    batch_size: int = 8,
    beat: Beat | None = None,
    axes: str | None = None,
) -> NeighbourSearch:
    """Find the recordings that a model finds most like a clip.

    Args:
        model: on the device that shall compute.
        searched: embeddings of the recordings by the same model, such as `embed_run` makes.
        path: the clip.
        k: how many recordings.
        clips: evenly placed clips of the file, as many as of each recording.
        batch_size: clips at once.
        beat: see `read_clip`.
        axes: see `read_clip`.

    Raises:
        VideoError: not a readable clip, or it has no sector.
        RecipeError: fewer than one neighbour or clip, or as in `read_clip`; the model reads no number.
    """
    check_neighbours(model, k)
    clip = embed_file(model, path, clips=clips, batch_size=batch_size, beat=beat, axes=axes)
    index = NeighbourIndex(searched.embeddings)
    some = np.linspace(0, len(index) - 1, min(len(index), _SAMPLE)).astype(int)
    # The nearest of a recording is itself.
    distances = index.query(searched.embeddings[some], 2)[0]
    return NeighbourSearch(
        clip=clip,
        neighbours=most_alike(index, searched, clip.embedding, k=k),
        source=searched.source,
        typical_distance=float(np.median(distances[:, -1])),
        is_phantom=searched.is_phantom or clip.clip.is_phantom,
        unusual_distance=float(np.quantile(distances[:, -1], _USUAL)),
        edge_distance=float(np.quantile(distances[:, -1], _EDGE)),
        task=model.task,
    )


def check_neighbours(model: EchoModel, k: int) -> None:
    """Refuse a search that cannot be, before the hours of embedding what is to be searched.

    Raises:
        RecipeError: fewer than one neighbour, or the model reads no number.
    """
    if k < 1:
        raise RecipeError(f"k: expected at least 1 neighbour, got {k}")
    if not model.task.is_number:
        raise RecipeError(
            f"Neighbours are recordings with their number, such as EF, and this model reads the {model.task.quantity}: "
            "`coreecho explain` shows where it looks."
        )

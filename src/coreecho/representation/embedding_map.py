"""Embeddings laid flat: what lies near what.

As in Figure 1 of Maani et al. 2024, by UMAP (McInnes, Healy and Melville 2018): near points stay near; what is far
apart on the map may be anything, and axes have no unit. Without umap-learn the map is a principal component analysis,
which keeps large distances and blurs small ones, and says so.
"""

import importlib
import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from coreecho.errors import CoReEchoError, RecipeError
from coreecho.inference.beat import Beat
from coreecho.inference.preparing import embed_file
from coreecho.models.echo_model import EchoModel
from coreecho.representation.embeddings import EmbeddingSet
from coreecho.representation.neighbours import NeighbourIndex
from coreecho.tasks import EF, Task
from coreecho.trust import Appraisal
from coreecho.video.reading import ClipPath

Method = Literal["auto", "umap", "pca"]

# umap-learn's own defaults, as in the paper's figure as far as it says.
_NUM_NEIGHBOURS, _MIN_DISTANCE = 15, 0.1
# Over how many neighbours a new clip is placed.
PLACING_NEIGHBOURS = 5


@dataclass(frozen=True, eq=False)
class EmbeddingMap:
    """A map of N recordings.

    Attributes:
        recordings: that are on it.
        coordinates: (N, 2) float64, no unit.
        method: `UMAP` or `PCA`.
        note: what a reader should know of it; empty if nothing.
    """

    recordings: EmbeddingSet
    coordinates: NDArray[np.float64]
    method: str
    note: str = ""


@dataclass(frozen=True)
class PlacedClip:
    """A clip that was not part of making a map, and where it belongs.

    Attributes:
        label: what to call it; no patient's name.
        x: on the map.
        y: on the map.
        predicted: what the model says; NaN of one that reads no number.
        warnings: what speaks against trusting it.
        notes: what was done to its video, or noticed in it.
        task: what the model reads.
        is_phantom: its heart is simulated.
        appraisal: what the number is worth; None where nobody asked.
    """

    label: str
    x: float
    y: float
    predicted: float
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    task: Task = field(default_factory=EF)
    is_phantom: bool = False
    appraisal: Appraisal | None = None

    @property
    def caption(self) -> str:
        """Its label, and what the model says: `new clip, predicted EF 55.0 %`."""
        if not math.isfinite(self.predicted):
            return self.label
        return f"{self.label}, {self.task.output} {self.task.say(self.predicted)}"


def make_map(recordings: EmbeddingSet, *, method: Method = "auto", seed: int = 0) -> EmbeddingMap:
    """Lay embeddings flat.

    The map is turned so that EF, or the number that the model reads, grows to the right: a turn changes no distance,
    and two models' maps can be looked at side by side.

    Args:
        recordings: at least 4.
        method: `umap`, `pca`, or `auto`: UMAP where umap-learn is installed.
        seed: of UMAP; same seed, same map.

    Raises:
        RecipeError: no such method, or fewer than 4 recordings.
        CoReEchoError: UMAP was asked for and is not installed.
    """
    if method not in get_args(Method):
        raise RecipeError(f"method: expected one of {', '.join(get_args(Method))}; got {method!r}.")
    if len(recordings) < 4:
        raise RecipeError(f"A map needs at least 4 recordings, got {len(recordings)}.")
    has_umap = importlib.util.find_spec("umap") is not None
    if method == "umap" and not has_umap:
        raise CoReEchoError("UMAP is not installed: `pip install coreecho[map]`; or take `--method pca`.")
    if method == "umap" or (method == "auto" and has_umap):
        coordinates, name, note = _umap(recordings.embeddings, seed), "UMAP", ""
    else:
        note = "" if method == "pca" else "UMAP is not installed: this is a PCA. For UMAP: pip install coreecho[map]"
        coordinates, name = PCA(2, svd_solver="full").fit_transform(_two_columns(recordings.embeddings)), "PCA"
    places = _turn(np.asarray(coordinates, dtype=np.float64), recordings.number_true)
    return EmbeddingMap(recordings, places, name, note)


def _umap(embeddings: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    umap = importlib.import_module("umap")
    # One job: with a seed, umap-learn works on one core anyway, and warns where more were asked for.
    mapper = umap.UMAP(
        n_neighbors=min(_NUM_NEIGHBOURS, len(embeddings) - 1),
        min_dist=_MIN_DISTANCE,
        random_state=seed,
        n_jobs=1,
        # The spectral start needs more recordings than it has eigenvectors; a small map starts from a PCA.
        init="spectral" if len(embeddings) > 2 * _NUM_NEIGHBOURS else "pca",
    )
    return np.asarray(mapper.fit_transform(embeddings))


def _two_columns(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Embeddings of one number get a second that is 0, so that they have a plane to lie in."""
    missing = max(0, 2 - embeddings.shape[1])
    return np.pad(embeddings.astype(np.float64), ((0, 0), (0, missing)))


def _turn(coordinates: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre, and turn the direction in which place and label covary the most to the right."""
    centred = coordinates - coordinates.mean(axis=0)
    known = np.isfinite(labels)
    if known.sum() < 3:
        return np.asarray(centred)
    direction = (labels[known] - labels[known].mean()) @ centred[known]
    length = float(np.hypot(*direction))
    if length == 0:
        return np.asarray(centred)
    cosine, sine = direction / length
    return np.asarray(centred @ np.array([[cosine, -sine], [sine, cosine]]))


def place_on_map(made: EmbeddingMap, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Place embeddings that the map was not made from: the mean of their nearest recordings' places.

    Weights are inverse distances, so an embedding that is on the map lands where it is. (UMAP's own `transform` costs
    seconds to minutes for one clip.)

    Args:
        made: the map.
        embeddings: (Q, D).

    Returns:
        (Q, 2).
    """
    distances, positions = NeighbourIndex(made.recordings.embeddings).query(embeddings, PLACING_NEIGHBOURS)
    is_same = distances == 0
    with np.errstate(divide="ignore"):
        weights = np.where(is_same.any(axis=1, keepdims=True), is_same, 1 / distances)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return np.asarray(np.einsum("qk,qkc->qc", weights, made.coordinates[positions]))


def place_files(
    made: EmbeddingMap,
    model: EchoModel,
    paths: Sequence[ClipPath],
    *,
    clips: int,
    beat: Beat | None = None,
    axes: str | None = None,
    appraise: Callable[[ClipPath], Appraisal] | None = None,
) -> list[PlacedClip]:
    """Place clip files on a map, as `new clip 1`, `new clip 2`, since files are often named after patients.

    Args:
        made: the map.
        model: that made its embeddings.
        paths: the files.
        clips: evenly placed clips of each.
        beat: of each; see `read_clip`.
        axes: of each; see `read_clip`.
        appraise: says what the number of a file is worth, such as a `Predictor` of this model.

    Raises:
        VideoError: a file is not a readable clip, or has no sector.
    """
    placed = []
    for number, path in enumerate(paths, start=1):
        embedded = embed_file(model, path, clips=clips, beat=beat, axes=axes)
        ((x, y),) = place_on_map(made, embedded.embedding[None]).tolist()
        label = "new clip" if len(paths) == 1 else f"new clip {number}"
        predicted = embedded.predicted if model.task.is_number else math.nan
        placed.append(
            PlacedClip(
                label,
                x,
                y,
                predicted,
                embedded.warnings,
                embedded.clip.video.notes,
                model.task,
                is_phantom=embedded.clip.is_phantom,
                appraisal=None if appraise is None else appraise(path),
            )
        )
    return placed


def number_range(maps: Sequence[EmbeddingMap]) -> tuple[float, float]:
    """Smallest and largest label of all maps: one scale of colours for all."""
    labels = np.concatenate([made.recordings.number_true for made in maps])
    known = labels[np.isfinite(labels)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 100.0)

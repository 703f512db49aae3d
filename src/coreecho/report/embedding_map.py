"""Embeddings drawn flat: what lies near what, coloured by EF.

As in Figure 1 of Maani et al. 2024, by UMAP (McInnes, Healy and Melville 2018): near points stay near; what is far
apart on the map may be anything, and axes have no unit. Without umap-learn the map is a principal component analysis,
which keeps large distances and blurs small ones, and says so.
"""

import importlib
import importlib.util
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from coreecho.errors import CoReEchoError, RecipeError
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.report.overlay import save_figure
from coreecho.representation.embeddings import EmbeddingSet
from coreecho.representation.neighbours import NeighbourIndex

Method = Literal["auto", "umap", "pca"]

# umap-learn's own defaults, as in the paper's figure as far as it says.
_NUM_NEIGHBOURS, _MIN_DISTANCE = 15, 0.1
# Over how many neighbours a new clip is placed.
PLACING_NEIGHBOURS = 5
# Even in lightness, told apart with all common forms of colour blindness.
COLOURS = "viridis"
_DPI = 150


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
        ef_predicted: what the model says, percent.
    """

    label: str
    x: float
    y: float
    ef_predicted: float


def make_map(recordings: EmbeddingSet, *, method: Method = "auto", seed: int = 0) -> EmbeddingMap:
    """Lay embeddings flat.

    The map is turned so that EF grows to the right: a turn changes no distance, and two models' maps can be looked at
    side by side.

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
    return EmbeddingMap(recordings, _turn(np.asarray(coordinates, dtype=np.float64), recordings.ef_percent), name, note)


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


def _turn(coordinates: NDArray[np.float64], ef_percent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre, and turn the direction in which place and EF covary the most to the right."""
    centred = coordinates - coordinates.mean(axis=0)
    known = np.isfinite(ef_percent)
    if known.sum() < 3:
        return np.asarray(centred)
    direction = (ef_percent[known] - ef_percent[known].mean()) @ centred[known]
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


def ef_range(maps: Sequence[EmbeddingMap]) -> tuple[float, float]:
    """Smallest and largest EF of all maps: one scale of colours for all."""
    known = np.concatenate([made.recordings.ef_percent[np.isfinite(made.recordings.ef_percent)] for made in maps])
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 100.0)


def draw_maps(maps: Sequence[EmbeddingMap], path: Path, *, placed: Sequence[Sequence[PlacedClip]] = ()) -> None:
    """Draw maps side by side, coloured by true EF on one scale; recordings without EF are grey.

    Args:
        maps: one or more.
        path: PNG to write.
        placed: new clips of each map, drawn as stars.

    Raises:
        ValueError: there is no map.
        CoReEchoError: the file cannot be written.
    """
    if not maps:
        raise ValueError("draw_maps needs at least one map, got none")
    size = (5.4 * len(maps) + 1.2, 5.9)
    figure = Figure(figsize=size, dpi=_DPI, layout=ConstrainedLayoutEngine(rect=(0, 0.04, 1, 0.96)))
    axes: list[Axes] = list(figure.subplots(1, len(maps), squeeze=False).ravel())
    scale = Normalize(*ef_range(maps))
    for number, (axis, made) in enumerate(zip(axes, maps, strict=True)):
        _draw_map(axis, made, scale)
        for clip in placed[number] if number < len(placed) else ():
            _draw_placed(axis, clip)
    figure.colorbar(ScalarMappable(scale, COLOURS), ax=axes, label="True EF (%)", shrink=0.8)
    figure.text(0.995, 0.01, NOTICE, fontsize=9, color="#6E6E6E", ha="right", va="bottom")
    save_figure(figure, path)


def _draw_map(axis: Axes, made: EmbeddingMap, scale: Normalize) -> None:
    ef_percent, (x, y) = made.recordings.ef_percent, made.coordinates.T
    known = np.isfinite(ef_percent)
    size, opacity = (26, 0.9) if len(known) <= 500 else (7, 0.7)
    axis.scatter(x[~known], y[~known], s=size, alpha=opacity, linewidths=0, color="#B0B0B0", zorder=2)
    colours = ef_percent[known]
    axis.scatter(x[known], y[known], s=size, alpha=opacity, linewidths=0, c=colours, cmap=COLOURS, norm=scale, zorder=3)
    lines = [f"{made.method}: {made.recordings.source}", f"n = {len(known)}", made.note]
    if made.recordings.is_phantom and PHANTOM_LABEL not in made.recordings.source:
        lines.insert(1, PHANTOM_LABEL)
    axis.set_title("\n".join(part for line in lines if line for part in textwrap.wrap(line, 62)), fontsize=10)
    axis.set_aspect("equal", adjustable="datalim")
    # The axes have no unit and no meaning of their own.
    axis.set(xticks=[], yticks=[])


def _draw_placed(axis: Axes, clip: PlacedClip) -> None:
    axis.scatter(clip.x, clip.y, s=260, marker="*", color="#D55E00", edgecolor="white", zorder=4)
    text = f"{clip.label}, predicted {clip.ef_predicted:.0f} %"
    axis.annotate(text, (clip.x, clip.y), (8, 8), textcoords="offset points", fontsize=9, zorder=5)

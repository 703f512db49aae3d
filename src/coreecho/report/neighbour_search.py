"""The training recordings most like a clip, as a folder of files.

neighbours.csv    one row a recording: rank, recording, ef_percent, ef_predicted, distance
neighbours.json   the same, with the clip's own EF and what speaks against trusting it
neighbours.png    a frame of the clip and of each recording, with their EF
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from coreecho.datasets import Split
from coreecho.errors import CoReEchoError, RecipeError, VideoError
from coreecho.files import write_whole
from coreecho.inference.beat import Beat
from coreecho.inference.preparing import DEFAULT_CLIPS, EmbeddedClip, embed_file
from coreecho.models.echo_model import EchoModel
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.report.overlay import save_figure
from coreecho.representation.embeddings import embed_run
from coreecho.representation.neighbours import Neighbour, NeighbourIndex, most_alike
from coreecho.training.run_folder import RunFolder
from coreecho.video.lit_sector import lit_sector
from coreecho.video.store import FrameStore

_DPI = 150
# Distances to the nearest differ from recording to recording by about twice; five times is no longer one of them.
_FAR = 5.0
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
        is_phantom: the searched hearts are simulated.
    """

    clip: EmbeddedClip
    neighbours: list[Neighbour]
    source: str
    typical_distance: float
    is_phantom: bool

    @property
    def ef_of_neighbours(self) -> float:
        """Mean EF of the neighbours, percent; NaN where none has one."""
        known = [near.ef_percent for near in self.neighbours if math.isfinite(near.ef_percent)]
        return float(np.mean(known)) if known else math.nan

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against trusting the EF, or the likeness."""
        nearest = self.neighbours[0].distance
        if nearest <= _FAR * self.typical_distance:
            return self.clip.warnings
        times = nearest / self.typical_distance if self.typical_distance else math.inf
        return (
            *self.clip.warnings,
            f"the nearest recording is {times:.0f} times as far away as recordings usually are from their nearest: "
            "the model has learned from nothing like this clip",
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a neighbour."""
        return pd.DataFrame([asdict(near) for near in self.neighbours])


def search_neighbours(
    run: RunFolder,
    model: EchoModel,
    path: Path,
    *,
    k: int = 5,
    split: Split = "train",
    clips: int = DEFAULT_CLIPS,
    batch_size: int = 8,
    beat: Beat | None = None,
    show_progress: bool = False,
) -> NeighbourSearch:
    """Find the recordings of a run's data that its model finds most like a clip.

    The first call embeds the split, and keeps that in the run's folder; later calls take a moment.

    Args:
        run: the run.
        model: its best weights, on the device that shall compute.
        path: the clip.
        k: how many recordings.
        split: that is searched.
        clips: evenly placed clips of the file and of each recording.
        batch_size: clips at once.
        beat: see `read_clip`.
        show_progress: show bars on stderr.

    Raises:
        VideoError: not a readable clip, or it has no sector.
        RecipeError: fewer than one neighbour or clip, or as in `read_clip`; the model finds infarctions.
        DatasetError: the split is empty.
    """
    if k < 1:
        raise RecipeError(f"k: expected at least 1 neighbour, got {k}")
    if model.target != "ef":
        raise RecipeError(
            "Neighbours are recordings with their EF, and this model finds infarctions: explain it instead."
        )
    clip = embed_file(model, path, clips=clips, batch_size=batch_size, beat=beat)
    searched = embed_run(run, model, split, clips=clips, batch_size=batch_size, show_progress=show_progress)
    index = NeighbourIndex(searched.embeddings)
    some = np.linspace(0, len(index) - 1, min(len(index), _SAMPLE)).astype(int)
    # The nearest of a recording is itself.
    distances = index.query(searched.embeddings[some], 2)[0]
    return NeighbourSearch(
        clip=clip,
        neighbours=most_alike(index, searched, clip.embedding, k=k),
        source=searched.source,
        typical_distance=float(np.median(distances[:, -1])),
        is_phantom=searched.is_phantom,
    )


def write_neighbours(found: NeighbourSearch, store: FrameStore, out: Path) -> None:
    """Write the folder.

    Args:
        found: what was found.
        store: decoded frames of the searched recordings.
        out: the folder, made where it is missing.

    Raises:
        CoReEchoError: it cannot be written.
    """
    document = {
        "notice": NOTICE,
        "is_phantom": found.is_phantom or found.clip.clip.is_phantom,
        "ef_percent": found.clip.ef_percent,
        "ef_of_neighbours": None if math.isnan(found.ef_of_neighbours) else found.ef_of_neighbours,
        "warnings": list(found.warnings),
        "searched": found.source,
        "distance": "Euclidean, between embeddings, in their own unit",
        "typical_distance": found.typical_distance,
        "neighbours": [
            {key: None if value != value else value for key, value in asdict(near).items()} for near in found.neighbours
        ],
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "neighbours.csv", found.to_frame().to_csv(index=False))
        thumbnails = [recording_thumbnail(store, near.recording) for near in found.neighbours]
        draw_neighbours(out / "neighbours.png", found, thumbnails)
        write_whole(out / "neighbours.json", json.dumps(document, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise CoReEchoError(f"{out} cannot be written to: {error.strerror or error}. Give another `--out`.") from error


def recording_thumbnail(store: FrameStore, recording_id: str) -> NDArray[np.uint8]:
    """The first frame of a recording, (S, S), black outside its sector; all black where none is found."""
    frames = store.frames(recording_id)
    try:
        return np.asarray(frames[0] * lit_sector(frames, recording_id))
    except VideoError:
        return np.zeros_like(frames[0])


def draw_neighbours(path: Path, found: NeighbourSearch, thumbnails: Sequence[NDArray[np.uint8]]) -> None:
    """Draw the clip beside its neighbours.

    Args:
        path: PNG to write.
        found: what was found.
        thumbnails: (S, S) of each neighbour.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    count = 1 + len(thumbnails)
    figure = Figure(
        figsize=(max(6.0, 1.9 * count), 3.5), dpi=_DPI, layout=ConstrainedLayoutEngine(rect=(0, 0.07, 1, 0.93))
    )
    is_phantom = found.is_phantom or found.clip.clip.is_phantom
    lines = ["The recordings that the model finds most like this clip", *([PHANTOM_LABEL] if is_phantom else [])]
    figure.suptitle("\n".join(lines), fontsize=12)
    figure.text(0.995, 0.01, NOTICE, fontsize=9, color="#6E6E6E", ha="right", va="bottom")
    axes: list[Axes] = list(figure.subplots(1, count, squeeze=False).ravel())
    clip = found.clip.clip
    captions = [f"this clip\npredicted {found.clip.ef_percent:.1f} %"]
    captions += [
        f"{near.rank}. EF {near.ef_percent:.1f} %\npredicted {near.ef_predicted:.1f} %\ndistance {near.distance:.2f}"
        for near in found.neighbours
    ]
    for axis, picture, caption in zip(axes, [clip.frames[0] * clip.sector, *thumbnails], captions, strict=True):
        axis.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
        axis.set_title(caption, fontsize=9)
        axis.set_axis_off()
    save_figure(figure, path)

"""The embedding map of a run, or of two side by side, as a folder of files.

map.png    the picture
map.html   the same, to point at; works offline
map.csv    where each recording is
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coreecho.errors import CoReEchoError
from coreecho.files import write_whole
from coreecho.inference.beat import Beat
from coreecho.inference.preparing import embed_file
from coreecho.models.echo_model import EchoModel
from coreecho.report.embedding_map import EmbeddingMap, PlacedClip, draw_maps, place_on_map
from coreecho.report.map_page import map_page


@dataclass(frozen=True, eq=False)
class PlacedFile:
    """A clip file on a map.

    Attributes:
        placed: where, under a label that carries no name.
        warnings: what speaks against trusting its EF.
    """

    placed: PlacedClip
    warnings: tuple[str, ...]


def place_files(
    made: EmbeddingMap, model: EchoModel, paths: Sequence[Path], *, clips: int, beat: Beat | None = None
) -> list[PlacedFile]:
    """Place clip files on a map, as `new clip 1`, `new clip 2`, since files are often named after patients.

    Args:
        made: the map.
        model: that made its embeddings.
        paths: the files.
        clips: evenly placed clips of each.
        beat: of each; see `read_clip`.

    Raises:
        VideoError: a file is not a readable clip, or has no sector.
    """
    placed = []
    for number, path in enumerate(paths, start=1):
        embedded = embed_file(model, path, clips=clips, beat=beat)
        ((x, y),) = place_on_map(made, embedded.embedding[None]).tolist()
        label = "new clip" if len(paths) == 1 else f"new clip {number}"
        placed.append(PlacedFile(PlacedClip(label, x, y, embedded.ef_percent), embedded.warnings))
    return placed


def write_maps(
    maps: Sequence[EmbeddingMap], out: Path, *, placed: Sequence[Sequence[PlacedClip]] = ()
) -> tuple[Path, Path]:
    """Write the folder.

    Args:
        maps: one or more.
        out: made where it is missing.
        placed: new clips of each map.

    Returns:
        The picture and the page.

    Raises:
        CoReEchoError: it cannot be written.
    """
    tables = [_table(made, number) for number, made in enumerate(maps)]
    try:
        out.mkdir(parents=True, exist_ok=True)
        draw_maps(maps, out / "map.png", placed=placed)
        write_whole(out / "map.csv", pd.concat(tables).to_csv(index=False))
        write_whole(out / "map.html", map_page(maps, placed=placed))
    except OSError as error:
        raise CoReEchoError(f"{out} cannot be written to: {error.strerror or error}. Give another `--out`.") from error
    return out / "map.png", out / "map.html"


def _table(made: EmbeddingMap, number: int) -> pd.DataFrame:
    x, y = made.coordinates.T
    recordings = made.recordings
    return pd.DataFrame(
        {
            "map": number + 1,
            "method": made.method,
            "recording": recordings.ids,
            "x": x,
            "y": y,
            "ef_percent": recordings.ef_percent,
            "ef_predicted": recordings.ef_predicted,
            "is_phantom": recordings.is_phantom,
        }
    )

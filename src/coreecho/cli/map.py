"""`coreecho map`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]


def draw_map(
    run: Path,
    other: Path | None = None,
    /,
    *,
    clip: Annotated[list[Path] | None, Parameter(negative="")] = None,
    beat: str | None = None,
    out: Path | None = None,
    split: Literal["train", "val", "test"] = "test",
    method: Literal["auto", "umap", "pca"] = "auto",
    clips: AtLeastOne = 3,
    data: Path | None = None,
    batch_size: AtLeastOne = 8,
    device: str = "auto",
    seed: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0,
) -> int:
    """Draw what lies near what: `coreecho map runs/l1 runs/rnc --split test`.

    The embeddings of a split laid flat and coloured by EF, as in Figure 1 of the paper: a picture, and a page to point
    at that works offline. Two runs come side by side. UMAP where umap-learn is installed (`pip install coreecho[map]`),
    else a PCA.

    Parameters
    ----------
    run:
        Folder of a run that `coreecho train` wrote.
    other:
        Folder of a second run, to compare.
    clip:
        New clip to place on the map; may be given several times.
    beat:
        For models that look at one beat, as those trained on CAMUS and HMC-QU: its first and last frame in each clip,
        counted from 0, both included, as `FIRST:LAST`, or `all` frames. A LAST before FIRST runs backwards.
    out:
        Folder for the result [default: RUN/explain/map-SPLIT].
    split:
        Recordings on the map.
    method:
        How the embeddings are laid flat.
    clips:
        Clips of each recording whose mean is its embedding.
    data:
        Root of the data set, where it has moved.
    batch_size:
        Clips at once.
    device:
        Where to compute: `cpu`, `gpu`, `cuda:1`, or `auto`: a GPU if there is one.
    seed:
        Of UMAP.
    """
    from coreecho.inference import find_device, parse_beat
    from coreecho.models.weights import load_model
    from coreecho.report.map_drawing import write_maps
    from coreecho.report.terminal import show_maps
    from coreecho.representation.embedding_map import make_map, place_files
    from coreecho.representation.embeddings import embed_run
    from coreecho.training.run_folder import RunFolder

    frames = None if beat is None else parse_beat(beat)
    maps, placed = [], []
    for path in [run] if other is None else [run, other]:
        folder, model = RunFolder.open(path, data=data), load_model(path, device=find_device(device))
        embedded = embed_run(folder, model, split, clips=clips, batch_size=batch_size, show_progress=True)
        maps.append(make_map(embedded, method=method, seed=seed))
        placed.append(place_files(maps[-1], model, clip or [], clips=clips, beat=frames))
    out = out or run / "explain" / f"map-{split}"
    written = write_maps(maps, out, placed=placed)
    show_maps(maps, placed, written)
    return 0

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
    dataset: str | None = None,
    store: Path | None = None,
    allow_overlap: Annotated[bool, Parameter(negative="")] = False,
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
        Folder of a run that `coreecho train` wrote, or a `.safetensors` file with `--data`.
    other:
        A second one, to compare.
    clip:
        New clip to place on the map; may be given several times.
    beat:
        For models that look at one beat, as those trained on CAMUS and HMC-QU: its first and last frame in each clip,
        counted from 0, both included, as `FIRST:LAST`, or `all` frames. A LAST before FIRST runs backwards.
    out:
        Folder for the result [default: RUN/explain/map-SPLIT, or WEIGHTS-results/explain/map-SPLIT-on-DATA].
    split:
        Recordings on the map.
    method:
        How the embeddings are laid flat.
    clips:
        Clips of each recording whose mean is its embedding.
    data:
        Root of another data set to map, or of the run's own where it has moved.
    dataset:
        With `--data`: its layout, such as `table` [default: that of the training, or `echonet`].
    store:
        Folder for the decoded frames [default: beside the data].
    allow_overlap:
        Map recordings that a model was trained on, too; the result then says so.
    batch_size:
        Clips at once.
    device:
        Where to compute: `cpu`, `gpu`, `cuda:1`, or `auto`: a GPU if there is one.
    seed:
        Of UMAP.
    """
    from coreecho.inference import parse_beat
    from coreecho.inference.subject import open_subject
    from coreecho.report.map_drawing import write_maps
    from coreecho.report.terminal import show_maps
    from coreecho.representation.embedding_map import make_map, place_files
    from coreecho.representation.embeddings import embed_run

    frames = None if beat is None else parse_beat(beat)
    maps, placed = [], []
    paths = [run] if other is None else [run, other]
    subjects = [open_subject(path, data=data, dataset=dataset, store=store) for path in paths]
    for subject in subjects:
        model = subject.model(device)
        embedded = embed_run(
            subject,
            model,
            split,
            clips=clips,
            batch_size=batch_size,
            allow_overlap=allow_overlap,
            show_progress=True,
        )
        maps.append(make_map(embedded, method=method, seed=seed))
        placed.append(place_files(maps[-1], model, clip or [], clips=clips, beat=frames))
    out = out or subjects[0].result_folder("explain", f"map-{split}")
    written = write_maps(maps, out, placed=placed)
    show_maps(maps, placed, written)
    return 0

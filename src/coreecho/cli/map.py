"""`coreecho map`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from coreecho.cli.options import AtLeastOne, BeatText, Computing, NotNegative, SplitName, TestedData


def draw_map(
    run: Path,
    other: Path | None = None,
    /,
    *,
    clip: Annotated[list[Path] | None, Parameter(negative="")] = None,
    beat: BeatText = None,
    out: Path | None = None,
    split: SplitName = "test",
    method: Literal["auto", "umap", "pca"] = "auto",
    clips: AtLeastOne = 3,
    shown: TestedData | None = None,
    computing: Computing | None = None,
    seed: NotNegative = 0,
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
        The beat to look at.
    out:
        Folder for the result [default: RUN/explain/map-SPLIT, or WEIGHTS-results/explain/map-SPLIT-on-DATA].
    split:
        Recordings on the map.
    method:
        How the embeddings are laid flat.
    clips:
        Clips of each recording whose mean is its embedding.
    shown:
        The data, where they are not the run's own.
    computing:
        How the model computes.
    seed:
        Of UMAP.
    """
    shown = shown or TestedData()
    computing = computing or Computing()
    from coreecho.inference import parse_beat
    from coreecho.report.map_drawing import write_maps
    from coreecho.report.terminal import show_maps
    from coreecho.representation.embedding_map import make_map, place_files
    from coreecho.representation.embeddings import embed_run

    frames = None if beat is None else parse_beat(beat)
    maps, placed = [], []
    paths = [run] if other is None else [run, other]
    subjects = [shown.subject(path) for path in paths]
    for subject in subjects:
        model = subject.model(computing.device)
        embedded = embed_run(
            subject,
            model,
            split,
            clips=clips,
            batch_size=computing.batch_size,
            allow_overlap=shown.allow_overlap,
            show_progress=True,
        )
        maps.append(make_map(embedded, method=method, seed=seed))
        placed.append(place_files(maps[-1], model, clip or [], clips=clips, beat=frames))
    out = out or subjects[0].result_folder("explain", f"map-{split}")
    stores = [subject.store() for subject in subjects]
    written = write_maps(maps, out, placed=placed, stores=stores)
    show_maps(maps, placed, written)
    return 0

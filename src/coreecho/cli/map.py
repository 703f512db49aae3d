"""`coreecho map`."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from coreecho.cli.options import AtLeastOne, BeatText, Computing, FileReading, NotNegative, TestedData
from coreecho.datasets.recording import Asked
from coreecho.errors import RecipeError
from coreecho.shipped import DEFAULT, is_default


def draw_map(
    run: Path = Path(DEFAULT),
    other: Path | None = None,
    /,
    *,
    clip: Annotated[list[Path] | None, Parameter(negative="")] = None,
    beat: BeatText = None,
    reading: FileReading | None = None,
    out: Path | None = None,
    split: Asked = "test",
    method: Literal["auto", "umap", "pca"] = "auto",
    clips: AtLeastOne = 3,
    start_index: Path | None = None,
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
        Folder of a run that `coreecho train` wrote, a `.safetensors` file with `--data`, or `default`: the model that
        ships with coreecho, with the simulated hearts that come with it, or with `--data` any others.
    other:
        A second one, to compare.
    clip:
        New clip to place on the map; may be given several times.
    beat:
        The beat to look at.
    reading:
        How the new clips are read, where the usual way is not right.
    out:
        Folder for the result [default: RUN/explain/map-SPLIT, or WEIGHTS-results/explain/map-SPLIT-on-DATA; of the
        hearts that come with the default model, `map`].
    split:
        Recordings on the map.
    method:
        How the embeddings are laid flat.
    clips:
        Clips of each recording whose mean is its embedding.
    start_index:
        File that says where each recording's clips start, instead of `--clips`: the authors' pickle, or JSON of
        `{"<name>.avi": [3, 10, 25]}`.
    shown:
        The data, where they are not the run's own.
    computing:
        How the model computes.
    seed:
        Of UMAP.
    """
    shown = shown or TestedData()
    computing, reading = computing or Computing(), reading or FileReading()
    from coreecho.files import make_folder
    from coreecho.inference import Predictor, find_device, find_one, parse_beat
    from coreecho.inference.appraising import calibration_beside
    from coreecho.models.weights import load_model
    from coreecho.report.map_drawing import write_maps
    from coreecho.report.shipped_model import say_default
    from coreecho.report.terminal import show_maps
    from coreecho.report.thumbnails import Thumbnails, recording_thumbnail
    from coreecho.representation.embedding_map import make_map, place_files
    from coreecho.representation.embeddings import embed_run
    from coreecho.representation.references import load_default_references
    from coreecho.ventricle.second_opinion import find_second_opinion, judged_by_outline

    if out is not None:
        make_folder(out)
    frames = None if beat is None else parse_beat(beat)
    new = [find_one(path, joins_series=reading.series) for path in clip or []]
    maps, placed = [], []
    thumbnails: list[Thumbnails] = []
    paths = [run] if other is None else [run, other]
    for path in paths:
        say_default(path)
    subjects = [None if is_default(path) and shown.data is None else shown.subject(path) for path in paths]
    for path, subject in zip(paths, subjects, strict=True):
        if subject is None:
            if start_index is not None:
                raise RecipeError(
                    "`--start-index` places clips of recordings, and the hearts that come with the default model are "
                    "embedded already: say which recordings by `--data`."
                )
            model, references = load_model(DEFAULT, find_device(computing.device)), load_default_references()
            embedded = references.embedded
            thumbnails.append(references.thumbnail)
        else:
            model = subject.model(computing.device)
            embedded = embed_run(
                subject,
                model,
                split,
                clips=clips,
                start_index=start_index,
                batch_size=computing.batch_size,
                allow_overlap=shown.allow_overlap,
                show_progress=True,
            )
            thumbnails.append(partial(recording_thumbnail, subject.store()))
        maps.append(make_map(embedded, method=method, seed=seed))
        predictor = Predictor(
            model, clips=clips, beat=frames, axes=reading.axes, calibration=calibration_beside(path) if new else None
        )
        outliner = find_second_opinion(None, path, model.task, computing.device) if new else None
        judge = judged_by_outline(predictor, outliner, axes=reading.axes)
        placed.append(place_files(maps[-1], model, new, clips=clips, beat=frames, axes=reading.axes, appraise=judge))
    if out is None:
        out = Path("map") if subjects[0] is None else subjects[0].result_folder("explain", f"map-{split}")
    written = write_maps(maps, out, placed=placed, thumbnails=thumbnails)
    show_maps(maps, placed, written)
    return 0

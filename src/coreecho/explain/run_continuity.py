"""How continuous the representation of a run is, as a folder of files.

continuity.json   every figure with its interval and its definition
continuity.csv    the same as a table
continuity.png    what the embedding is made of, and how it moves along the EF of one heart
paths.csv         where simulated hearts can be had: each point of the paths
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from coreecho.datasets import Split
from coreecho.errors import CoReEchoError, DatasetError, RecipeError
from coreecho.explain.continuity_drawing import draw_continuity
from coreecho.explain.continuity_figures import ContinuityFigure, order_figures, path_figures, variance_figures
from coreecho.explain.ef_paths import PATH_EF_PERCENT, embed_path
from coreecho.explain.embeddings import DEFAULT_CLIPS, embed_run
from coreecho.explain.explained_variance import FOLDS
from coreecho.explain.labels import NOTICE, PHANTOM_LABEL
from coreecho.explain.nuisances import picture_nuisances
from coreecho.explain.patients import patients_of
from coreecho.explain.phantom_truth import PhantomCohort
from coreecho.explain.smoothness import EFPath
from coreecho.files import write_whole
from coreecho.models.echo_model import EchoModel
from coreecho.training.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class ContinuityProtocol:
    """What is measured.

    Attributes:
        split: of the data set.
        clips: evenly placed clips of each study.
        hearts: simulated hearts whose EF is moved in steps; 0 for none. Only where the data are phantoms.
        seed: of folds and bootstrap.
    """

    split: Split = "test"
    clips: int = DEFAULT_CLIPS
    hearts: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.clips < 1 or self.hearts < 0:
            raise RecipeError(f"expected at least 1 clip and 0 hearts, got {self.clips} and {self.hearts}")


@dataclass(frozen=True, kw_only=True)
class Continuity:
    """What was found of a run, and where it was written.

    Attributes:
        folder: with the files named above.
        figures: in the order in which they are shown.
        num_studies: with EF.
        source: the embeddings, in words.
        is_phantom: the hearts are simulated.
        notes: what a reader should know.
    """

    folder: Path
    figures: tuple[ContinuityFigure, ...]
    num_studies: int
    source: str
    is_phantom: bool
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a figure: group, measure, estimate, low, high, unit, meaning."""
        return pd.DataFrame(
            [
                (figure.group, figure.key, interval.estimate, interval.low, interval.high, figure.unit, figure.meaning)
                for figure in self.figures
                for interval in (figure.interval,)
            ],
            columns=["group", "measure", "estimate", "low", "high", "unit", "meaning"],
        )


def measure_continuity(
    run: RunFolder,
    model: EchoModel,
    out: Path,
    *,
    protocol: ContinuityProtocol | None = None,
    batch_size: int = 8,
    show_progress: bool = False,
) -> Continuity:
    """Measure a run's representation, and write the folder.

    Args:
        run: the run.
        model: its best weights, on the device that shall compute.
        out: the folder, made where it is missing.
        protocol: what is measured.
        batch_size: clips at once.
        show_progress: show bars on stderr.

    Raises:
        DatasetError: the split is empty, or has too few studies with EF.
        CoReEchoError: the folder cannot be written.
    """
    protocol = protocol or ContinuityProtocol()
    embedded = embed_run(
        run, model, protocol.split, clips=protocol.clips, batch_size=batch_size, show_progress=show_progress
    )
    known = np.flatnonzero(np.isfinite(embedded.ef_percent))
    studies = [run.studies(protocol.split)[index] for index in known]
    points, labels = embedded.embeddings[known], embedded.ef_percent[known]
    ids, patients, seed = [study.id for study in studies], patients_of(studies), protocol.seed
    cohort, notes = _cohort(run)
    if len(known) < len(embedded):
        notes.append(f"{len(embedded) - len(known)} studies have no EF and are left out")
    figures = order_figures(points, labels, temperature=run.recipe.temperature, patients=patients, seed=seed)
    if len(set(patients or ids)) < FOLDS:
        notes.append(f"shares of variance need at least {FOLDS} studies of different patients")
    else:
        nuisances = cohort.nuisances(ids) if cohort else picture_nuisances(run.store(), ids)
        figures += variance_figures(points, labels, nuisances, patients=patients, seed=seed)
    paths: list[EFPath] = []
    if cohort and protocol.hearts:
        paths = _embed_paths(model, cohort, ids[: protocol.hearts], protocol.clips, batch_size, show_progress)
        figures += path_figures(paths, seed=seed)
    measured = Continuity(
        folder=out,
        figures=tuple(figures),
        num_studies=len(known),
        source=embedded.source,
        is_phantom=embedded.is_phantom,
        notes=tuple(notes),
    )
    _write(measured, protocol, paths, run.recipe.temperature)
    return measured


def _embed_paths(
    model: EchoModel, cohort: PhantomCohort, hearts: Sequence[str], clips: int, batch_size: int, show_progress: bool
) -> list[EFPath]:
    console = Console(stderr=True)
    bar = track(hearts, "Moving EF", console=console, disable=not show_progress, transient=True)
    return [embed_path(model, cohort, heart, clips=clips, batch_size=batch_size) for heart in bar]


def _cohort(run: RunFolder) -> tuple[PhantomCohort | None, list[str]]:
    """The phantoms of a run's data with all that is true of them, or a note why that cannot be had."""
    if not run.data.is_phantom:
        return None, []
    try:
        return PhantomCohort(run.data.root), []
    except DatasetError as error:
        return None, [f"nuisances are measured in the pictures, and there are no paths: {error}"]


def _write(measured: Continuity, protocol: ContinuityProtocol, paths: Sequence[EFPath], temperature: float) -> None:
    document = {
        "result": f"phantom result: {PHANTOM_LABEL}" if measured.is_phantom else "result on real hearts",
        "is_phantom": measured.is_phantom,
        "notice": NOTICE,
        "source": measured.source,
        "num_studies": measured.num_studies,
        "notes": list(measured.notes),
        "protocol": {
            "split": protocol.split,
            "clips": protocol.clips,
            "hearts": len(paths),
            "path_ef_percent": list(PATH_EF_PERCENT) if paths else [],
            "temperature": temperature,
            "seed": protocol.seed,
        },
        "figures": [
            {"group": figure.group, "measure": figure.key, "label": figure.label, "unit": figure.unit,
             "meaning": figure.meaning, **figure.interval.to_dict()}
            for figure in measured.figures
        ],
    }  # fmt: skip
    out = measured.folder
    try:
        out.mkdir(parents=True, exist_ok=True)
        if paths:
            write_whole(out / "paths.csv", pd.concat([path.to_frame() for path in paths]).to_csv(index=False))
        write_whole(out / "continuity.csv", measured.to_frame().to_csv(index=False))
        shares = {figure.label: figure.interval for figure in measured.figures if figure.group == "variance"}
        draw_continuity(out / "continuity.png", shares, paths, source=measured.source, is_phantom=measured.is_phantom)
        write_whole(out / "continuity.json", json.dumps(document, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise CoReEchoError(f"{out} cannot be written to: {error.strerror or error}. Give another `--out`.") from error

"""How continuous the representation of a model is, as a folder of files.

continuity.json   every figure with its interval and its definition, and what it was made from
continuity.csv    the same as a table
paths.csv         where simulated hearts can be had: each point of the paths

What lies in the folder is used while it holds: the same weights, data, settings and version of coreecho.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from coreecho.datasets.recording import Asked
from coreecho.evaluation.kept_results import data_fingerprint, find_kept, fingerprint_of, write_kept
from coreecho.files import sha256_of, write_whole, writing_into
from coreecho.inference.opening import as_subject
from coreecho.inference.subject import Subject
from coreecho.models.echo_model import EchoModel
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.phantom.cohort_folder import GENERATOR_VERSION
from coreecho.progress import track
from coreecho.representation.continuity_figures import (
    ContinuityFigure,
    figure_from,
    order_figures,
    path_figures,
    variance_figures,
)
from coreecho.representation.continuity_recordings import ContinuityProtocol, read_recordings
from coreecho.representation.ef_paths import PATH_EF_PERCENT, embed_path
from coreecho.representation.embedding_set import number_of
from coreecho.representation.phantom_truth import PhantomCohort, can_be_moved
from coreecho.representation.smoothness import EFPath
from coreecho.tasks import Task, build_task
from coreecho.training.run_folder import RunFolder

_DOCUMENT = "continuity.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class Continuity:
    """What was found of a run, and where it was written.

    Attributes:
        folder: with the files named above.
        figures: in the order in which they are shown.
        num_recordings: whose label is known.
        number: that the embeddings were compared with: what the model reads, or EF where that is no number.
        source: the embeddings, in words.
        is_phantom: the hearts are simulated.
        notes: what a reader should know.
        paths: each point of the paths along the EF of one heart, as `EFPath.to_frame` gives them; empty without paths.
    """

    folder: Path
    figures: tuple[ContinuityFigure, ...]
    num_recordings: int
    number: Task
    source: str
    is_phantom: bool
    notes: tuple[str, ...]
    paths: pd.DataFrame = field(default_factory=pd.DataFrame)

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
    run: RunFolder | Subject,
    model: EchoModel,
    out: Path,
    *,
    protocol: ContinuityProtocol | None = None,
    batch_size: int = 8,
    allow_overlap: bool = False,
    show_progress: bool = False,
) -> Continuity:
    """Measure a representation, and write the folder.

    Args:
        run: the run, or model and data.
        model: its best weights, on the device that shall compute.
        out: the folder, made where it is missing.
        protocol: what is measured.
        batch_size: clips at once.
        allow_overlap: see `Subject.check_overlap`; the result's `source` then says so.
        show_progress: show bars on stderr.

    Raises:
        DatasetError: the split is empty, has too few recordings whose label is known, or such that the model was
            trained on.
        CoReEchoError: the folder cannot be written.
    """
    protocol = protocol or ContinuityProtocol()
    subject = as_subject(run)
    split = protocol.split
    subject.check_overlap(subject.recordings(split), split, allow=allow_overlap, show_progress=show_progress)
    fingerprint = continuity_fingerprint(subject, protocol)
    if (kept := _kept_continuity(out, fingerprint)) is not None:
        return kept
    recordings = read_recordings(
        subject, model, protocol, batch_size=batch_size, allow_overlap=allow_overlap, show_progress=show_progress
    )
    patients, seed, temperature = recordings.patients, protocol.seed, subject.temperature
    seen = (recordings.embeddings, recordings.labels, recordings.number)
    figures = order_figures(*seen, temperature=temperature, patients=patients, seed=seed)
    if recordings.nuisances is not None:
        figures += variance_figures(*seen, recordings.nuisances, patients=patients, seed=seed)
    paths: list[EFPath] = []
    if recordings.cohort and protocol.hearts and can_be_moved(recordings.number):
        hearts = recordings.ids[: protocol.hearts]
        paths = _embed_paths(model, recordings.cohort, hearts, protocol.clips, batch_size, show_progress)
        figures += path_figures(paths, seed=seed)
    measured = Continuity(
        folder=out,
        figures=tuple(figures),
        num_recordings=len(recordings.ids),
        number=recordings.number,
        source=recordings.source,
        is_phantom=recordings.is_phantom,
        notes=tuple(recordings.notes),
        paths=pd.concat([path.to_frame() for path in paths]) if paths else pd.DataFrame(),
    )
    _write(measured, protocol, len(paths), temperature, fingerprint)
    return measured


def continuity_folder(subject: Subject, split: Asked) -> Path:
    """Where a subject keeps the figures of a split."""
    return subject.result_folder("explain", f"continuity-{split}")


def difference_folder(first: Subject, second: Subject, split: Asked) -> Path:
    """Where a subject keeps how it differs from a second one."""
    return first.result_folder("explain", f"continuity-{split}-against-{second.name}")


def continuity_fingerprint(subject: Subject, protocol: ContinuityProtocol) -> str:
    """Changes when anything does that the figures of a subject depend on."""
    recordings, store = subject.recordings(protocol.split), subject.seen()
    return fingerprint_of(
        weights=subject.weights_sha256,
        data=data_fingerprint(subject.data.root, recordings, store),
        dataset=subject.data.dataset,
        is_phantom=subject.is_phantom,
        overlap=subject.overlap(recordings).label,
        number=number_of(subject.task).to_mapping(),
        temperature=subject.temperature,
        path_ef_percent=PATH_EF_PERCENT,
        # Decides whether phantoms can be made anew: without, nuisances are others and there are no paths.
        generator_version=GENERATOR_VERSION,
        protocol=asdict(protocol) | {"start_index": protocol.start_index and sha256_of(protocol.start_index)},
    )


def _kept_continuity(folder: Path, fingerprint: str) -> Continuity | None:
    document = find_kept(folder / _DOCUMENT, fingerprint=fingerprint)
    if document is None:
        return None
    return Continuity(
        folder=folder,
        figures=tuple(figure_from(entries) for entries in document["figures"]),
        num_recordings=document["num_recordings"],
        number=build_task(document["number"]),
        source=document["source"],
        is_phantom=document["is_phantom"],
        notes=tuple(document["notes"]),
        paths=_read_paths(folder / "paths.csv") if document["protocol"]["hearts"] else pd.DataFrame(),
    )


def _read_paths(path: Path) -> pd.DataFrame:
    """Read the paths to the last bit, which a CSV reader's own numbers need not be; an id may look like a number."""
    texts = pd.read_csv(path, dtype=str, keep_default_na=False)
    return texts.astype(dict.fromkeys(texts.columns.drop("recording"), float))


def _embed_paths(
    model: EchoModel, cohort: PhantomCohort, hearts: Sequence[str], clips: int, batch_size: int, show_progress: bool
) -> list[EFPath]:
    bar = track(hearts, "Moving EF", disable=not show_progress, transient=True)
    return [embed_path(model, cohort, heart, clips=clips, batch_size=batch_size) for heart in bar]


def _write(
    measured: Continuity, protocol: ContinuityProtocol, num_paths: int, temperature: float, fingerprint: str
) -> None:
    document = {
        "result": f"phantom result: {PHANTOM_LABEL}" if measured.is_phantom else "result on real hearts",
        "is_phantom": measured.is_phantom,
        "notice": NOTICE,
        "source": measured.source,
        "num_recordings": measured.num_recordings,
        "number": measured.number.to_mapping(),
        "notes": list(measured.notes),
        "protocol": {
            "split": protocol.split,
            "clips": None if protocol.start_index else protocol.clips,
            "start_index": protocol.start_index and protocol.start_index.name,
            "hearts": num_paths,
            "path_ef_percent": list(PATH_EF_PERCENT) if num_paths else [],
            "temperature": temperature,
            "seed": protocol.seed,
        },
        "figures": [figure.to_dict() for figure in measured.figures],
    }
    files = ["continuity.csv", *(["paths.csv"] if num_paths else [])]
    out = measured.folder
    with writing_into(out):
        if num_paths:
            write_whole(out / "paths.csv", measured.paths.to_csv(index=False))
        write_whole(out / "continuity.csv", measured.to_frame().to_csv(index=False))
        write_kept(out / _DOCUMENT, document, fingerprint=fingerprint, files=files)

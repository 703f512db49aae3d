"""Gathers what a patient's page shows of each clip besides its number: frames, and hearts that it is like."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from coreecho.errors import CoReEchoError, RecipeError, UsageError
from coreecho.inference import Beat, Prediction, PredictionFailure, Predictor
from coreecho.inference.opening import open_subject
from coreecho.inference.preparing import read_clip
from coreecho.names import counted
from coreecho.progress import track
from coreecho.report.patient_page import PatientClip, SimilarHearts
from coreecho.report.thumbnails import Thumbnails, recording_thumbnail
from coreecho.representation.embedding_set import EmbeddingSet
from coreecho.representation.embeddings import embed_run
from coreecho.representation.neighbour_search import check_neighbours, search_neighbours
from coreecho.representation.references import load_default_references
from coreecho.shipped import is_default
from coreecho.ventricle.segmentation import Segmentation

# Films and pictures of so many clips are what a browser opens at once; an examination has fewer.
MOST_CLIPS = 40
_HEARTS = 6


def check_fits_page(num_files: int) -> None:
    """Raises UsageError: more clips than a page of one patient should hold."""
    if num_files > MOST_CLIPS:
        raise UsageError(
            f"`--page` is one page a patient, and {counted(num_files, 'files')} were given: expected at most "
            f"{MOST_CLIPS}. Give the files of one examination, or leave `--page` out."
        )


def patient_clips(
    results: Sequence[Prediction | PredictionFailure],
    predictor: Predictor,
    model_path: Path,
    *,
    beat: Beat | None = None,
    looks_for_similar: bool = True,
    outlined: Mapping[str, Segmentation] | None = None,
    axes: str | None = None,
    show_progress: bool = False,
) -> list[PatientClip]:
    """Read the frames of each clip again, and look for hearts that it is like.

    Args:
        results: what was predicted of the files of one patient.
        predictor: that predicted them.
        model_path: run or file of weights from which it was made.
        beat: of the files, for a model of one beat.
        looks_for_similar: among the recordings that the run learned from.
        outlined: the left ventricles that `with_second_opinions` found, by the name of the file.
        axes: of files that are arrays, where these are not the usual ones.
        show_progress: show bars on stderr.

    Raises:
        UsageError: more clips than a page of one patient should hold.
    """
    check_fits_page(len(results))
    searched, without = None, "Similar hearts were not looked for."
    if looks_for_similar and any(isinstance(result, Prediction) for result in results):
        searched, without = _searched(predictor, model_path, show_progress=show_progress)
    missing = (without,) if without else ()
    bar = track(results, "Clips of the page", disable=not show_progress, transient=True)
    return [_patient_clip(result, predictor, searched, missing, beat, outlined or {}, axes) for result in bar]


def _searched(
    predictor: Predictor, model_path: Path, *, show_progress: bool
) -> tuple[tuple[EmbeddingSet, Thumbnails] | None, str]:
    """The recordings that the model learned from, embedded; else why there are none."""
    try:
        check_neighbours(predictor.model, _HEARTS)
        if is_default(model_path):
            references = load_default_references()
            return (references.embedded, references.thumbnail), ""
        subject = open_subject(model_path)
        # What a model learned from may be searched for likeness: nothing is tested on it.
        embedded = embed_run(subject, predictor.model, "train", allow_overlap=True, show_progress=show_progress)
    except CoReEchoError as error:
        return None, f"No similar hearts: {error}"
    return (embedded, partial(recording_thumbnail, subject.store())), ""


def _patient_clip(
    result: Prediction | PredictionFailure,
    predictor: Predictor,
    searched: tuple[EmbeddingSet, Thumbnails] | None,
    without: tuple[str, ...],
    beat: Beat | None,
    outlined: Mapping[str, Segmentation],
    axes: str | None,
) -> PatientClip:
    if isinstance(result, PredictionFailure):
        return PatientClip(result=result)
    missing = list(without)
    path = Path(result.file)
    try:
        clip = read_clip(predictor.model, path, beat=beat, axes=axes)
    except CoReEchoError as error:
        # Such as one without a sector: nothing tells what of it may be shown.
        return PatientClip(result=result, without=(*missing, f"No film is shown: {error}"))
    similar = None
    if searched is not None:
        embedded, thumbnail = searched
        try:
            found = search_neighbours(predictor.model, embedded, path, k=_HEARTS, beat=beat, axes=axes)
        except RecipeError as error:
            missing.append(f"No similar hearts: {error}")
        else:
            pictures = [thumbnail(near.recording) for near in found.neighbours]
            similar = SimilarHearts(found=found, pictures=pictures)
    segmented = outlined.get(result.file)
    return PatientClip(result=result, clip=clip, segmented=segmented, similar=similar, without=tuple(missing))

"""The EF of the left ventricle's outline beside the one that a model reads: two ways that fail on different clips."""

import math
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path

from coreecho.errors import RecipeError, log_unforeseen
from coreecho.inference.files import FileListing, PredictionFailure, list_files
from coreecho.inference.prediction import Prediction
from coreecho.inference.predictor import Predictor
from coreecho.inference.preparing import ReadFile, clip_reader
from coreecho.models.segmenter import Segmenter, open_segmenter
from coreecho.shipped import DEFAULT, NONE, has_default, is_default
from coreecho.tasks import Task
from coreecho.trust import CHECKS, DISAGREEMENT_POINTS, ModelCalibration, appraise_outline
from coreecho.trust.checks import NO_OUTLINE_CODE, OUTLINE_CHECK
from coreecho.ventricle.gauging import gauge_segmentation
from coreecho.ventricle.segmentation import Segmentation
from coreecho.ventricle.segmenting import segment_file
from coreecho.video.limits import SECONDS_A_FILE
from coreecho.video.reader_process import read_resized
from coreecho.video.reading import ClipPath


def find_second_opinion(
    segmenter: str | Path | None, model: str | Path, task: Task, device: str | None = None
) -> Segmenter | None:
    """Say what outlines the ventricle beside a model.

    Args:
        segmenter: as a person gives it; None where nothing was said: then the one that ships stands beside the model
            that ships, where this build has it. Beside a model of a person's own it would warn of its own errors.
        model: whose second opinion it is, as a person gives it.
        task: what the model reads; there is a second opinion of what an outline gives, too.
        device: where to compute.

    Returns:
        None where there is none, or `none` was said.

    Raises:
        RecipeError: one is given, and no outline gives what the model reads.
        CheckpointError: it cannot be read.
    """
    if segmenter is None:
        is_there = task.is_outlined and is_default(model) and has_default("lv")
        return open_segmenter(DEFAULT, device) if is_there else None
    if str(segmenter) == NONE:
        return None
    if not task.is_outlined:
        raise RecipeError(f"--segmenter: an outline gives an EF, and this model reads {task.noun}. Leave it out.")
    return open_segmenter(segmenter, device)


def with_second_opinions(
    results: Iterable[Prediction | PredictionFailure],
    paths: Sequence[str | Path] | FileListing,
    segmenter: Segmenter,
    *,
    calibrated: ModelCalibration | None = None,
    axes: str | None = None,
    joins_series: bool = False,
    seconds_a_file: float | None = SECONDS_A_FILE,
    outlined: MutableMapping[str, Segmentation] | None = None,
) -> Iterator[Prediction | PredictionFailure]:
    """Add to each prediction of `Predictor.predict_many` the EF by the outline, as they come.

    Args:
        results: of these paths, in order.
        paths: as they were given to the predictor.
        segmenter: on the device that shall compute.
        calibrated: of the predictor's weights; where it knows outlines of these weights, its checks of them are
            asked, too.
        axes: as the predictor's.
        joins_series: as the predictor's.
        seconds_a_file: as the predictor's.
        outlined: gets what was found in each file, by its name: frames and outlines, which fill memory.
    """
    files = (paths if isinstance(paths, FileListing) else list_files(paths, joins_series=joins_series)).files
    with clip_reader(seconds_a_file) as read:
        for number, (file, result) in enumerate(zip(files, results, strict=True), start=1):
            if isinstance(result, PredictionFailure) or isinstance(file, PredictionFailure):
                yield result
                continue
            where = f"the outline of file {number}"
            judged, found = _with_outline(result, file, segmenter, calibrated, axes, read, where)
            if outlined is not None and found is not None:
                outlined[result.file] = found
            yield judged


def judged_by_outline(
    predictor: Predictor, segmenter: Segmenter | None, *, axes: str | None = None
) -> Callable[[ClipPath], Prediction]:
    """A predictor whose trust in a clip is that of `coreecho predict`: its gate is asked of the outline, too.

    Args:
        predictor: of an EF or of anything else.
        segmenter: what outlines the ventricle; None where nothing does.
        axes: as the predictor's.

    Returns:
        The predictor alone where its calibration knows no outlines by this segmenter.
    """
    calibrated = predictor.calibrated
    if segmenter is None or calibrated is None or calibrated.outlined_by != segmenter.weights_sha256:
        return predictor

    def judged(file: ClipPath) -> Prediction:
        found, _ = _with_outline(predictor(file), file, segmenter, calibrated, axes, read_resized, "the outline")
        return found

    return judged


def _with_outline(
    result: Prediction,
    file: ClipPath,
    segmenter: Segmenter,
    calibrated: ModelCalibration | None,
    axes: str | None,
    read: ReadFile,
    where: str,
) -> tuple[Prediction, Segmentation | None]:
    try:
        found = segment_file(segmenter, file, axes=axes, read=read)
    # A prediction is not lost because its second opinion is.
    except Exception as error:
        log_unforeseen(error, where)
        reason = PredictionFailure.of(str(file), error).error
        judged = appraise_outline(result, calibrated, {}, segmenter.weights_sha256)
        return replace(judged, segmentation_beats=0, notes=(*result.notes, f"no EF by the outline: {reason}")), None
    gauged, shown = gauge_segmentation(found), found.mean_ef_percent
    # A gauge looks at some frames alone. What is doubted is the EF that is shown: a reason of another, which nobody
    # sees, would contradict the two numbers beside it.
    asked = replace(gauged, ef_percent=math.nan if shown is None else shown).beside(result.value)
    judged = appraise_outline(result, calibrated, asked, segmenter.weights_sha256)
    if OUTLINE_CHECK in judged.measured:
        # A log that is watched for drift is compared with what gauges measured.
        logged = gauged.beside(result.value)[OUTLINE_CHECK]
        kept = {name: value for name, value in judged.measured.items() if name != OUTLINE_CHECK}
        judged = replace(judged, measured=kept if math.isnan(logged) else kept | {OUTLINE_CHECK: logged})
    return beside(judged, found), found


def beside(prediction: Prediction, found: Segmentation) -> Prediction:
    """Put the EF by the outline beside a prediction; that they disagree is a warning.

    Args:
        prediction: of an EF; any other is left as it is.
        found: in the same clip.
    """
    if prediction.ef_percent is None:
        return prediction
    ef_percent, num_beats = found.mean_ef_percent, len(found.beats.beats)
    warnings, notes = prediction.warnings, prediction.notes
    if ef_percent is None:
        # Where the gate asks for it, a reason says so already.
        if NO_OUTLINE_CODE not in prediction.reason_codes:
            notes = (*notes, "no EF by the outline: no complete beat was found in it")
    elif CHECKS[OUTLINE_CHECK].is_always_doubted(apart := abs(ef_percent - prediction.ef_percent)):
        told = CHECKS[OUTLINE_CHECK].told(apart, DISAGREEMENT_POINTS)
        warnings = (
            *warnings,
            f"the outline of the left ventricle gives an EF of {ef_percent:.0f} % ({num_beats} "
            f"beat{'s' if num_beats > 1 else ''}), {told} points away: look at it (`coreecho segment`)",
        )
    if found.num_elsewhere:
        warnings = (
            *warnings,
            f"in {found.num_elsewhere} of {found.num_frames} frames the outline of the left ventricle lies elsewhere "
            "than in the others: its EF says little",
        )
    if found.beats.is_irregular:
        warnings = (*warnings, "irregular rhythm: the EF differs from beat to beat")
    return replace(
        prediction,
        segmentation_ef_percent=ef_percent,
        segmentation_beats=num_beats,
        segmentation_model=found.model,
        warnings=warnings,
        notes=notes,
    )

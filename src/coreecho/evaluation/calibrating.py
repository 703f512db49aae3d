"""Calibrates a model: from recordings that it was not trained on to the file that says what its numbers are worth.

Clips and embeddings come from the table of results: what was predicted before, by whatever command, is not predicted
again. Beside the errors that make intervals, the file gets the values of the gate's checks of the same recordings, the
places of training clips, and how much more recordings err that each check flags: sound ones, and such with a planted
fault.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from coreecho.datasets.recording import Asked, Recording, Split, asked_split, is_learned_from, words_of, words_of_data
from coreecho.errors import CalibrationError, CoReEchoError
from coreecho.evaluation.measured_clips import (
    Computing,
    MeasuredClips,
    Outliner,
    measure_clips,
    predicted_clips,
)
from coreecho.evaluation.patients import patients_of
from coreecho.evaluation.predictions import check_labels
from coreecho.evaluation.reasons import HowMeasured, error_ratios
from coreecho.inference.opening import as_subject
from coreecho.inference.overlap import Overlap
from coreecho.inference.subject import Subject
from coreecho.trust import (
    DEFAULT_LEVEL,
    DEFAULT_METHOD,
    Calibration,
    Gate,
    KnownClips,
    Method,
    ModelCalibration,
    calibrate,
    calibration_path,
    know,
    make_gate,
    promise,
    read_calibration,
    widening_needed,
)

DEFAULT_CLIPS = 3
# Training recordings whose places are kept. Drawn by their ids, so that the same run always keeps the same.
_KNOWN_RECORDINGS = 300
# Of a site's own data: what a VAL split that was made at random has of a hundred clips is too little to learn from.
_FEWEST_OF_OTHERS = 30
# Of the recordings on which reasons are tried, those whose ventricles are outlined as they are.
_OUTLINED_SOUND = 120
# A check that could not be measured of so many of the recordings would doubt all new ones.
_MEASURED_SHARE = 0.9
# With a twentieth, the checks of 172 validation recordings (the demo) would be too small to doubt anything.
DOUBTED_SHARE = 0.1


def calibrate_subject(
    subject: Subject,
    *,
    split: Asked | None = None,
    tried_on: Split | None = None,
    clips: int = DEFAULT_CLIPS,
    method: Method = DEFAULT_METHOD,
    level: float = DEFAULT_LEVEL,
    allow_overlap: bool = False,
    computing: Computing | None = None,
    outliner: Outliner | None = None,
) -> ModelCalibration:
    """Calibrate a model on recordings whose EF is known.

    Args:
        subject: the model and the data.
        split: recordings to learn from. When not given, the VAL split; of other data with fewer than 30 there, all.
        tried_on: split on which the reasons for doubt are tried, best one that is held out of all else; when not given,
            the recordings to learn from.
        clips: evenly placed, of each, whose mean is its EF.
        method: how errors become intervals; see `coreecho.trust.calibration`.
        level: share of new recordings whose EF the intervals shall hold.
        allow_overlap: go on where the model was trained on some of them; the calibration says so.
        computing: how.
        outliner: of left ventricles, for checks that look at them; it takes a second or two for each of some hundred
            recordings. None leaves these checks out.

    Raises:
        CalibrationError: the model reads something else than EF, or the recordings are too few for the level, or of
            patients that were trained on.
        DatasetError: recordings without EF, or such that the model was trained on.
        CheckpointError: there are no readable weights.
    """
    computing = computing or Computing()
    recordings, words, overlap = _asked_recordings(subject, split, allow_overlap, computing)
    promised = promise(len(recordings), level)
    if not promised.is_finite:
        raise CalibrationError(f"{words}: {promised.words}")
    known = _known_clips(subject, clips, computing)
    measured = measure_clips(subject, recordings, clips=clips, known=known, computing=computing, outliner=outliner)
    intervals = calibrate(
        measured.true,
        measured.predicted,
        calibrated_on=words if overlap.label is None else f"{words} ({overlap.label})",
        is_phantom=subject.is_phantom,
        model=subject.weights_sha256,
        spread=measured.spread_for(method),
        patients=patients_of(recordings),
        training_patients=() if allow_overlap else _training_patients(subject),
        method=method,
        level=level,
        edges=subject.task.interval_edges,
    )
    num_clips = int(measured.predictions["num_clips"].min())
    gate = _gate(measured)
    if gate is not None:
        how = HowMeasured(subject=subject, clips=clips, known=known, computing=computing, outliner=outliner)
        if tried_on is None:
            tried, sound, tried_words = recordings, measured, words
        else:
            tried, tried_words = subject.some_recordings(tried_on), f"the {words_of(tried_on)}"
            check_labels(tried, subject.task)
            sound = how.measure(tried, outlined_at_most=_OUTLINED_SOUND)
        gate = gate.with_error_ratios(error_ratios(gate, tried, sound, how, tried_words))
    return ModelCalibration(
        intervals=intervals, num_clips=num_clips, gate=gate, known=known, outlined_by=measured.outlined_by
    )


def measure_gap(
    subject: Subject,
    calibrated: ModelCalibration,
    *,
    split: Asked | None = None,
    allow_overlap: bool = False,
    computing: Computing | None = None,
) -> ModelCalibration:
    """Widen intervals that were learned from simulated hearts by as much as the model errs more on real ones.

    Args:
        subject: the model, and recordings of patients whose EF is known.
        calibrated: on simulated hearts.
        split: of the recordings; as in `calibrate_subject`.
        allow_overlap: as in `calibrate_subject`.
        computing: how.

    Raises:
        CalibrationError: the calibration is of real hearts or of other weights, the data are simulated, or too few.
        DatasetError: as in `calibrate_subject`.
    """
    computing = computing or Computing()
    calibrated.refuse_other_weights(subject.weights_sha256, "The calibration")
    if not calibrated.intervals.is_phantom or subject.is_phantom:
        raise CalibrationError(
            "A gap is measured between simulated hearts, on which a model was calibrated, and patients: this "
            f"calibration is on {'simulated' if calibrated.intervals.is_phantom else 'real'} hearts, and these data "
            f"are {'simulated' if subject.is_phantom else 'real'}."
        )
    recordings, words, overlap = _asked_recordings(subject, split, allow_overlap, computing)
    plain = calibrated.intervals.as_calibrated
    measured = measure_clips(subject, recordings, clips=calibrated.num_clips, known=None, computing=computing)
    factor = widening_needed(plain, measured.true, measured.predicted, measured.spread_for(plain.method))
    because = f"so much did it err on {len(recordings)} recordings of patients, {words}"
    because += "" if overlap.label is None else f" ({overlap.label})"
    return ModelCalibration(
        intervals=plain.widened(factor, because),
        num_clips=calibrated.num_clips,
        gate=calibrated.gate,
        known=calibrated.known,
        outlined_by=calibrated.outlined_by,
    )


def _asked_recordings(
    subject: Subject, split: Asked | None, allow_overlap: bool, computing: Computing
) -> tuple[list[Recording], str, Overlap]:
    """The recordings to learn from, what they are in words, and which of them were trained on."""
    if not subject.task.is_appraised:
        raise CalibrationError(
            f"{subject.path} reads the {subject.task.quantity}: intervals are made of an ejection fraction alone."
        )
    dataset = subject.data.dataset
    asked: Asked
    if split is not None:
        asked = split
    else:
        has_enough = subject.is_own_data or len(subject.recordings("val")) >= _FEWEST_OF_OTHERS
        asked = "val" if has_enough and not subject.is_undivided else "all"
    recordings = subject.some_recordings(asked)
    words = words_of_data(asked, dataset)
    check_labels(recordings, subject.task)
    if is_learned_from(asked_split(asked)) and not allow_overlap:
        raise CalibrationError(
            "Errors of recordings that were trained on are too small to promise anything: give another `--split`."
        )
    overlap = subject.check_overlap(recordings, asked, allow=allow_overlap, show_progress=computing.show_progress)
    return recordings, words, overlap


def _training_patients(subject: Subject) -> Sequence[str]:
    """Of the run's own data; names of other data sets are other patients', whatever they are."""
    return (patients_of(subject.recordings("train")) or ()) if subject.is_own_data else ()


def _known_clips(subject: Subject, clips: int, computing: Computing) -> KnownClips | None:
    """Where the model puts the clips that it was trained on; None where these are not to be had."""
    trained = subject
    if subject.run is not None and not subject.is_own_data:
        try:
            trained = as_subject(subject.run)
            trained.store(show_progress=computing.show_progress)
        except CoReEchoError:
            # A site that calibrates has the run, and not the data that it was trained on.
            return _known_before(subject)
    labelled = [recording for recording in trained.recordings("train") if trained.task.label_of(recording) is not None]
    drawn = sorted(labelled, key=lambda recording: hashlib.sha256(recording.id.encode("utf-8", "replace")).digest())
    drawn = drawn[:_KNOWN_RECORDINGS]
    if not drawn:
        return _known_before(subject)
    videos = predicted_clips(
        trained, trained.store(), drawn, clips=clips, computing=computing, description="Training recordings"
    )
    labels = [float(trained.task.label_of(recording) or 0.0) for recording in drawn]
    words = f"{len(drawn)} recordings of the TRAIN split of {trained.data.dataset}"
    try:
        return know(np.stack([video.embedding for video in videos]), labels, words=words)
    except CalibrationError:
        # Too few, or all alike: distances would say nothing.
        return None


def _known_before(subject: Subject) -> KnownClips | None:
    """What the calibration that lies there knows of the training clips."""
    path = calibration_path(subject.weights)
    if not path.exists():
        return None
    before = read_calibration(path)
    return before.known if before.intervals.model == subject.weights_sha256 else None


def _gate(measured: MeasuredClips) -> Gate | None:
    """The checks that could be measured of all but a few of the recordings."""
    usual = {}
    for name, values in measured.values.items():
        asked = values[measured.asked(name)]
        finite = asked[np.isfinite(asked)]
        if len(finite) and len(finite) >= _MEASURED_SHARE * len(asked):
            usual[name] = finite
    return make_gate(usual, doubted_share=DOUBTED_SHARE) if usual else None


def what_it_promises(intervals: Calibration) -> str:
    """For a person who has just calibrated: what so many recordings can promise, and of whom."""
    of_whom = (
        " These are simulated hearts: on patients it promises nothing until the gap is measured (`--measure-gap`)."
        if intervals.is_phantom
        else ""
    )
    return f"{intervals.words}{of_whom}"

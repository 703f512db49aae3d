"""All that says what a model's numbers are worth, as one JSON file beside its weights.

The calibration of `best.safetensors` is `best.calibration.json`: of a run, of weights that travel alone, and of those
that come with coreecho. It names the weights by their SHA-256, and that of others is refused. The file decides what a
person is told about a patient. So nothing in it is guessed, filled in or rounded: every entry must be there, of its
type, finite and in agreement with the others, or the whole file is refused.
"""

import base64
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from coreecho.documents import MAY_BE_ABSENT, Limits, Within, document_text, parse_document
from coreecho.errors import CalibrationError
from coreecho.files import write_whole
from coreecho.trust.calibration import CalibratedRange, Calibration, Method
from coreecho.trust.checks import ErrorRatio
from coreecho.trust.gate import Gate, GateCheck
from coreecho.trust.known_clips import KnownClips
from coreecho.trust.predicted_ranges import PredictedRange

KIND = "calibration"
# A million recordings are 20 MB of numbers: more is no calibration of ours.
_LIMITS = Limits(max_bytes=64 * 2**20)
_VERSION = re.compile(r'"version": (\d{1,9})\b')
# Widths are written for human readers, and must agree with the errors that they come from.
_RELATIVE_AGREEMENT = 1e-9
_Base64 = Annotated[str, Within(0, 32 * 2**20)]


@dataclass(frozen=True, kw_only=True)
class ModelCalibration:
    """What stands in the file.

    Attributes:
        intervals: from the errors of the recordings that the model was calibrated on.
        num_clips: evenly placed clips whose mean was each recording's prediction; a mean of fewer errs more.
        gate: values of the same recordings; None where none were measured.
        known: the clips that the model was trained on; None where they are not known.
        outlined_by: SHA-256 of the weights that outlined the left ventricles for the gate; None where none did.
    """

    intervals: Calibration
    num_clips: int
    gate: Gate | None = None
    known: KnownClips | None = None
    outlined_by: str | None = None

    def __post_init__(self) -> None:
        if self.num_clips < 1:
            raise CalibrationError(f"Calibration, num_clips: expected 1 or more, got {self.num_clips}.")
        checks = () if self.gate is None else self.gate.checks
        if self.outlined_by is None and any(check.definition.is_of_outline for check in checks):
            raise CalibrationError("Calibration: it has checks of the ventricle's outline, and not whose outlines.")

    def gate_for(self, outlined_by: str | None) -> Gate | None:
        """The checks that can be asked of a clip.

        Those of the ventricle's outline belong to the weights that outlined it in the calibration: of a clip that
        others have outlined, or nobody, they are not asked.

        Args:
            outlined_by: SHA-256 of the weights that outline the clip; None where none do.
        """
        if self.gate is None or (self.outlined_by is not None and outlined_by == self.outlined_by):
            return self.gate
        return self.gate.without_outline

    def refuse_other_weights(self, weights_sha256: str, where: str) -> None:
        """See that it was made of the errors of these weights.

        Args:
            weights_sha256: of the weights whose predictions are to get intervals.
            where: the calibration lies, for the message.

        Raises:
            CalibrationError: it was made of others.
        """
        if self.intervals.model != weights_sha256:
            raise CalibrationError(
                f"{where} is the calibration of other weights (SHA-256 {self.intervals.model[:12]}..., and these are "
                f"{weights_sha256[:12]}...): their errors say nothing about these. Make one with `coreecho calibrate`, "
                "or put the right file there."
            )


def calibration_path(weights: Path) -> Path:
    """Where the calibration of a file of weights lies: beside it."""
    return weights.with_name(f"{weights.stem}.calibration.json")


@dataclass(frozen=True, kw_only=True)
class _Range:
    low: float | None
    high: float | None
    num_recordings: int
    half_width: float | None
    errors: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class _Check:
    name: str
    values: tuple[float, ...]
    error_ratio: ErrorRatio | None
    no_ratio_because: str


@dataclass(frozen=True, kw_only=True)
class _Gate:
    doubted_share: float
    checks: tuple[_Check, ...]


@dataclass(frozen=True, kw_only=True)
class _Array:
    dtype: Literal["float16", "float32"]
    shape: tuple[int, ...]
    base64: _Base64


@dataclass(frozen=True, kw_only=True)
class _Known:
    words: str
    arrays: dict[str, _Array]


@dataclass(frozen=True, kw_only=True)
class _Document:
    format: Literal["coreecho-calibration"] = "coreecho-calibration"
    version: Literal[3] = 3
    level: float
    method: Method
    calibrated_on: str
    is_phantom: bool
    date: str
    weights_sha256: str
    num_recordings: int
    num_patients: int
    num_clips: int
    spread_floor: float | None
    widened_by: float
    widened_because: str
    ranges: tuple[_Range, ...]
    gate: _Gate | None
    known: _Known | None
    # Calibrations of before the outline was asked have none.
    outlined_by: str | None = field(default=None, metadata=MAY_BE_ABSENT)


def calibration_to_json(calibrated: ModelCalibration) -> str:
    """Write a calibration as JSON."""
    intervals = calibrated.intervals
    document = _Document(
        level=intervals.level,
        method=intervals.method,
        calibrated_on=intervals.calibrated_on,
        is_phantom=intervals.is_phantom,
        date=intervals.date,
        weights_sha256=intervals.model,
        num_recordings=intervals.num_recordings,
        num_patients=intervals.num_patients,
        num_clips=calibrated.num_clips,
        spread_floor=intervals.spread_floor,
        widened_by=intervals.widened_by,
        widened_because=intervals.widened_because,
        ranges=tuple(_written_range(part, intervals.level) for part in intervals.ranges),
        gate=None if calibrated.gate is None else _written_gate(calibrated.gate),
        known=None if calibrated.known is None else _written_known(calibrated.known),
        outlined_by=calibrated.outlined_by,
    )
    return document_text(document, indent=1) + "\n"


def calibration_from_json(text: str | bytes, where: str = KIND) -> ModelCalibration:
    """Read a calibration.

    Args:
        text: JSON.
        where: the file, for messages.

    Raises:
        CalibrationError: not JSON, an entry missing, unknown, of another type or not finite, or entries that disagree.
    """
    try:
        document = parse_document(text, _Document, kind=KIND, error=CalibrationError, limits=_LIMITS)
        return _checked(document)
    except CalibrationError as error:
        whole = text if isinstance(text, str) else text.decode(errors="replace")
        written, expected = _VERSION.search(whole), _Document.version
        # What else has another form in a file of another version, is no news to anybody.
        told = (
            f"it comes from another version of coreecho (version: {written[1]}, expected {expected})."
            if written is not None and written[1] != str(expected)
            else str(error)
        )
        raise CalibrationError(f"{where}: {told} Calibrate again: `coreecho calibrate MODEL`.") from error


def write_calibration(path: Path, calibrated: ModelCalibration) -> None:
    """Write `calibration_to_json` in one step.

    Raises:
        CalibrationError: the file cannot be written.
    """
    try:
        write_whole(path, calibration_to_json(calibrated))
    except OSError as error:
        raise CalibrationError(f"{path}: the calibration cannot be written: {error.strerror or error}.") from error


def read_calibration(path: Path) -> ModelCalibration:
    """Read what `write_calibration` wrote.

    Raises:
        CalibrationError: the file is missing, too large, or as in `calibration_from_json`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LIMITS.max_bytes + 1)
    except FileNotFoundError as error:
        raise CalibrationError(f"{path} does not exist: this model was never calibrated.") from error
    except OSError as error:
        raise CalibrationError(f"{path} cannot be read: {error.strerror or error}.") from error
    return calibration_from_json(content, str(path))


def _checked(document: _Document) -> ModelCalibration:
    intervals = Calibration(
        level=document.level,
        method=document.method,
        calibrated_on=document.calibrated_on,
        is_phantom=document.is_phantom,
        date=document.date,
        model=document.weights_sha256,
        num_patients=document.num_patients,
        spread_floor=document.spread_floor,
        ranges=tuple(_range(part) for part in document.ranges),
        widened_by=document.widened_by,
        widened_because=document.widened_because,
    )
    for number, (part, written) in enumerate(zip(intervals.ranges, document.ranges, strict=True)):
        _agree(f"ranges[{number}].half_width", part.half_width(document.level), written.half_width)
        _agree(f"ranges[{number}].num_recordings", len(part.errors), written.num_recordings)
    _agree("num_recordings", intervals.num_recordings, document.num_recordings)
    return ModelCalibration(
        intervals=intervals,
        num_clips=document.num_clips,
        gate=None if document.gate is None else _gate(document.gate),
        known=None if document.known is None else _known(document.known),
        outlined_by=document.outlined_by,
    )


def _written_range(part: CalibratedRange, level: float) -> _Range:
    return _Range(
        low=_finite_or_none(part.predicted.low),
        high=_finite_or_none(part.predicted.high),
        num_recordings=len(part.errors),
        half_width=_finite_or_none(part.half_width(level)),
        errors=part.errors,
    )


def _range(part: _Range) -> CalibratedRange:
    low = -math.inf if part.low is None else part.low
    high = math.inf if part.high is None else part.high
    return CalibratedRange(predicted=PredictedRange(low=low, high=high), errors=tuple(map(float, part.errors)))


def _written_gate(gate: Gate) -> _Gate:
    checks = [
        _Check(
            name=check.name,
            values=check.values,
            error_ratio=check.error_ratio,
            no_ratio_because=check.no_ratio_because,
        )
        for check in gate.checks
    ]
    return _Gate(doubted_share=gate.doubted_share, checks=tuple(checks))


def _gate(entries: _Gate) -> Gate:
    checks = [
        GateCheck(
            name=part.name,
            values=tuple(map(float, part.values)),
            error_ratio=part.error_ratio,
            no_ratio_because=part.no_ratio_because,
        )
        for part in entries.checks
    ]
    return Gate(checks=tuple(checks), doubted_share=entries.doubted_share)


def _written_known(known: KnownClips) -> _Known:
    arrays = {name: _written_array(values) for name, values in known.to_arrays().items()}
    return _Known(words=known.words, arrays=arrays)


def _written_array(values: NDArray[Any]) -> _Array:
    """Little-endian, whatever the machine; doubles were rounded to single numbers when they were learned."""
    is_half = values.dtype == np.float16
    content = values.astype("<f2" if is_half else "<f4").tobytes()
    return _Array(
        dtype="float16" if is_half else "float32",
        shape=tuple(values.shape),
        base64=base64.b64encode(content).decode("ascii"),
    )


def _known(entries: _Known) -> KnownClips:
    return KnownClips.from_arrays(
        {name: _array(f"known.arrays.{name}", part) for name, part in entries.arrays.items()}, entries.words
    )


def _array(where: str, entries: _Array) -> NDArray[Any]:
    kind = np.dtype("<f2" if entries.dtype == "float16" else "<f4")
    try:
        content = base64.b64decode(entries.base64, validate=True)
    # Damage of its own kind, and letters that are not of ASCII.
    except ValueError as error:
        raise CalibrationError(f"{where}: expected base64 ({error}).") from error
    is_fitting = all(side >= 0 for side in entries.shape) and math.prod(entries.shape) * kind.itemsize == len(content)
    if not is_fitting:
        raise CalibrationError(f"{where}: {len(content)} bytes are no array of the shape {list(entries.shape)}.")
    return np.frombuffer(content, dtype=kind).reshape(entries.shape).astype(entries.dtype)


def _agree(name: str, computed: float, written: float | None) -> None:
    if not math.isclose(computed, math.inf if written is None else written, rel_tol=_RELATIVE_AGREEMENT):
        raise CalibrationError(f"{name}: {written} is written, and {computed} follows from the errors.")


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None

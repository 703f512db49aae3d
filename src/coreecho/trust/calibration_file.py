"""A calibration, and the gate beside it, as one JSON file of a run folder; read back through strict checks.

The file decides what a person is told about a patient. So nothing in it is guessed, filled in or rounded: every entry
must be there, of its type, finite and in agreement with the others, or the whole file is refused.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, cast

from coreecho.errors import CalibrationError
from coreecho.files import write_whole
from coreecho.trust.calibration import CalibratedRange, Calibration, Method
from coreecho.trust.gate import Gate, GateCheck
from coreecho.trust.predicted_ranges import PredictedRange

FORMAT = "coreecho-calibration"
VERSION = 1
# A million recordings are 20 MB of numbers: more is no calibration of ours.
_MAX_BYTES = 64 * 2**20
# Widths are written for human readers, and must agree with the errors that they come from.
_RELATIVE_AGREEMENT = 1e-9


class _RefusedError(Exception):
    """An entry is wrong; the message says which, and what was expected."""


def calibration_to_json(calibration: Calibration, gate: Gate | None = None) -> str:
    """Write a calibration, and the gate where there is one, as JSON."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "level": calibration.level,
        "method": calibration.method,
        "calibrated_on": calibration.calibrated_on,
        "is_phantom": calibration.is_phantom,
        "date": calibration.date,
        "model": calibration.model,
        "num_recordings": calibration.num_recordings,
        "num_patients": calibration.num_patients,
        "spread_floor": calibration.spread_floor,
        "widened_by": calibration.widened_by,
        "widened_because": calibration.widened_because,
        "ranges": [
            {
                "low": _finite_or_none(part.predicted.low),
                "high": _finite_or_none(part.predicted.high),
                "num_recordings": len(part.errors),
                "half_width": _finite_or_none(part.half_width(calibration.level)),
                "errors": list(part.errors),
            }
            for part in calibration.ranges
        ],
        "gate": None if gate is None else _gate_entries(gate),
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def calibration_from_json(text: str, where: str = "calibration") -> tuple[Calibration, Gate | None]:
    """Read a calibration, and its gate where there is one.

    Args:
        text: JSON.
        where: the file, for messages.

    Raises:
        CalibrationError: not JSON, an entry missing, unknown, of another type or not finite, or entries that disagree.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
        entries = _Entries(document, "")
        if entries.text("format") != FORMAT or entries.integer("version") != VERSION:
            raise _RefusedError(f"format and version: expected {FORMAT}, {VERSION}")
        calibration = _calibration(entries)
        gate = _gate(entries.optional_object("gate"))
        entries.finish()
        return calibration, gate
    except (_RefusedError, CalibrationError, ValueError, RecursionError) as error:
        raise CalibrationError(
            f"{where} cannot be read: {error} It may be damaged or of another version: calibrate again."
        ) from error


def write_calibration(path: Path, calibration: Calibration, gate: Gate | None = None) -> None:
    """Write `calibration_to_json` in one step."""
    write_whole(path, calibration_to_json(calibration, gate))


def read_calibration(path: Path) -> tuple[Calibration, Gate | None]:
    """Read what `write_calibration` wrote.

    Raises:
        CalibrationError: the file is missing, too large, or as in `calibration_from_json`.
    """
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise CalibrationError(f"{path} has {size:,} bytes: no calibration is larger than {_MAX_BYTES:,}.")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise CalibrationError(f"{path} does not exist: this model was never calibrated.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationError(f"{path} cannot be read: {error}.") from error
    return calibration_from_json(text, str(path))


def _calibration(entries: "_Entries") -> Calibration:
    level = entries.number("level")
    calibration = Calibration(
        level=level,
        method=cast(Method, entries.text("method")),  # the calibration itself refuses what is no method
        calibrated_on=entries.text("calibrated_on"),
        is_phantom=entries.boolean("is_phantom"),
        date=entries.text("date"),
        model=entries.text("model"),
        num_patients=entries.integer("num_patients"),
        spread_floor=entries.optional_number("spread_floor"),
        ranges=tuple(_range(part) for part in entries.objects("ranges")),
        widened_by=entries.number("widened_by"),
        widened_because=entries.text("widened_because"),
    )
    for part, written in zip(calibration.ranges, entries.objects("ranges"), strict=True):
        _agree(f"{written.where}half_width", part.half_width(level), written.optional_number("half_width"))
    _agree("num_recordings", calibration.num_recordings, entries.integer("num_recordings"))
    return calibration


def _range(entries: "_Entries") -> CalibratedRange:
    low, high = entries.optional_number("low"), entries.optional_number("high")
    errors = entries.numbers("errors")
    _agree(f"{entries.where}num_recordings", len(errors), entries.integer("num_recordings"))
    entries.optional_number("half_width")
    entries.finish()
    predicted = PredictedRange(low=-math.inf if low is None else low, high=math.inf if high is None else high)
    return CalibratedRange(predicted=predicted, errors=errors)


def _gate_entries(gate: Gate) -> dict[str, Any]:
    return {
        "doubted_share": gate.doubted_share,
        "checks": [
            {
                "name": check.name,
                "values": list(check.values),
                "error_ratio": check.error_ratio,
                "error_ratio_on": check.error_ratio_on,
            }
            for check in gate.checks
        ],
    }


def _gate(entries: "_Entries | None") -> Gate | None:
    if entries is None:
        return None
    checks = []
    for part in entries.objects("checks"):
        check = GateCheck(
            name=part.text("name"),
            values=part.numbers("values"),
            error_ratio=part.optional_number("error_ratio"),
            error_ratio_on=part.text("error_ratio_on"),
        )
        part.finish()
        checks.append(check)
    gate = Gate(checks=tuple(checks), doubted_share=entries.number("doubted_share"))
    entries.finish()
    return gate


def _agree(name: str, computed: float, written: float | None) -> None:
    if not math.isclose(computed, math.inf if written is None else written, rel_tol=_RELATIVE_AGREEMENT):
        raise _RefusedError(f"{name}: {written} is written, and {computed} follows from the errors.")


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is no number that JSON knows.")


class _Entries:
    """The entries of one JSON object, each asked for by type; those never asked for are refused at the end."""

    def __init__(self, content: object, where: str) -> None:
        if not isinstance(content, dict):
            raise _RefusedError(f"{where or 'the file'}: expected an object, got {_kind(content)}.")
        self._content: Mapping[str, Any] = content
        self._asked: set[str] = set()
        self.where = where

    def text(self, name: str) -> str:
        value = self._get(name)
        return value if isinstance(value, str) else self._refuse(name, "text", value)

    def boolean(self, name: str) -> bool:
        value = self._get(name)
        return value if isinstance(value, bool) else self._refuse(name, "true or false", value)

    def integer(self, name: str) -> int:
        value = self._get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        return self._refuse(name, "a whole number", value)

    def number(self, name: str) -> float:
        value = self._get(name)
        return float(value) if _is_number(value) else self._refuse(name, "a finite number", value)

    def optional_number(self, name: str) -> float | None:
        return None if self._get(name) is None else self.number(name)

    def numbers(self, name: str) -> tuple[float, ...]:
        values = self._get(name)
        if not isinstance(values, list) or not all(map(_is_number, values)):
            return self._refuse(name, "a list of finite numbers", values)
        return tuple(map(float, values))

    def objects(self, name: str) -> list["_Entries"]:
        values = self._get(name)
        if not isinstance(values, list):
            self._refuse(name, "a list of objects", values)
        return [_Entries(value, f"{self.where}{name}[{number}].") for number, value in enumerate(values)]

    def optional_object(self, name: str) -> "_Entries | None":
        value = self._get(name)
        return None if value is None else _Entries(value, f"{self.where}{name}.")

    def finish(self) -> None:
        unknown = sorted(set(self._content) - self._asked)
        if unknown:
            raise _RefusedError(f"{self.where}{unknown[0]}: there is no such entry.")

    def _get(self, name: str) -> Any:
        if name not in self._content:
            raise _RefusedError(f"{self.where}{name} is missing.")
        self._asked.add(name)
        return self._content[name]

    def _refuse(self, name: str, expected: str, value: object) -> NoReturn:
        raise _RefusedError(f"{self.where}{name}: expected {expected}, got {_kind(value)}.")


def _is_number(value: object) -> bool:
    # An integer of more than 308 digits is no float; a Boolean is an integer to Python, and none to a reader.
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _kind(value: object) -> str:
    return {dict: "an object", list: "a list", type(None): "null"}.get(type(value), repr(value)[:40])

"""A log of predictions, in which drift is found: one line of JSON each, numbers only. No name, no path, no patient."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.documents import Limits, parse_document
from coreecho.errors import CalibrationError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LIMITS = Limits(max_bytes=64 * 1024)


def append_to_log(path: Path, numbers: Mapping[str, float]) -> None:
    """Add one prediction to a log, as one line in one write, so that several programs may share it.

    Args:
        path: of the log; made where it does not exist.
        numbers: by lower-case names such as `neighbour_distance`; finite. There is no place for a patient's name.

    Raises:
        ValueError: a name or a value that does not belong in a log.
        OSError: as the file system gives it.
    """
    for name, value in numbers.items():
        if not _NAME.fullmatch(name) or not _is_number(value):
            raise ValueError(
                f"log: expected finite numbers by lower-case names, got {type(value).__name__} as {name!r}"
            )
    line = json.dumps({name: float(value) for name, value in numbers.items()}, allow_nan=False) + "\n"
    with path.open("ab", buffering=0) as file:
        # After a program that died while writing, the line begins anew: one line is lost, not two.
        is_torn = file.tell() > 0 and not _ends_with_newline(path)
        file.write((b"\n" if is_torn else b"") + line.encode())


@dataclass(frozen=True, kw_only=True)
class PredictionLog:
    """The predictions of a log.

    Attributes:
        predictions: in order.
        faulty_lines: numbers, from 1, of the lines that could not be read.
    """

    predictions: tuple[dict[str, float], ...]
    faulty_lines: tuple[int, ...]

    def column(self, name: str) -> NDArray[np.float64]:
        """Give one number of all predictions that have it, in order.

        Raises:
            CalibrationError: no prediction has it.
        """
        values = [prediction[name] for prediction in self.predictions if name in prediction]
        if not values:
            known = sorted({key for prediction in self.predictions for key in prediction})
            raise CalibrationError(f"No prediction of the log has {name!r}; there are {', '.join(known) or 'none'}.")
        return np.array(values)


def read_log(path: Path) -> PredictionLog:
    """Read a log; lines that are torn or no numbers are counted, and named by their number.

    Raises:
        CalibrationError: the file cannot be read.
    """
    predictions: list[dict[str, float]] = []
    faulty = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                prediction = _prediction(line)
                if prediction is None:
                    faulty.append(number)
                else:
                    predictions.append(prediction)
    except OSError as error:
        raise CalibrationError(
            f"{path} cannot be read: {error}. Expected a log of predictions, one line of JSON each."
        ) from error
    return PredictionLog(predictions=tuple(predictions), faulty_lines=tuple(faulty))


def _prediction(line: bytes) -> dict[str, float] | None:
    try:
        found = parse_document(line, dict[str, float], kind="line of a log", error=CalibrationError, limits=_LIMITS)
    except CalibrationError:
        return None
    return found if all(map(_NAME.fullmatch, found)) else None


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)
    except (OverflowError, TypeError):
        return False


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"

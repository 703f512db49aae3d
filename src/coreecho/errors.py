"""The errors that a user can cause. Each message says what happened, where, what was expected and what to do."""

import logging
import traceback
from collections.abc import Mapping

log = logging.getLogger("coreecho")


def way_to(error: BaseException) -> str:
    """The way through the code to an error, without its message: that may quote a file, or name a patient."""
    return f"{type(error).__name__} at\n{''.join(traceback.format_tb(error.__traceback__))}"


def log_unforeseen(error: BaseException, where: str) -> None:
    """Keep for the log, at its finest level, how an error came about that is told to people in a word."""
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s: %s", where, way_to(error))


class CoReEchoError(Exception):
    """Base of all errors that this package raises on purpose. The command line prints them without a traceback."""


class UsageError(CoReEchoError):
    """What was typed is no command that there is, or names a file that is not there."""


class VideoError(CoReEchoError):
    """A file is not a readable echocardiogram clip."""


class UnsuitableError(VideoError):
    """A file is sound, and no clip of the kind that is measured: a still, colour Doppler, two views side by side."""


class DatasetError(CoReEchoError):
    """A data set does not lie on disk as its layout says."""


class NoBeatError(DatasetError):
    """In none of the recordings a beat is found."""


class UnreadableVideosError(DatasetError):
    """Videos of a data set cannot be decoded.

    Attributes:
        faults: of each, by its recording's id, why.
    """

    def __init__(self, message: str, faults: Mapping[str, str]) -> None:
        super().__init__(message)
        self.faults = dict(faults)

    def __reduce__(self) -> tuple[type["UnreadableVideosError"], tuple[str, Mapping[str, str]]]:
        """Pickle by the arguments, since the message alone does not make this error again in another process."""
        return type(self), (str(self), self.faults)


class RecipeError(CoReEchoError):
    """A setting of a run is wrong, or does not fit with another."""


class CalibrationError(CoReEchoError):
    """A calibration cannot be read, is damaged, or does not fit what it is asked."""


class CheckpointError(CoReEchoError):
    """Weights or a run folder cannot be read, or do not fit the model."""


class TrainingError(CoReEchoError):
    """A run had to stop: the loss is not finite, or the disk is full."""


class BusyError(CoReEchoError):
    """Another process works in a folder that one alone may write to."""


def is_foreign_panic(error: BaseException) -> bool:
    """Tell whether an error is what code in Rust, such as a decoder's, did not foresee.

    It comes as an error that no `except Exception` sees, and that no module exports.
    """
    return type(error).__name__ == "PanicException"

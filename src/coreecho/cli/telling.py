"""What commands say on stderr of the files that they were given: which have no result and why, and how many."""

from collections.abc import Sequence

from coreecho.inference import PredictionFailure
from coreecho.names import readable
from coreecho.progress import tell


def tell_failures(results: Sequence[object], noun: str, *, strict: bool) -> bool:
    """Name on stderr the files without a result, and count them; tell whether the exit code shall say so."""
    name_failures(results, noun)
    if _failures(results) or not results:
        tell(counts(results))
    return is_bad(results, strict=strict)


def name_failures(results: Sequence[object], noun: str) -> None:
    """Name on stderr the files without a result, and say why."""
    for failure in _failures(results):
        how, style = ("Refused", "yellow") if failure.is_refused else (f"No {noun} for", "red")
        tell(f"{how} {readable(failure.file)}: {readable(failure.error)}", style)


def counts(results: Sequence[object]) -> str:
    """Count the files in a sentence, without a name."""
    if not results:
        return "0 files."
    failures = _failures(results)
    num_refused = sum(failure.is_refused for failure in failures)
    return f"{len(results) - len(failures)} measured, {num_refused} refused, {len(failures) - num_refused} failed."


def is_bad(results: Sequence[object], *, strict: bool) -> bool:
    """Whether the exit code shall say that something is amiss: a failed file; if strict, a refused one, or no file."""
    failures = _failures(results)
    return bool(failures) or not results if strict else not all(failure.is_refused for failure in failures)


def _failures(results: Sequence[object]) -> list[PredictionFailure]:
    return [result for result in results if isinstance(result, PredictionFailure)]

"""The frames of a run's recordings are decoded before it begins; those that cannot be are refused, or left out.

Where faulty recordings are left out, the doctor says which: what it lists and what is left out are one list.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from coreecho.datasets import Recording
from coreecho.datasets.all_faults import faulty_recordings
from coreecho.errors import UnreadableVideosError
from coreecho.names import readable
from coreecho.training.checks import check_splits, check_targets
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import RunFolder

log = logging.getLogger("coreecho")


def decoded(run: RunFolder, *, show_progress: bool) -> RunFolder:
    """Decode what is missing.

    Args:
        run: new; its data may say `leave_out_faulty`, and which these are where somebody has looked already.
        show_progress: show a bar.

    Returns:
        The run; where it leaves out what is faulty, without those that the doctor faults and those that cannot be
        decoded.

    Raises:
        UnreadableVideosError: some cannot be, and nobody said to go on without them.
        RecipeError: too few recordings are left.
    """
    leaves_out = bool(run.data.options.get("leave_out_faulty"))
    if leaves_out:
        is_known = "leave_out" in run.data.options
        run = _without(run, {} if is_known else _faulty(run, show_progress=show_progress))
    try:
        run.store(show_progress=show_progress)
    except UnreadableVideosError as error:
        if not leaves_out:
            raise
        left = _without(run, {name: (reason,) for name, reason in error.faults.items()})
        left.store(show_progress=show_progress)
        return left
    return run


def _faulty(run: RunFolder, *, show_progress: bool) -> dict[str, tuple[str, ...]]:
    data, recordings = run.data, run.all_recordings
    return faulty_among(
        recordings, run.recipe, data.dataset, data.root, options=data.options, show_progress=show_progress
    )


def faulty_among(
    recordings: Iterable[Recording],
    recipe: Recipe,
    dataset: str,
    root: Path,
    *,
    options: Mapping[str, Any],
    show_progress: bool,
) -> dict[str, tuple[str, ...]]:
    """Which of some recordings the doctor faults, and for what, once it has looked at every clip.

    Args:
        recordings: of the data set.
        recipe: what is to be learned of them.
        dataset: the layout.
        root: of the data.
        options: of the layout.
        show_progress: show bars while clips are read.
    """
    # The scale is of the label that is learned, and the doctor's labels may be others.
    scale = recipe.label_scale if recipe.task.is_examined else 1.0
    found = faulty_recordings(dataset, root, options, label_scale=scale, show_progress=show_progress)
    taken = {recording.id for recording in recordings}
    return {name: reasons for name, reasons in found.items() if name in taken}


def _without(run: RunFolder, faulty: Mapping[str, tuple[str, ...]]) -> RunFolder:
    """The run without some of its recordings. Raises RecipeError and DatasetError: too few are left."""
    if not faulty and not run.left_out:
        return run
    tell_left_out(faulty)
    # With those that the layout has told of: it is read again, and tells of none that is left out by name.
    without = sorted({*run.data.options.get("leave_out", ()), *run.left_out, *faulty})
    options = {**run.data.options, "leave_out": without}
    left = RunFolder(run.path, run.recipe, replace(run.data, options=options), run.info)
    check_splits(left)
    check_targets(left)
    left.left_out = {**run.left_out, **faulty}
    return left


def tell_left_out(faulty: Mapping[str, tuple[str, ...]]) -> None:
    """Name recordings that are left out, and say what is wrong with each."""
    for name, reasons in faulty.items():
        log.warning("%s is left out: %s", readable(name), readable("; ".join(reasons)))


def as_asked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the data as somebody gave them: those of a run that leaves out what is faulty name what that was."""
    leaves_out = bool(options.get("leave_out_faulty"))
    return {name: value for name, value in options.items() if not (leaves_out and name == "leave_out")}

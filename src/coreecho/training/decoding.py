"""The frames of a run's recordings are decoded before it begins; those that cannot be are refused, or left out."""

import logging
from dataclasses import replace

from coreecho.errors import UnreadableVideosError
from coreecho.names import readable
from coreecho.training.checks import check_splits, check_targets
from coreecho.training.run_folder import RunFolder

log = logging.getLogger("coreecho")


def decoded(run: RunFolder, *, show_progress: bool) -> RunFolder:
    """Decode what is missing.

    Args:
        run: new; its data may say `leave_out_faulty`.
        show_progress: show a bar.

    Returns:
        The run; where it leaves out what is faulty, without the recordings that cannot be decoded.

    Raises:
        UnreadableVideosError: some cannot be, and nobody said to go on without them.
        RecipeError: too few recordings are left.
    """
    try:
        run.store(show_progress=show_progress)
    except UnreadableVideosError as error:
        if not run.data.options.get("leave_out_faulty"):
            raise
        for name, reason in error.faults.items():
            log.warning("%s is left out: %s", readable(name), readable(reason))
        options = {**run.data.options, "leave_out": sorted(error.faults)}
        left = RunFolder(run.path, run.recipe, replace(run.data, options=options), run.info)
        check_splits(left)
        check_targets(left)
        left.store(show_progress=show_progress)
        left.left_out = {**run.left_out, **{name: (reason,) for name, reason in error.faults.items()}}
        return left
    return run

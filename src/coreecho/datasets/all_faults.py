"""A data set that a training refused: everything that is wrong with it, and the way on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coreecho.datasets.doctor import examine
from coreecho.datasets.layout import LAYOUTS
from coreecho.errors import CoReEchoError, DatasetError

_WAY_ON = (
    "Mend these, or go on without the recordings that they are about: the same command with `--leave-out-faulty` "
    "counts them and lists them in the run."
)


def with_all_faults(
    error: DatasetError, dataset: str, root: Path, options: Mapping[str, Any], *, show_progress: bool = False
) -> DatasetError:
    """What a training says of a data set that it refused at the first thing found: all that the doctor finds.

    Args:
        error: of the training.
        dataset: the layout.
        root: of the data.
        options: of the layout.
        show_progress: show bars while clips are read.

    Returns:
        The error to raise; the same one where the doctor finds no more.
    """
    layout = LAYOUTS.get(dataset)
    known = {name: value for name, value in options.items() if layout.has_option(name)}
    try:
        # Whose data they are does not matter here: counts that differ from the published ones are no reason to refuse.
        examination = examine(dataset, root, is_own_data=True, options=known, show_progress=show_progress)
    except CoReEchoError:
        return error
    if examination.is_clean:
        return error
    return DatasetError(f"{examination.to_text()}\n{_WAY_ON}")

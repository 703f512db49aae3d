"""A data set that a training refused: everything that is wrong with it, and the way on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coreecho.datasets.doctor import Examination, examine
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
    try:
        examination = _examined(dataset, root, options, 1.0, show_progress=show_progress)
    except CoReEchoError:
        return error
    if examination.is_clean:
        return error
    return DatasetError(f"{examination.to_text()}\n{_WAY_ON}")


def faulty_recordings(
    dataset: str, root: Path, options: Mapping[str, Any], *, label_scale: float = 1.0, show_progress: bool = False
) -> dict[str, tuple[str, ...]]:
    """Which recordings the doctor faults, and for what: those that a training leaves out when it is asked to.

    Args:
        dataset: the layout.
        root: of the data.
        options: of the layout.
        label_scale: by which EF is multiplied.
        show_progress: show bars while clips are read.
    """
    examination = _examined(dataset, root, options, label_scale, show_progress=show_progress)
    return {name: tuple(reasons) for name, reasons in examination.blamed.items()}


def _examined(
    dataset: str, root: Path, options: Mapping[str, Any], label_scale: float, *, show_progress: bool
) -> Examination:
    layout = LAYOUTS.get(dataset)
    known = {name: value for name, value in options.items() if layout.has_option(name)}
    # Whose data they are does not matter here: counts that differ from the published ones are no reason to refuse.
    return examine(dataset, root, is_own_data=True, label_scale=label_scale, options=known, show_progress=show_progress)

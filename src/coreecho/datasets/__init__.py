"""Who the patients are: every layout becomes one list of records with labels, splits and folds."""

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from coreecho.datasets.echonet_dynamic import ed_es, load_echonet_dynamic, polygon_area, read_tracings
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.study import Split, Study
from coreecho.errors import DatasetError

__all__ = [
    "FaultyDatasetError",
    "Split",
    "Study",
    "ed_es",
    "is_phantom_root",
    "load_echonet_dynamic",
    "load_studies",
    "polygon_area",
    "read_tracings",
]

_LOADERS: dict[str, Callable[..., list[Study]]] = {"echonet": load_echonet_dynamic}


def load_studies(dataset: str, root: str | Path, **options: Any) -> list[Study]:
    """Read the studies of a data set.

    Args:
        dataset: which layout the folder has: "echonet".
        root: the data set's folder.
        **options: the loader's own, such as `require_two_traced_frames` of "echonet".

    Raises:
        DatasetError: the name is unknown, or the folder is not as its layout says.
    """
    loader = _LOADERS.get(dataset)
    if loader is None:
        close = difflib.get_close_matches(dataset, _LOADERS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise DatasetError(f"Unknown data set {dataset!r}; known are: {', '.join(sorted(_LOADERS))}.{hint}")
    return loader(root, **options)


def is_phantom_root(root: str | Path) -> bool:
    """Tell whether a folder holds simulated hearts: their card, phantom.json, lies in it."""
    return (Path(root) / "phantom.json").is_file()

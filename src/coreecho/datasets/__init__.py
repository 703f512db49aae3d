"""Who the patients are: every layout becomes one list of records with labels, splits and folds."""

import difflib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from coreecho.datasets.beats import SINGLE_BEAT_DATASETS, frame_sources
from coreecho.datasets.camus import camus_clip, load_camus
from coreecho.datasets.echonet_dynamic import ed_es, load_echonet_dynamic, polygon_area, read_tracings
from coreecho.datasets.echonet_pediatric import load_echonet_pediatric
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.folds import split_by_fold
from coreecho.datasets.hmc_qu import hmc_qu_clip, load_hmc_qu
from coreecho.datasets.recording import Recording, Split, View
from coreecho.datasets.table import load_table
from coreecho.errors import DatasetError

__all__ = [
    "SINGLE_BEAT_DATASETS",
    "FaultyDatasetError",
    "Recording",
    "Split",
    "View",
    "camus_clip",
    "ed_es",
    "frame_sources",
    "hmc_qu_clip",
    "is_phantom_root",
    "load_camus",
    "load_echonet_dynamic",
    "load_echonet_pediatric",
    "load_hmc_qu",
    "load_recordings",
    "load_table",
    "polygon_area",
    "read_tracings",
    "split_by_fold",
]

_LOADERS: dict[str, Callable[..., list[Recording]]] = {
    "camus": load_camus,
    "echonet": load_echonet_dynamic,
    "echonet-pediatric": load_echonet_pediatric,
    "hmc-qu": load_hmc_qu,
    "table": load_table,
}


def load_recordings(dataset: str, root: str | Path, **options: Any) -> list[Recording]:
    """Read the recordings of a data set.

    Args:
        dataset: which layout the folder has: "camus", "echonet", "echonet-pediatric", "hmc-qu", or "table".
        root: the data set's folder; of "table" also the table itself.
        **options: the loader's own, such as `view` and `fold` of "camus". See `load_camus` and the others.

    Raises:
        DatasetError: the name or an option is unknown, or the folder is not as its layout says.
    """
    loader = _LOADERS.get(dataset)
    if loader is None:
        close = difflib.get_close_matches(dataset, _LOADERS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise DatasetError(f"Unknown data set {dataset!r}; known are: {', '.join(sorted(_LOADERS))}.{hint}")
    parameters = inspect.signature(loader).parameters.values()
    known = [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    unknown = sorted(options.keys() - set(known))
    if unknown:
        raise DatasetError(f"{dataset} has no option {', '.join(unknown)}; its options are: {', '.join(known)}.")
    return loader(root, **options)


def is_phantom_root(root: str | Path) -> bool:
    """Tell whether a folder holds simulated hearts: their card, phantom.json, lies in it."""
    return (Path(root) / "phantom.json").is_file()

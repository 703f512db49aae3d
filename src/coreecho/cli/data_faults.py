"""A data set that is refused for one of its faults: all of them are named, and the way on is said."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coreecho.errors import UnreadableVideosError
from coreecho.progress import tell


@contextmanager
def naming_all_faults(dataset: str, root: Path, options: Mapping[str, Any]) -> Iterator[None]:
    """Where a data set is refused for one of its faults, look for all of them, and say the way on."""
    from coreecho.datasets.all_faults import with_all_faults
    from coreecho.datasets.faults import FaultyDatasetError

    try:
        yield
    except (FaultyDatasetError, UnreadableVideosError) as error:
        tell("The data set has faults. It is read once, to name all of them.")
        raise with_all_faults(error, dataset, root, options, show_progress=True) from error

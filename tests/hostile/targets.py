"""All kinds of hostile files, each a sound folder, the files in it to damage, and what reads them."""

import warnings
from pathlib import Path

from tests.hostile.target_clips import CLIPS
from tests.hostile.target_data_sets import DATA_SETS
from tests.hostile.target_own_files import OWN_FILES

TARGETS = {target.name: target for target in (*CLIPS, *DATA_SETS, *OWN_FILES)}


def write_target(name: str, folder: Path) -> list[Path]:
    """Write the sound files of a kind, quietly; return those to damage."""
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TARGETS[name].write(folder)

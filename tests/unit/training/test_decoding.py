"""Before a run begins: what is left out of it, and how often that is said."""

import shutil
from pathlib import Path

import pytest

from coreecho.training.decoding import as_asked, decoded
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import RunFolder, find_data


def test_what_is_left_out_is_told_once_however_often_the_data_are_read(
    phantom_root: Path, tiny_recipe: Recipe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "tree"
    shutil.copytree(phantom_root, root, ignore=shutil.ignore_patterns(".coreecho-store*"))
    gone = next(line.split(",")[0] for line in (root / "FileList.csv").read_text().splitlines() if "TRAIN" in line)
    (root / "Videos" / f"{gone}.avi").unlink()
    data = find_data("echonet", root, tiny_recipe, None, {"leave_out_faulty": True})
    run = decoded(RunFolder(tmp_path / "run", tiny_recipe, data, info={}), show_progress=False)
    again = RunFolder(tmp_path / "run", tiny_recipe, run.data, info={})
    assert gone not in {recording.id for recording in again.all_recordings}
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [f"{gone} is left out: missing video: Videos/{gone}.avi (line 2)"]
    assert list(run.left_out) == [gone]
    assert run.data.options["leave_out"] == [gone]
    assert as_asked(run.data.options) == {"leave_out_faulty": True}

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coreecho.errors import DatasetError
from coreecho.models.echo_model import EchoModel
from coreecho.models.weights import load_model
from coreecho.saliency import run_lv_focus
from coreecho.saliency.run_lv_focus import DatasetExplanation, FocusProtocol, explain_dataset
from coreecho.training.run_folder import RunFolder

FAST = FocusProtocol(split="train", evidence="absolute", resamples=500)


def test_phantoms_with_truth(model: EchoModel, truth_root: Path, tmp_path: Path) -> None:
    explained = explain_dataset(model, truth_root, tmp_path / "out", protocol=FAST)
    document = json.loads((tmp_path / "out" / "lv_focus.json").read_text())
    assert document["is_phantom"] is True
    assert document["result"] == "phantom result: simulated hearts (phantoms)"
    assert document["lv_known_from"] == "simulated masks, all frames of the clips"
    assert document["protocol"]["level"] == "level2"
    assert document["lv_focus"]["low"] < document["lv_focus"]["estimate"] < document["lv_focus"]["high"]
    assert document["lv_focus"]["level"] == 0.95
    table = pd.read_csv(tmp_path / "out" / "lv_focus.csv")
    assert document["num_defined"] == document["num_recordings"] == len(table) == len(explained.table)
    assert document["lv_focus"]["estimate"] == pytest.approx(table["lv_focus"].mean())
    assert (table["num_frames"] == 6).all()


@pytest.fixture
def traced_root(truth_root: Path, tmp_path: Path) -> Path:
    """The same cohort without its simulated masks and its card, as real data come."""
    root = tmp_path / "traced"
    root.mkdir()
    for name in ("FileList.csv", "VolumeTracings.csv"):
        shutil.copy(truth_root / name, root)
    (root / "Videos").symlink_to(truth_root / "Videos")
    return root


def test_traced_ventricles(model: EchoModel, truth_root: Path, traced_root: Path, tmp_path: Path) -> None:
    explained = explain_dataset(model, traced_root, tmp_path / "out", protocol=FAST)
    document = json.loads((tmp_path / "out" / "lv_focus.json").read_text())
    assert document["result"] == "result on real hearts"
    assert document["lv_known_from"] == "tracings at ED and ES"
    assert (explained.table["num_frames"] == 2).all()
    simulated = explain_dataset(model, truth_root, tmp_path / "truth", protocol=FAST).table
    np.testing.assert_allclose(
        explained.table["lv_share_of_sector"].mean(), simulated["lv_share_of_sector"].mean(), rtol=0.15
    )


def test_recordings_without_tracings_are_named(model: EchoModel, traced_root: Path, tmp_path: Path) -> None:
    tracings = pd.read_csv(traced_root / "VolumeTracings.csv")
    names = pd.read_csv(traced_root / "FileList.csv").query("Split == 'TRAIN'")["FileName"]
    lost = names.iloc[0]
    tracings[tracings["FileName"] != f"{lost}.avi"].to_csv(traced_root / "VolumeTracings.csv", index=False)
    explain_dataset(model, traced_root, tmp_path / "out", protocol=FAST)
    document = json.loads((tmp_path / "out" / "lv_focus.json").read_text())
    assert document["not_defined"] == [{"recording": lost, "reason": "it has no traced frame"}]
    assert document["num_defined"] == document["num_recordings"] - 1


@pytest.fixture
def count_work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by one each time that maps are really computed."""
    work: list[int] = []
    original = run_lv_focus.lv_focus_of_recordings

    def noted(*arguments: object, **options: object) -> pd.DataFrame:
        work.append(1)
        return original(*arguments, **options)

    monkeypatch.setattr(run_lv_focus, "lv_focus_of_recordings", noted)
    return work


def test_a_second_call_reads_what_the_first_left(
    run: RunFolder, traced_root: Path, tmp_path: Path, count_work: list[int], retrained: Callable[[RunFolder], None]
) -> None:
    def explain(protocol: FocusProtocol = FAST) -> DatasetExplanation:
        loaded = load_model(run.path)
        return explain_dataset(loaded, traced_root, tmp_path / "out", protocol=protocol, weights=run.best_weights)

    # A recording in which it is not defined has texts and empty cells.
    tracings = pd.read_csv(traced_root / "VolumeTracings.csv")
    lost = pd.read_csv(traced_root / "FileList.csv").query("Split == 'TRAIN'")["FileName"].iloc[0]
    tracings[tracings["FileName"] != f"{lost}.avi"].to_csv(traced_root / "VolumeTracings.csv", index=False)
    first, again = explain(), explain()
    assert len(count_work) == 1
    pd.testing.assert_frame_equal(again.table, first.table, check_exact=True)
    assert (again.means, again.is_phantom) == (first.means, first.is_phantom)
    explain(replace(FAST, clips=2))
    assert len(count_work) == 2
    explain()
    assert len(count_work) == 3
    retrained(run)
    assert explain().means["lv_focus"] != first.means["lv_focus"]
    assert len(count_work) == 4
    tracings.to_csv(traced_root / "VolumeTracings.csv", index=False)
    assert explain().table["lv_focus"].notna().all()
    assert len(count_work) == 5


def test_without_its_weights_nothing_tells_whether_a_result_holds(
    model: EchoModel, truth_root: Path, tmp_path: Path, count_work: list[int]
) -> None:
    for _ in range(2):
        explain_dataset(model, truth_root, tmp_path / "out", protocol=FAST)
    assert len(count_work) == 2


def test_a_data_set_without_tracings_is_refused(model: EchoModel, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="LV focus needs traced ventricles, and 'camus' has none"):
        explain_dataset(model, tmp_path, tmp_path / "out", dataset="camus")

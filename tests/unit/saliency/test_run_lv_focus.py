import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.shared.weights import small_card

from coreecho.errors import DatasetError
from coreecho.inference.opening import open_subject
from coreecho.models.echo_model import EchoModel
from coreecho.models.weights import save_weights
from coreecho.saliency import run_lv_focus
from coreecho.saliency.run_lv_focus import DatasetExplanation, FocusProtocol, explain_dataset
from coreecho.training.run_folder import RunFolder

FAST = FocusProtocol(split="train", evidence="absolute", resamples=500)


@pytest.fixture
def weights(model: EchoModel, tmp_path: Path) -> Path:
    """The untrained model as a file that knows no data."""
    card = small_card(model.model_input)
    save_weights(tmp_path / "weights.safetensors", model, card)
    return tmp_path / "weights.safetensors"


def test_phantoms_with_truth(weights: Path, truth_root: Path, tmp_path: Path) -> None:
    explained = explain_dataset(open_subject(weights, data=truth_root), tmp_path / "out", protocol=FAST)
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
    """The same cohort without its simulated masks and its card."""
    root = tmp_path / "traced"
    root.mkdir()
    for name in ("FileList.csv", "VolumeTracings.csv"):
        shutil.copy(truth_root / name, root)
    (root / "Videos").symlink_to(truth_root / "Videos")
    return root


def test_traced_ventricles(weights: Path, truth_root: Path, traced_root: Path, tmp_path: Path) -> None:
    explained = explain_dataset(open_subject(weights, data=traced_root), tmp_path / "out", protocol=FAST)
    document = json.loads((tmp_path / "out" / "lv_focus.json").read_text())
    # Without the cohort's card, the mark in each file tells.
    assert document["result"] == "phantom result: simulated hearts (phantoms)"
    assert document["lv_known_from"] == "tracings at ED and ES"
    assert (explained.table["num_frames"] == 2).all()
    simulated = explain_dataset(open_subject(weights, data=truth_root), tmp_path / "truth", protocol=FAST).table
    np.testing.assert_allclose(
        explained.table["lv_share_of_sector"].mean(), simulated["lv_share_of_sector"].mean(), rtol=0.15
    )


def test_recordings_without_tracings_are_named(weights: Path, traced_root: Path, tmp_path: Path) -> None:
    tracings = pd.read_csv(traced_root / "VolumeTracings.csv")
    names = pd.read_csv(traced_root / "FileList.csv").query("Split == 'TRAIN'")["FileName"]
    lost = names.iloc[0]
    tracings[tracings["FileName"] != f"{lost}.avi"].to_csv(traced_root / "VolumeTracings.csv", index=False)
    explain_dataset(open_subject(weights, data=traced_root), tmp_path / "out", protocol=FAST)
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
        subject = open_subject(run.best_weights, data=traced_root)
        return explain_dataset(subject, tmp_path / "out", protocol=protocol)

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


def test_a_data_set_without_tracings_is_refused(weights: Path, traced_root: Path, tmp_path: Path) -> None:
    (traced_root / "VolumeTracings.csv").unlink()
    with pytest.raises(DatasetError, match=r"LV focus needs traced ventricles, and .*/traced, in the layout of"):
        explain_dataset(open_subject(weights, data=traced_root), tmp_path / "out")


def test_what_the_model_learned_from_is_refused_or_labelled(run: RunFolder, truth_root: Path, tmp_path: Path) -> None:
    table = pd.read_csv(truth_root / "FileList.csv")
    root = tmp_path / "changed"
    shutil.copytree(truth_root, root)
    table.assign(Split=table["Split"].replace({"TRAIN": "TEST"})).to_csv(root / "FileList.csv", index=False)
    subject = open_subject(run, data=root)
    protocol = replace(FAST, split="test")
    with pytest.raises(DatasetError, match="was trained on 8 of the"):
        explain_dataset(subject, tmp_path / "out", protocol=protocol)
    explained = explain_dataset(subject, tmp_path / "out", protocol=protocol, allow_overlap=True)
    assert explained.overlap_label is not None
    document = json.loads((tmp_path / "out" / "lv_focus.json").read_text())
    assert document["overlap"] == explained.overlap_label
    assert explain_dataset(subject, tmp_path / "out", protocol=protocol, allow_overlap=True).overlap_label


def test_ventricles_that_nobody_traced_are_outlined(
    weights: Path, bright_root: Path, bright_segmenter: Path, tmp_path: Path
) -> None:
    protocol = replace(FAST, split="test")
    subject = open_subject(weights, data=bright_root, store=tmp_path / "store")
    with pytest.raises(DatasetError, match="A segmenter outlines them: `--segmenter LV`"):
        explain_dataset(subject, tmp_path / "out", protocol=protocol)
    explained = explain_dataset(subject, tmp_path / "out", protocol=protocol, segmenter=bright_segmenter, device="cpu")
    assert explained.table["num_frames"].min() > 0
    # Bright ellipses 0.5 to 0.6 of the frame long and half as wide, in a sector of 0.92 by 0.84.
    assert explained.table["lv_share_of_sector"].between(0.12, 0.3).all()
    document = json.loads((tmp_path / "out" / "lv_focus.json").read_text())
    assert document["lv_known_from"].startswith("outlines by recipe bright (lv_unet)")

"""`coreecho default-models`: from nothing to the files that ship, at the smallest size."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from coreecho.cli.main import main
from coreecho.errors import CheckpointError
from coreecho.evaluation.model_record import Figure, Measured, ModelRecord, read_record, write_record
from coreecho.models import load_model
from coreecho.models.segmenter import hash_segmenter
from coreecho.representation.references import load_default_references
from coreecho.training import RunFolder
from coreecho.trust import read_calibration

# The command line is read from sys.argv on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

_TINY: dict[str, Any] = {
    "num_frames": 4, "frame_size": 32, "batch_size": 4, "stage1_epochs": 1, "stage2_epochs": 1, "warmup_steps": 0,
}  # fmt: skip
_TINY_LV: dict[str, Any] = {
    "encoder": "lv_unet_xs", "frame_size": 32, "batch_size": 4, "stage1_epochs": 1, "warmup_steps": 0,
}  # fmt: skip
_PLAN: dict[str, Any] = {
    "phantoms": {
        "some": {"recordings": 10, "settings": {"min_frames": 24, "max_frames": 24, "masks": True}},
        "more": {"recordings": 3, "more_test": 22, "seed": 1, "settings": {"min_frames": 24, "max_frames": 24}},
    },
    "runs": {
        "first": {"recipe": "demo", "data": "some", "settings": _TINY},
        "left": {"recipe": "demo", "data": "some", "start": "first", "settings": _TINY},
        "right": {"recipe": "demo", "data": "some", "start": "first", "seed": 1, "settings": _TINY},
        "lv": {"recipe": "lv-outline", "data": "some", "settings": _TINY_LV},
    },
    "models": {
        "default-lv": {"of": ["lv"], "tests": [{"data": "some", "split": "train", "title": "some hearts"}]},
        "default-ef": {
            "of": ["left", "right"],
            "storage": "float16",
            "references": {"data": "some", "count": 2, "split": "train"},
            "calibration": {"data": "more", "split": "test", "segmenter": "default-lv"},
            "tests": [{"data": "some", "split": "train", "title": "some hearts"}],
        },
    },
}


def test_models_are_made_and_not_made_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(_PLAN, sort_keys=False))
    more = Measured(
        model="default-ef", on="drawn clips", hearts="generated", against="what was asked for", count=3,
        command="a program",
        figures=(Figure(name="MAE", unit="EF points", estimate=5.25, low=4.0, high=6.5),),
    )  # fmt: skip
    write_record(tmp_path / "more.json", ModelRecord(measured=(more,)))
    out, into, page = tmp_path / "made", tmp_path / "shipped", tmp_path / "docs" / "models.md"
    words = [
        "default-models",
        tmp_path / "plan.yaml",
        "--out",
        out,
        "--into",
        into,
        "--page",
        page,
        "--commit",
        "abc123",
    ]
    words += ["--record", tmp_path / "more.json", "--workers", 1, "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["coreecho", *map(str, words)])
    contents = []
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        contents.append([file.read_bytes() for file in (into / "default-ef.safetensors", out / "runs/left/run.json")])
    assert contents[0] == contents[1]

    starts = {name: RunFolder.open(out / "runs" / name).info["init_sha256"] for name in ("left", "right")}
    assert starts["left"] is not None
    assert starts["left"] == starts["right"]
    monkeypatch.setattr("coreecho.shipped.FOLDER", into)
    model = load_model("default")
    assert model.card is not None
    assert model.card.licence == "Apache-2.0"
    assert model.card.source == "default-ef of coreecho (commit abc123)"
    assert len(load_default_references().embedded) == 2
    calibration = read_calibration(into / "default-ef.calibration.json")
    assert calibration.intervals.is_phantom
    assert calibration.outlined_by == hash_segmenter(into / "default-lv.safetensors")

    record = read_record(into / "default-models.json")
    made_lv, made = record.made
    assert made_lv.trainings[0].startswith("lv: recipe lv-outline, seed 0, on some, from random weights")
    assert made.seconds_a_clip is not None
    assert len(made.trainings) == 3
    assert made.how == "the mean of the weights of 2 trainings (left, right)"
    outlined, phantoms, drawn = record.measured
    assert outlined.figures[0].name == "Dice, all known frames"
    assert (phantoms.count, drawn) == (8, more)
    text = page.read_text()
    assert "Phantom results: simulated hearts, not patients" in text
    assert "| drawn clips | what was asked for | 3 | 5.25 (4.00 to 6.50) |" in text
    mae = next(figure for figure in phantoms.figures if figure.name == "MAE")
    assert f"| {mae.text} |" in text
    assert "commit `abc123`" in text


def test_a_build_without_references_says_so(shipped: Path) -> None:
    (shipped / "default-ef.references.npz").unlink()
    with pytest.raises(CheckpointError, match=r"ships no default-ef\.references\.npz"):
        load_default_references()

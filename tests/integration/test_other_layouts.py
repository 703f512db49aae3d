"""EchoNet-Pediatric's layout and a table of one's own, from training to the metrics of a split."""

import csv
from pathlib import Path

import pytest

from coreecho.datasets import load_recordings
from coreecho.evaluation.evaluate import evaluate
from coreecho.evaluation.protocol import Protocol
from coreecho.inference.opening import open_subject
from coreecho.models import ModelInput
from coreecho.training import Recipe, RunFolder, train
from coreecho.training.run_folder import Hardware

TINY = Recipe(
    name="tiny",
    encoder="uniformer_xs",
    input=ModelInput(num_frames=4, stride=2, frame_size=32),
    stage1_epochs=1,
    stage2_epochs=1,
    batch_size=4,
    crop_pad=2,
    learning_rate=1e-3,
    validation_clips=1,
)


def as_pediatric(phantom_root: Path, root: Path) -> Path:
    """The same hearts in EchoNet-Pediatric's layout: a folder a view, and folds in the column Split."""
    view = root / "A4C"
    view.mkdir(parents=True)
    (view / "Videos").symlink_to(phantom_root / "Videos")
    (root / "phantom.json").write_bytes((phantom_root / "phantom.json").read_bytes())
    (view / "VolumeTracings.csv").write_text("FileName,X,Y,Frame\n")
    recordings = load_recordings("echonet", phantom_root)
    lines = ["FileName,EF,Sex,Age,Weight,Height,Split"]
    lines += [
        f"{recording.id}.avi,{recording.ef_percent},F,7,20,120,{number % 10}"
        for number, recording in enumerate(recordings)
    ]
    (view / "FileList.csv").write_text("\n".join(lines) + "\n")
    return root


def as_table(phantom_root: Path, root: Path) -> Path:
    """The same hearts in a table with a column of splits."""
    root.mkdir()
    with (root / "recordings.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "ef_percent", "split"])
        for recording in load_recordings("echonet", phantom_root):
            writer.writerow([recording.path, recording.ef_percent, recording.split])
    return root


@pytest.mark.parametrize(("dataset", "written"), [("echonet-pediatric", as_pediatric), ("table", as_table)])
def test_trains_and_is_evaluated(dataset: str, written, phantom_root: Path, tmp_path: Path) -> None:
    root = written(phantom_root, tmp_path / "data")
    train(TINY, data=root, out=tmp_path / "run", dataset=dataset, hardware=Hardware(device="cpu"))
    run = RunFolder.open(tmp_path / "run")
    assert run.is_finished
    found = evaluate(open_subject(run), Protocol(split="test", clips=1, resamples=20), device="cpu")
    tested = [recording for recording in load_recordings(dataset, root) if recording.split == "test"]
    assert len(tested) >= 1
    assert found.predictions["recording"].tolist() == [recording.id for recording in tested]
    assert found.predictions["ef_true"].tolist() == [recording.ef_percent for recording in tested]

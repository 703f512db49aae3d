"""CAMUS and HMC-QU, from the phantoms' files to what a trained model says: store, train, resume, evaluate, predict."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from coreecho.datasets import load_recordings
from coreecho.errors import RecipeError
from coreecho.inference import Predictor
from coreecho.stopping import Stop
from coreecho.training import Hardware, Recipe, RunFolder, resume, train
from coreecho.training.state import load_state
from coreecho.video.nifti import read_nifti

# The command line is read from sys.argv on purpose.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens"),
    pytest.mark.usefixtures("rough_pictures"),
]

CPU = Hardware(device="cpu")
SIZES: dict[str, Any] = {"encoder": "uniformer_xs", "num_frames": 4, "frame_size": 32, "batch_size": 2, "stage2": False}
SIZES |= {"stage1_epochs": 1, "views": "one_clip", "augmentation": "affine", "validation_clips": 1}
CAMUS = Recipe.from_mapping(SIZES | {"name": "camus", "objective": "mse", "time": "spline"}, source="test")
HMC_QU = Recipe.from_mapping(
    SIZES | {"name": "hmc-qu", "objective": "bce", "optimizer": "madgrad", "time": "spline"}, source="test"
)


@pytest.fixture(scope="session")
def camus_root(camus_hearts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen patients in the NIfTI release's layout, which lie in all ten folds; the eighth runs backwards."""
    return Path(shutil.copytree(camus_hearts, tmp_path_factory.mktemp("camus") / "phantoms"))


@pytest.fixture(scope="session")
def camus_mhd_root(camus_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in the layout of the MetaImage release: other names, other keys, EF with a decimal."""
    root = tmp_path_factory.mktemp("camus-mhd")
    for info in sorted(camus_root.glob("database_nifti/*/Info_4CH.cfg")):
        patient = info.parent.name
        folder = root / "training" / patient
        folder.mkdir(parents=True)
        text = info.read_text().replace("EF:", "LVef:").replace("FrameRate:", "Unused:")
        (folder / info.name).write_text(text)
        frames = read_nifti(info.with_name(f"{patient}_4CH_half_sequence.nii.gz")).frames
        sizes = " ".join(str(length) for length in reversed(frames.shape))
        header = f"ObjectType = Image\nNDims = 3\nDimSize = {sizes}\nElementType = MET_UCHAR\n"
        (folder / f"{patient}_4CH_sequence.mhd").write_text(
            f"{header}ElementDataFile = {patient}_4CH_sequence.raw\n", encoding="utf-8"
        )
        (folder / f"{patient}_4CH_sequence.raw").write_bytes(np.ascontiguousarray(frames).tobytes())
    shutil.copy(camus_root / "phantom.json", root)
    return root


@pytest.fixture(scope="session")
def hmc_qu_root(hmc_qu_hearts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patients of both classes, most of them with masks of the wall."""
    return Path(shutil.copytree(hmc_qu_hearts, tmp_path_factory.mktemp("hmc-qu") / "phantoms"))


@pytest.fixture(scope="session")
def camus_run(camus_root: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("runs") / "camus"
    return train(CAMUS, data=camus_root, out=out, dataset="camus", options={"fold": 1}, hardware=CPU)


@pytest.fixture(scope="session")
def hmc_qu_run(hmc_qu_root: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("runs") / "hmc-qu"
    return train(HMC_QU, data=hmc_qu_root, out=out, dataset="hmc-qu", options={"fold": 1}, hardware=CPU)


@pytest.fixture
def coreecho(command_line):
    return command_line


def assert_same_weights(run: RunFolder, other: RunFolder) -> None:
    weights, expected = load_state(run.state).model, load_state(other.state).model
    assert weights.keys() == expected.keys()
    assert [name for name in expected if not weights[name].equal(expected[name])] == []


@pytest.mark.parametrize("layout", ["camus", "hmc-qu"])
def test_resumed_is_as_never_stopped(layout: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    whole: RunFolder = request.getfixturevalue(f"{layout.replace('-', '_')}_run")
    stop = Stop()
    stop.ask()
    stopped = train(
        whole.recipe,
        data=whole.data.root,
        out=tmp_path / "run",
        dataset=layout,
        options=whole.data.options,
        hardware=CPU,
        stop=stop,
    )
    assert not stopped.is_finished
    resumed = resume(stopped.path)
    assert resumed.is_finished
    assert resumed.data.options == {"fold": 1}
    assert_same_weights(resumed, whole)


def test_another_fold_trains_on_other_patients(camus_root: Path, camus_run: RunFolder, tmp_path: Path) -> None:
    other = train(
        CAMUS, data=camus_root, out=tmp_path / "run", dataset="camus", options={"fold": 3, "view": "A2C"}, hardware=CPU
    )
    assert {recording.view for recording in other.all_recordings} == {"A2C"}
    patients = [{recording.patient for recording in run.recordings("test")} for run in (camus_run, other)]
    assert patients[0].isdisjoint(patients[1])
    assert {recording.fold for recording in other.recordings("test")} == {3}
    assert {recording.fold for recording in other.recordings("val")} == {4}


def test_both_releases_train_to_the_same_weights(camus_run: RunFolder, camus_mhd_root: Path, tmp_path: Path) -> None:
    other = train(CAMUS, data=camus_mhd_root, out=tmp_path / "run", dataset="camus", options={"fold": 1}, hardware=CPU)
    assert_same_weights(other, camus_run)
    assert {recording.ef_source for recording in other.all_recordings} == {"CAMUS MetaImage release"}


def test_evaluation_of_ef_names_the_release(camus_run: RunFolder, coreecho) -> None:
    code, out, err = coreecho("evaluate", camus_run.path, "--resamples", 50, "--device", "cpu")
    assert code == 0, err
    assert "EF of the CAMUS NIfTI release" in out
    assert "MAE" in out
    folder = camus_run.path / "evaluation" / "test-3"
    predictions = pd.read_csv(folder / "predictions.csv")
    assert set(predictions.ef_source) == {"CAMUS NIfTI release"}
    # Three clips are asked for, and a beat is one.
    assert predictions.num_clips.tolist() == [1] * len(camus_run.recordings("test"))
    document = json.loads((folder / "metrics.json").read_text())
    assert document["protocol"]["time"] == "spline"


def test_evaluation_of_infarctions_has_their_metrics(hmc_qu_run: RunFolder, coreecho) -> None:
    code, out, err = coreecho("evaluate", hmc_qu_run.path, "--split", "test", "--resamples", 50, "--device", "cpu")
    assert code == 0, err
    for label in ("Sensitivity", "Specificity", "Precision", "F1", "Accuracy", "AUROC", "AUPRC"):
        assert label in out
    assert "MAE" not in out
    assert "phantom result: simulated hearts" in out
    folder = hmc_qu_run.path / "evaluation" / "test-3"
    predictions = pd.read_csv(folder / "predictions.csv")
    truth = {recording.id: recording.has_mi for recording in hmc_qu_run.recordings("test")}
    assert dict(zip(predictions.recording, predictions.has_mi, strict=True)) == truth
    accuracy = ((predictions.probability >= 0.5) == predictions.has_mi).mean()
    document = json.loads((folder / "metrics.json").read_text())
    assert document["metrics"]["accuracy"]["estimate"] == pytest.approx(accuracy)
    assert document["threshold"] == 0.5
    shown = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert shown == {"predictions.csv", "metrics.csv", "metrics.json"}


def test_infarctions_have_a_report_in_their_own_metrics(hmc_qu_run: RunFolder, coreecho, tmp_path: Path) -> None:
    words = ("--map-method", "pca", "--device", "cpu")
    code, _, _ = coreecho("report", hmc_qu_run.path, "--out", tmp_path / "mi.html", *words)
    assert code == 0
    page = (tmp_path / "mi.html").read_text(encoding="utf-8")
    assert "Sensitivity" in page
    assert "EF points" not in page


def test_a_file_predicts_as_its_recording_is_evaluated_camus(camus_run: RunFolder, coreecho) -> None:
    coreecho("evaluate", camus_run.path, "--split", "train", "--resamples", 10, "--device", "cpu")
    evaluated = pd.read_csv(camus_run.path / "evaluation" / "train-3" / "predictions.csv").set_index("recording")
    predictor = Predictor(camus_run.path)
    for recording in camus_run.recordings("train")[:3]:
        prediction = predictor(recording.path, beat=recording.beat)
        assert prediction.ef_percent == pytest.approx(evaluated.ef_predicted[recording.id], abs=1e-4)
        assert prediction.beat == recording.beat
        assert prediction.mi_probability is None
        assert prediction.warnings == ()


def test_a_file_predicts_as_its_recording_is_evaluated_hmc_qu(hmc_qu_run: RunFolder, coreecho, tmp_path: Path) -> None:
    coreecho("evaluate", hmc_qu_run.path, "--split", "train", "--resamples", 10, "--device", "cpu")
    evaluated = pd.read_csv(hmc_qu_run.path / "evaluation" / "train-3" / "predictions.csv").set_index("recording")
    recording = hmc_qu_run.recordings("train")[0]
    first, last = recording.beat
    table = tmp_path / "mi.csv"
    arguments = ("predict", recording.path, "--model", hmc_qu_run.path, "--beat", f"{first}:{last}", "--device", "cpu")
    code, out, err = coreecho(*arguments, "--json", "--csv", table)
    assert code == 0, err
    document = json.loads(out)
    (prediction,) = document["predictions"]
    assert prediction["mi_probability"] == pytest.approx(evaluated.probability[recording.id], abs=1e-5)
    assert "ef_percent" not in prediction
    assert prediction["beat"] == [first, last]
    assert document["task"] == {"name": "mi"}
    assert document["notice"] == "Not a medical device: this probability must not guide the care of a patient."
    assert any("as HMC-QU's clips of A4C" in note for note in prediction["notes"])
    row = pd.read_csv(table).iloc[0]
    assert row["mi_probability"] == pytest.approx(prediction["mi_probability"])
    assert (row["beat"], row["num_clips"]) == (f"{first}:{last}", 1)
    code, out, _ = coreecho(*arguments)
    assert code == 0
    assert "Probability of a myocardial infarction" in out
    assert f"{100 * prediction['mi_probability']:.1f}" in out
    assert "Ejection fraction" not in out


@pytest.mark.parametrize(
    ("layout", "words"),
    [("camus", "from end-diastole (ED) to end-systole (ES)"), ("hmc-qu", "one cardiac cycle")],
)
def test_without_a_beat_it_says_what_the_model_was_trained_on(
    layout: str, words: str, request: pytest.FixtureRequest, coreecho
) -> None:
    run: RunFolder = request.getfixturevalue(f"{layout.replace('-', '_')}_run")
    code, _, err = coreecho("predict", run.all_recordings[0].path, "--model", run.path, "--device", "cpu")
    assert code == 2
    said = " ".join(err.split())
    assert words in said
    assert "`--beat FIRST:LAST`" in said


def test_trilinear_in_time_is_another_clip(hmc_qu_root: Path, hmc_qu_run: RunFolder, tmp_path: Path) -> None:
    settings = HMC_QU.to_mapping() | {"time": "trilinear"}
    recipe = Recipe.from_mapping(settings, source="test")
    other = train(recipe, data=hmc_qu_root, out=tmp_path / "run", dataset="hmc-qu", options={"fold": 1}, hardware=CPU)
    assert other.is_finished
    assert other.metrics().val_bce.iloc[0] != hmc_qu_run.metrics().val_bce.iloc[0]


@pytest.mark.parametrize(
    ("dataset", "changes", "message"),
    [
        (
            "hmc-qu",
            {"objective": "mse"},
            "learns EF \\(ef_percent\\), and no recording of 'hmc-qu' .* has it.*Known of them: has_mi\\.",
        ),
        ("echonet", {"objective": "mse"}, "takes a whole video as one beat, and the videos of 'echonet' hold several"),
        ("echonet", {"time": "stride"}, "no recording of 'echonet' .* has it. Known of them: ef_percent"),
    ],
)
def test_recipes_that_do_not_fit_their_data_are_refused(
    dataset: str, changes: dict[str, Any], message: str, hmc_qu_root: Path, phantom_root: Path, tmp_path: Path
) -> None:
    recipe = Recipe.from_mapping(HMC_QU.to_mapping() | changes, source="test")
    root = hmc_qu_root if dataset == "hmc-qu" else phantom_root
    with pytest.raises(RecipeError, match=message):
        train(recipe, data=root, out=tmp_path / "run", dataset=dataset, hardware=CPU)
    assert not (tmp_path / "run").exists()


def test_the_command_line_trains_a_fold_and_a_view(camus_root: Path, tmp_path: Path, coreecho) -> None:
    recipe = tmp_path / "camus.yaml"
    recipe.write_text(CAMUS.to_yaml())
    out = tmp_path / "run"
    words = ("--data", camus_root, "--dataset", "camus", "--fold", 2, "--view", "A2C", "--out", out, "--device", "cpu")
    code, _, err = coreecho("train", recipe, *words)
    assert code == 0, err
    run = RunFolder.open(out)
    assert run.data.options == {"fold": 2, "view": "A2C"}
    assert [recording.id for recording in run.recordings("test")] == [
        recording.id
        for recording in load_recordings("camus", camus_root, fold=2, view="A2C")
        if recording.split == "test"
    ]
    assert (out / "plots" / "learning_curves.png").is_file()


def test_a_store_of_a_view_is_built_and_verified(camus_root: Path, tmp_path: Path, coreecho) -> None:
    words = ("camus", camus_root, "--frame-size", 32, "--store", tmp_path / "store")
    code, out, err = coreecho("store", "build", *words, "--view", "A2C")
    assert code == 0, err
    assert "12 videos" in out
    assert coreecho("store", "verify", *words, "--view", "A2C")[0] == 0
    code, out, _ = coreecho("store", "verify", *words)
    assert code == 1
    assert "patient0001_4CH: missing" in out

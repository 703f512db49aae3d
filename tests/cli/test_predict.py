"""`coreecho predict`, as a user types it."""

import itertools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from tests.shared.weights import learned_from_phantoms, small_card

from coreecho.inference import Predictor
from coreecho.models import ModelInput, build_model, save_weights

# The command line is read from sys.argv on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A run folder with the weights of a model that says it learned from phantoms."""
    model_input = ModelInput(num_frames=4, stride=4, frame_size=32)
    folder = tmp_path / "run"
    folder.mkdir()
    card = small_card(model_input, trained_on=learned_from_phantoms())
    save_weights(folder / "best.safetensors", build_model("uniformer_xs", model_input, last_bias=55.0), card)
    return folder


@pytest.fixture
def coreecho(command_line):
    return command_line


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.avi"
    path.write_bytes(b"RIFF, but no video")
    return path


def test_a_folder_of_phantoms_gives_an_ef_a_file(coreecho, weights, phantom_root):
    videos = sorted((phantom_root / "Videos").iterdir())
    code, out, _ = coreecho("predict", phantom_root / "Videos", "--model", weights)
    assert code == 0
    assert all(video.name in out.replace("\n", "") for video in videos)
    assert "recipe tiny" in out
    assert "Not a medical device" in out
    assert "no clinical meaning" not in out


def test_a_model_of_phantoms_says_so_on_the_real_clip_of_pydicom(coreecho, weights):
    code, out, _ = coreecho("predict", get_testdata_file("examples_ybr_color.dcm"), "--model", weights, "--json")
    assert code == 0
    (prediction,) = json.loads(out)["predictions"]
    assert prediction["num_frames"] == 30
    assert any("no clinical meaning" in warning for warning in prediction["warnings"])
    assert np.isfinite(prediction["ef_percent"])


def test_a_bad_file_is_reported_and_does_not_stop_the_others(coreecho, weights, phantom_root, broken):
    good = next((phantom_root / "Videos").iterdir())
    code, out, err = coreecho("predict", broken, "gone.avi", good, "--model", weights)
    assert code == 1
    assert good.name in out
    assert f"No EF for {broken}" in err.replace("\n", "")
    assert "No EF for gone.avi: no such file or folder" in err
    assert "broken" not in out


def test_json_is_one_document_on_stdout_and_nothing_else(coreecho, weights, phantom_root, broken):
    good = next((phantom_root / "Videos").iterdir())
    code, out, err = coreecho("predict", good, broken, "--model", weights, "--json", "--clips", "all")
    assert code == 1
    document = json.loads(out)
    assert [prediction["file"] for prediction in document["predictions"]] == [str(good)]
    # 24 frames, clips that span 13 at stride 4.
    assert document["predictions"][0]["clip_starts"] == [0, 4, 8, 11]
    assert [failure["file"] for failure in document["failures"]] == [str(broken)]
    assert str(broken) in err.replace("\n", "")


def test_csv_has_a_row_for_every_file(coreecho, weights, phantom_root, broken, tmp_path):
    good = next((phantom_root / "Videos").iterdir())
    table = tmp_path / "ef.csv"
    code, out, _ = coreecho("predict", good, broken, "--model", weights, "--csv", table)
    assert code == 1
    assert good.name in out
    rows = pd.read_csv(table)
    assert rows["file"].tolist() == [str(good), str(broken)]
    assert rows["error"].notna().tolist() == [False, True]


def test_only_bad_files_print_no_empty_table(coreecho, weights, broken):
    code, out, err = coreecho("predict", broken, "--model", weights)
    assert code == 1
    assert out == ""
    assert "No EF for" in err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--clips", "0"], "0"),
        (["--csv", "no/such/folder/ef.csv"], "does not exist"),
        (["--device", "abacus"], "Cannot compute on the device"),
        (["--model", "no-run"], "no-run"),
    ],
)
def test_usage_errors_end_with_two_before_any_prediction(coreecho, weights, broken, flags, words):
    model = [] if "--model" in flags else ["--model", weights]
    code, out, err = coreecho("predict", broken, *model, *flags)
    assert code == 2
    assert words in " ".join((out + err).split())
    assert "No EF for" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize("missing", [["--model", "run"], ["clip.avi"]])
def test_files_and_a_model_are_needed(coreecho, missing):
    code, _, _ = coreecho("predict", *missing)
    assert code == 2


def test_help_teaches(coreecho):
    code, out, _ = coreecho("predict", "--help")
    text = " ".join(out.split())
    assert code == 0
    assert "coreecho predict clip.dcm folder/, or with your own model, --model runs/echonet" in text
    assert "Not a medical device" in text
    assert "--json" in text
    assert "--no-json" not in text


def test_ctrl_c_keeps_the_rows_that_are_ready_and_says_so(coreecho, weights, phantom_root, tmp_path, monkeypatch):
    """It once lost all of them without a word."""
    videos = sorted((phantom_root / "Videos").iterdir())[:4]
    predict_many = Predictor.predict_many

    def stopped(self, paths, **options):
        yield from itertools.islice(predict_many(self, paths, **options), 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Predictor, "predict_many", stopped)
    written = ("--csv", tmp_path / "ef.csv", "--json-file", tmp_path / "ef.json", "--per-study")
    code, out, err = coreecho("predict", *videos, "--model", weights, *written)
    assert code == 130
    assert videos[1].name in out.replace("\n", "")
    assert err.splitlines()[-1] == "Stopped. The first 2 files are done, and shown or written; 2 were not reached."
    rows, studies = pd.read_csv(tmp_path / "ef.csv"), pd.read_csv(tmp_path / "ef-studies.csv")
    assert rows["file"].tolist() == [str(video) for video in videos]
    assert rows["status"].tolist() == ["measured"] * 2 + ["not reached"] * 2
    assert "the run was stopped" in studies["notes"][0]
    document = json.loads((tmp_path / "ef.json").read_text())
    assert (document["stopped"], document["not_reached"], len(document["predictions"])) == (True, 2, 2)


def test_names_of_any_kind(coreecho, weights, phantom_root, tmp_path):
    video = next((phantom_root / "Videos").iterdir())
    folder = tmp_path / "clips"
    folder.mkdir()
    try:
        for name in (b"M\xfcller.avi", b"\x1b[31m.avi", b"=1+1.avi"):
            shutil.copy(video, folder / os.fsdecode(name))
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    code, out, err = coreecho("predict", folder, "--model", weights, "--csv", tmp_path / "ef.csv")
    assert (code, err.strip()) == (0, "3 measured, 0 refused, 0 failed.")
    assert "\x1b[31m" not in out
    assert pd.read_csv(tmp_path / "ef.csv")["file"].str.contains(r"M\\xfcller|x1b\[31m|=1\+1").all()
    code, out, _ = coreecho("predict", folder, "--model", weights, "--json")
    assert code == 0
    assert len(json.loads(out)["predictions"]) == 3


def test_axes_of_an_array_are_named_and_the_refusal_says_how(coreecho, weights, tmp_path):
    frames = np.zeros((40, 48, 48), dtype=np.uint8)
    for number, frame in enumerate(frames):
        frame[10 : 30 + number % 9, 10:38] = 200
    clip = tmp_path / "clip.npy"
    np.save(clip, np.ascontiguousarray(frames.transpose(1, 2, 0)))
    code, _, err = coreecho("predict", clip, "--model", weights)
    assert code == 1
    assert "`--axes HWT`" in " ".join(err.split())
    code, out, _ = coreecho("predict", clip, "--model", weights, "--axes", "HWT", "--json")
    assert code == 0
    assert json.loads(out)["predictions"][0]["num_frames"] == 40
    code, _, err = coreecho("predict", clip, "--model", weights, "--axes", "HHT")
    assert code == 1
    assert "expected the letters T (time), H (rows), W (columns)" in " ".join(err.split())


def test_single_dicom_frames_are_offered_as_one_clip_and_read_by_series(coreecho, weights, tmp_path):
    whole = pydicom.dcmread(get_testdata_file("examples_ybr_color.dcm"))
    frames = list(generate_frames(whole.PixelData, number_of_frames=30))
    for number, frame in enumerate(frames):
        whole.PixelData, whole.NumberOfFrames, whole.InstanceNumber = encapsulate([frame]), 1, number + 1
        (tmp_path / "frames").mkdir(exist_ok=True)
        whole.save_as(tmp_path / "frames" / f"IM{number:02d}")
    code, _, err = coreecho("predict", tmp_path / "frames", "--model", weights)
    assert code == 0
    assert err.count("Refused") == 1
    assert "0 measured, 1 refused, 0 failed." in err
    assert "`--series` joins them" in " ".join(err.split())
    code, out, _ = coreecho("predict", tmp_path / "frames", "--model", weights, "--series", "--json")
    assert code == 0
    (joined,) = json.loads(out)["predictions"]
    _, out, _ = coreecho("predict", get_testdata_file("examples_ybr_color.dcm"), "--model", weights, "--json")
    (expected,) = json.loads(out)["predictions"]
    assert joined["num_frames"] == 30
    assert joined["ef_percent"] == pytest.approx(expected["ef_percent"], abs=1e-3)


def test_notes_of_the_reader_are_shown(coreecho, weights):
    _, out, _ = coreecho("predict", get_testdata_file("examples_ybr_color.dcm"), "--model", weights)
    assert "N1  cropped to its sector" in out


def test_a_whole_examination_gives_one_number_and_what_is_no_such_clip_is_no_failure(
    coreecho, weights, phantom_root, tmp_path
):
    exam, table = tmp_path / "exam", tmp_path / "ef.csv"
    exam.mkdir()
    for number, name in enumerate(("examples_ybr_color.dcm", "examples_rgb_color.dcm")):
        dataset = pydicom.dcmread(get_testdata_file(name))
        dataset.StudyInstanceUID, dataset.AccessionNumber = "1.2.3.4", "=A7"
        dataset.SOPInstanceUID = f"1.2.3.4.{number}"
        dataset.save_as(exam / f"IM{number}")
    videos = sorted((phantom_root / "Videos").iterdir())[:3]
    (tmp_path / "other").mkdir()
    for video in videos:
        shutil.copy(video, tmp_path / "other")
    folders, asked = (exam, tmp_path / "other"), ("--model", weights, "--per-study", "--csv", table)
    code, out, _ = coreecho("predict", *folders, *asked, "--ids", "--json")
    assert code == 0
    document = json.loads(out)
    first, second = document["studies"]
    assert (first["study"], first["num_measured"], first["num_refused"]) == (str(exam), 1, 1)
    assert first["study_instance_uid"] == "1.2.3.4"
    values = [one["ef_percent"] for one in document["predictions"] if one["file"] != str(exam / "IM0")]
    assert second["ef_percent"] == pytest.approx(sorted(values)[1])
    assert (second["lowest"], second["highest"]) == (min(values), max(values))
    assert document["predictions"][0]["accession_number"] == "=A7"
    rows, studies = pd.read_csv(table), pd.read_csv(tmp_path / "ef-studies.csv")
    assert rows["status"].tolist() == ["measured", "refused", "measured", "measured", "measured"]
    assert rows["sop_instance_uid"].tolist()[:2] == ["1.2.3.4.0", "1.2.3.4.1"]
    assert rows["accession_number"].tolist()[0] == "'=A7"
    assert studies["num_clips"].tolist() == [1, 3]
    assert rows["study"].tolist() == [str(exam)] * 2 + [str(tmp_path / "other")] * 3
    assert studies["study"].tolist() == [str(exam), str(tmp_path / "other")]
    assert document["predictions"][0]["study"] == document["refused"][0]["study"] == str(exam)
    # Unasked, no identifier leaves the program, though the examinations are told apart by them.
    code, out, err = coreecho("predict", *folders, *asked, "--strict")
    assert code == 1
    assert "1 used, 1 refused, 0 failed" in out
    assert "1.2.3.4" not in out + err + table.read_text() + (tmp_path / "ef-studies.csv").read_text()


def test_a_forgotten_name_of_a_table_costs_no_clip(coreecho, weights, broken, tmp_path):
    """The shell gives the first of `*.avi` to `--csv`."""
    content = broken.read_bytes()
    for flags in (("--csv", broken), ("--page", broken), ("--monitor", broken), ("--json-file", broken)):
        for given in (tmp_path, broken):
            code, _, err = coreecho("predict", given, "--model", weights, *flags)
            assert code == 2
            assert flags[0] in err
            assert broken.read_bytes() == content
    same = tmp_path / "same.csv"
    code, _, err = coreecho("predict", broken, "--model", weights, "--csv", same, "--monitor", same)
    assert code == 2
    assert "would be written twice" in err
    code, _, err = coreecho(
        "predict",
        broken,
        "--model",
        weights,
        "--per-study",
        "--csv",
        tmp_path / "a.csv",
        "--monitor",
        tmp_path / "a-studies.csv",
    )
    assert code == 2
    assert "would be written twice" in err


def test_a_day_without_clips_has_no_row_the_same_header_and_one_line_of_counts(coreecho, weights, tmp_path):
    day, table = tmp_path / "day", tmp_path / "ef.csv"
    day.mkdir()
    (day / "DICOMDIR").write_bytes(b"")
    (day / "films.zip").write_bytes(b"")
    asked = ("predict", day, "--model", weights, "--per-study", "--ids", "--csv", table)
    code, out, err = coreecho(*asked)
    assert (code, out) == (0, "")
    assert err.splitlines() == ["0 files. 2 files passed over: 1 .zip, 1 DICOMDIR."]
    assert len(pd.read_csv(table)) == len(pd.read_csv(tmp_path / "ef-studies.csv")) == 0
    assert coreecho(*asked, "--strict")[0] == 1
    empty = table.read_text(), (tmp_path / "ef-studies.csv").read_text()
    (day / "broken.avi").write_bytes(b"RIFF, but no video")
    assert coreecho(*asked)[0] == 1
    texts = table.read_text(), (tmp_path / "ef-studies.csv").read_text()
    assert [text.splitlines()[0] for text in texts] == [text.splitlines()[0] for text in empty]
    assert "study_instance_uid" in texts[0].splitlines()[0]


def test_outside_a_terminal_each_message_is_one_line(coreecho, weights, tmp_path, monkeypatch):
    long = tmp_path / ("a" * 120 + ".avi")
    long.write_bytes(b"RIFF, but no video")
    # As narrow as rich takes a file to be.
    monkeypatch.setenv("COLUMNS", "80")
    code, _, err = coreecho("predict", long, "--model", weights)
    assert code == 1
    told, counted = err.splitlines()
    assert told.startswith(f"No EF for {long}: ")
    assert counted == "0 measured, 0 refused, 1 failed."

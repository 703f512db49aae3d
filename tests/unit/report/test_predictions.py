import io
import json

import pandas as pd
import pytest
from rich.console import Console

from coreecho.errors import CoReEchoError
from coreecho.inference import NOTICES, Prediction, PredictionFailure
from coreecho.report.predictions import predictions_json, predictions_table, write_predictions_csv


def prediction(**changes):
    fields = {
        "file": "a.avi",
        "ef_percent": 55.25,
        "clip_ef_percent": (54.0, 56.5),
        "clip_sd": 1.7678,
        "clip_starts": (0, 9),
        "warnings": ("short clip", "frame rate unknown"),
        "notes": (),
        "fps": 50.0,
        "num_frames": 100,
        "model": "a model",
    }
    return Prediction(**(fields | changes))


FAILURE = PredictionFailure(file="b.avi", error="b.avi: not a clip")


def test_table_shows_ef_spread_warnings_and_what_it_is_not():
    console = Console(file=io.StringIO(), width=100)
    plain = prediction(file="[red]c.avi", clip_sd=None, warnings=())
    console.print(predictions_table([prediction(), FAILURE, plain], model_name="a model"))
    text = console.file.getvalue()
    assert "Ejection fraction by a model" in text
    row = next(line for line in text.splitlines() if "a.avi" in line)
    assert row.split()[:3] == ["a.avi", "55.2", "1.8"]
    assert "short clip" in row
    assert "frame rate unknown" in text
    assert "[red]c.avi" in text
    assert "b.avi" not in text
    assert "Not a medical device" in text


def test_json_is_one_document_with_failures_apart():
    document = json.loads(predictions_json([prediction(), FAILURE], model_name="a model"))
    assert document["predictions"][0]["clip_ef_percent"] == [54.0, 56.5]
    assert document["failures"] == [{"file": "b.avi", "error": "b.avi: not a clip"}]
    assert "Not a medical device" in document["notice"]
    assert document["model"] == "a model"


def test_csv_has_one_row_a_file_in_order(tmp_path):
    path = tmp_path / "ef.csv"
    write_predictions_csv([prediction(), FAILURE], path)
    table = pd.read_csv(path)
    assert table["file"].tolist() == ["a.avi", "b.avi"]
    assert table.loc[0, "ef_percent"] == 55.25
    assert table.loc[0, "clip_ef_percent"] == "54.0; 56.5"
    assert table.loc[0, "num_clips"] == 2
    assert table.loc[0, "warnings"] == "short clip; frame rate unknown"
    assert pd.isna(table.loc[1, "ef_percent"])
    assert table.loc[1, "error"] == "b.avi: not a clip"
    assert table["notice"].str.contains("Not a medical device").all()


def test_csv_of_nothing_still_has_its_header(tmp_path):
    write_predictions_csv([], tmp_path / "ef.csv")
    assert "ef_percent" in pd.read_csv(tmp_path / "ef.csv").columns


def test_a_table_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(CoReEchoError, match=r"ef\.csv cannot be written: No such file or directory"):
        write_predictions_csv([prediction()], tmp_path / "gone" / "ef.csv")


def infarction(**changes):
    fields = {"ef_percent": None, "clip_ef_percent": (), "clip_sd": None, "clip_starts": (4,), "mi_probability": 0.4375}
    return prediction(**(fields | {"beat": (4, 20), "notice": NOTICES["mi"]} | changes))


def test_infarctions_are_probabilities_in_every_format(tmp_path):
    console = Console(file=io.StringIO(), width=100)
    console.print(predictions_table([infarction()], model_name="a model", target="mi"))
    text = console.file.getvalue()
    assert "Probability of a myocardial infarction by a model" in text
    row = next(line for line in text.splitlines() if "a.avi" in line)
    assert row.split()[:2] == ["a.avi", "43.8"]
    assert "this probability must not guide" in text
    document = json.loads(predictions_json([infarction(), FAILURE], model_name="a model", target="mi"))
    assert document["predictions"][0]["mi_probability"] == 0.4375
    assert document["predictions"][0]["ef_percent"] is None
    assert "probability" in document["notice"]
    write_predictions_csv([infarction(), FAILURE], tmp_path / "mi.csv", target="mi")
    table = pd.read_csv(tmp_path / "mi.csv")
    assert table.loc[0, "mi_probability"] == 0.4375
    assert table.loc[0, "beat"] == "4:20"
    assert table["ef_percent"].isna().all()
    assert set(table["notice"]) == {NOTICES["mi"]}

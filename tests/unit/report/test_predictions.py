import io
import json
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from coreecho.errors import CoReEchoError
from coreecho.inference import Prediction, PredictionFailure
from coreecho.names import readable
from coreecho.report.predictions import predictions_json, predictions_table, write_predictions_csv
from coreecho.report.text import csv_cell
from coreecho.tasks import EF, MI, Scalar
from coreecho.trust import GOOD_PICTURE, GOOD_WORDS


def prediction(**changes):
    fields = {
        "file": "a.avi",
        "value": 55.25,
        "clip_values": (54.0, 56.5),
        "clip_sd": 1.7678,
        "clip_starts": (0, 50),
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
    assert row.split() == ["a.avi", "55.2", "1.8", "W1", "W2"]
    assert "W1  short clip" in text
    assert "frame rate unknown" in text
    assert "[red]c.avi" in text
    assert "b.avi" not in text
    assert "Not a medical device" in text


APPRAISED = {
    "interval_low": 45.2,
    "interval_high": 65.3,
    "level": 0.9,
    "method": "by-range",
    "p_below_40": 0.004,
    "p_below_50": 0.31,
    "trust": "doubtful",
    "reasons": ("frame rate unusually low: 20 per second (usual 41 to 59)",),
    "interval_notes": ("90 % interval by by-range: 200 recordings", "calibrated on simulated hearts"),
    "ef_words": "normal (ASE/EACVI 2015)",
}


def test_table_shows_what_an_ef_is_worth_and_says_once_what_holds_for_all():
    console = Console(file=io.StringIO(), width=140)
    without = {"interval_low": None, "interval_high": None, "p_below_40": None, "p_below_50": None, "trust": "outside"}
    own = {"interval_notes": (*APPRAISED["interval_notes"], "the interval was cut at 0 to 100 %")}
    rows = [prediction(**APPRAISED), prediction(file="c.avi", **(APPRAISED | without | own))]
    console.print(predictions_table(rows, model_name="a model"))
    text = console.file.getvalue()
    first = next(line for line in text.splitlines() if "a.avi" in line)
    assert " ".join(first.split()).startswith("a.avi 55.2 45 to 65 <1 / 31 % doubtful 1.8 normal (ASE/EACVI 2015)")
    second = next(line for line in text.splitlines() if "c.avi" in line)
    assert second.split()[:4] == ["c.avi", "55.2", "outside", "1.8"]
    assert text.lower().count("calibrated on simulated hearts") == 1
    assert "N1  the interval was cut at 0 to 100 %" in text
    assert "frame rate unusually low: 20 per second" in text
    assert "no bound of the error" in text
    assert "Readers of the same pictures differ, too" in text


def shown_at_80_columns(one):
    console = Console(file=io.StringIO(), width=80)
    console.print(predictions_table([one], model_name="a model"))
    return console.file.getvalue()


def test_a_spread_that_says_nothing_is_a_dash_and_no_heading_is_broken_at_80_columns():
    worth = {"interval_low": 46.0, "interval_high": 77.0, "level": 0.9, "p_below_40": 0.01, "p_below_50": 0.2}
    short = prediction(**worth, trust="doubtful", segmentation_ef_percent=53.2, clip_starts=(0, 2, 3), num_frames=30)
    text = shown_at_80_columns(replace(short, file="exam/a.dcm"))
    row = next(line for line in text.splitlines() if "exam/a.dcm" in line)
    assert "–" in row.split()
    assert f"{short.clip_sd:.1f}" not in row.split()
    heading = text[: text.index("───")]
    for words in ("interval", "/ P(< 50)", "outline", "of clips", "Notes"):
        assert words in heading
    apart = replace(short, clip_starts=(0, 100, 200), num_frames=240)
    assert f"{apart.clip_sd:.1f}" in shown_at_80_columns(apart).split()


def test_right_under_a_table_with_good_trust_stands_what_good_does_not_mean():
    notes = (*APPRAISED["interval_notes"], GOOD_PICTURE)
    good = APPRAISED | {"trust": "good", "reasons": (), "interval_notes": notes}
    for row, words in ((good, GOOD_PICTURE), (good | {"interval_notes": ()}, GOOD_WORDS), (APPRAISED, None)):
        console = Console(file=io.StringIO(), width=300)
        console.print(predictions_table([prediction(**row)], model_name="a model"))
        lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
        said = [number for number, line in enumerate(lines) if "`good` trust" in line]
        assert len(said) == (words is not None)
        if words is not None:
            assert lines[said[0]] == f"{words}."
            assert all(number > said[0] for number, line in enumerate(lines) if line.startswith("W1 "))


def test_json_and_csv_hold_what_an_ef_is_worth_by_name(tmp_path):
    (entries,) = json.loads(predictions_json([prediction(**APPRAISED)], model_name="m"))["predictions"]
    write_predictions_csv([prediction(**APPRAISED), FAILURE], tmp_path / "ef.csv")
    table = pd.read_csv(tmp_path / "ef.csv")
    for name, value in APPRAISED.items():
        listed = isinstance(value, tuple)
        assert entries[name] == (list(value) if listed else value)
        assert table.loc[0, name] == (" | ".join(value) if listed else value)
    mi = json.loads(predictions_json([infarction()], model_name="m", task=MI()))["predictions"][0]
    assert not set(mi) & set(APPRAISED)


def test_a_sentence_stands_once_under_the_table_however_many_rows_it_is_said_of():
    console = Console(file=io.StringIO(), width=100)
    many = [prediction(file=f"{n}.avi", warnings=(f"short clip: {n} frames",), notes=("cropped",)) for n in (90, 9, 60)]
    console.print(predictions_table(many, model_name="a model"))
    text = console.file.getvalue()
    assert text.count("W1  short clip: 9, 60 or 90 frames (3 files)") == 1
    assert text.count("N1  cropped (3 files)") == 1
    assert "W2" not in text


def test_json_is_one_document_with_failures_apart():
    refused = PredictionFailure(file="c.dcm", error="a still", is_refused=True)
    document = json.loads(predictions_json([prediction(), FAILURE, refused], model_name="a model"))
    assert document["refused"] == [{"file": "c.dcm", "error": "a still"}]
    assert "beat" not in document["predictions"][0]
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
    assert table.loc[0, "clip_ef_percent"] == "54.0 | 56.5"
    assert table.loc[0, "num_clips"] == 2
    assert table.loc[0, "warnings"] == "short clip | frame rate unknown"
    assert pd.isna(table.loc[1, "ef_percent"])
    assert table.loc[1, "error"] == "b.avi: not a clip"
    assert table["notice"].str.contains("Not a medical device").all()
    assert table["status"].tolist() == ["measured", "failed"]
    # What no row has is no column: no identifier unasked, no beat of a model that looks at none.
    assert not {"beat", "study_instance_uid", "accession_number"} & set(table.columns)


def test_csv_of_nothing_still_has_its_header(tmp_path):
    write_predictions_csv([], tmp_path / "ef.csv")
    assert "ef_percent" in pd.read_csv(tmp_path / "ef.csv").columns


def test_a_table_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(CoReEchoError, match=r"ef\.csv cannot be written: No such file or directory"):
        write_predictions_csv([prediction()], tmp_path / "gone" / "ef.csv")


def infarction(**changes):
    fields = {
        "task": "mi",
        "value_name": "mi_probability",
        "is_appraised": False,
        "value": 0.4375,
        "unit": "",
        "clip_values": (0.4375,),
        "clip_sd": None,
        "clip_starts": (4,),
    }
    return prediction(**(fields | {"beat": (4, 20), "notice": MI().notice} | changes))


def test_infarctions_are_probabilities_in_every_format(tmp_path):
    console = Console(file=io.StringIO(), width=100)
    console.print(predictions_table([infarction()], model_name="a model", task=MI()))
    text = console.file.getvalue()
    assert "Probability of a myocardial infarction by a model" in text
    row = next(line for line in text.splitlines() if "a.avi" in line)
    assert row.split()[:2] == ["a.avi", "43.8"]
    assert "this probability must not guide" in text
    document = json.loads(predictions_json([infarction(), FAILURE], model_name="a model", task=MI()))
    assert document["predictions"][0]["mi_probability"] == 0.4375
    assert "ef_percent" not in document["predictions"][0]
    assert document["task"] == {"name": "mi"}
    assert "probability" in document["notice"]
    write_predictions_csv([infarction(), FAILURE], tmp_path / "mi.csv", task=MI())
    table = pd.read_csv(tmp_path / "mi.csv")
    assert table.loc[0, "mi_probability"] == 0.4375
    assert table.loc[0, "beat"] == "4:20"
    assert "ef_percent" not in table
    assert set(table["notice"]) == {MI().notice}


def test_any_number_is_told_in_its_words_and_its_unit(tmp_path):
    task = Scalar("edv_ml", "mL")
    volume = prediction(task="scalar", value=121.5, unit="mL", clip_values=(120.0, 123.0), notice=task.notice)
    console = Console(file=io.StringIO(), width=100)
    console.print(predictions_table([volume], model_name="a model", task=task))
    text = console.file.getvalue()
    assert "edv ml (mL)" in text
    assert "121.5" in text
    assert "EF" not in text
    write_predictions_csv([volume], tmp_path / "edv.csv", task=task)
    table = pd.read_csv(tmp_path / "edv.csv")
    assert (table.loc[0, "edv_ml"], table.loc[0, "unit"], table.loc[0, "clip_edv_ml"]) == (121.5, "mL", "120.0 | 123.0")
    assert json.loads(predictions_json([volume], model_name="a model", task=task))["task"]["label"] == "edv_ml"


def test_names_that_are_not_utf8_survive_every_output(tmp_path):
    """Latin-1 exports are common; one such name once lost the results of all other files."""
    name = b"M\xfcller.avi".decode("utf-8", "surrogateescape")
    results = [prediction(), prediction(file=name), PredictionFailure(file=name, error=f"{name}: no clip")]
    write_predictions_csv(results, tmp_path / "ef.csv")
    assert pd.read_csv(tmp_path / "ef.csv")["file"].tolist() == ["a.avi", r"M\xfcller.avi", r"M\xfcller.avi"]
    document = json.loads(predictions_json(results, model_name="a model"))
    assert document["predictions"][1]["file"] == document["failures"][0]["file"] == r"M\xfcller.avi"
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), width=100)
    console.print(predictions_table(results, model_name="a model"))
    console.file.seek(0)
    assert r"M\xfcller.avi" in console.file.read()


def test_control_sequences_in_names_do_not_reach_the_terminal():
    assert readable("a\x1b[2Jb\r\nc\u202ed") == r"a\x1b[2Jb\x0d\x0ac\u202ed"
    assert readable("Prüfung 心 é") == "Prüfung 心 é"
    console = Console(file=io.StringIO(), width=100)
    console.print(predictions_table([prediction(file="\x1b]0;title\x07.avi")], model_name="a model"))
    assert "\x1b]0" not in console.file.getvalue()


@pytest.mark.parametrize("formula", ["=1+1.avi", "+1.avi", "-1.avi", "@SUM(A1).avi", "\t=1.avi"])
def test_a_spreadsheet_runs_no_name(formula, tmp_path):
    write_predictions_csv([prediction(file=formula, warnings=(formula,))], tmp_path / "ef.csv")
    table = pd.read_csv(tmp_path / "ef.csv")
    assert table.loc[0, "file"].startswith("'")
    assert table.loc[0, "warnings"].startswith("'")
    # Numbers stay numbers.
    assert table.loc[0, "ef_percent"] == 55.25
    assert csv_cell("plain.avi") == "plain.avi"


class Strain(Scalar):
    """A number with limits of the clinic, that is no EF."""

    thresholds = (-20.0, -16.0)
    interval_edges = (-18.0,)


def test_an_ef_by_another_name_is_one(tmp_path):
    """Its task says so, and not what the number is called."""
    task = EF(label="lvef")
    one = prediction(value_name=task.value_name, **APPRAISED)
    assert (one.ef_percent, one.clip_ef_percent, one.mi_probability) == (55.25, (54.0, 56.5), None)
    assert {"lvef", "clip_lvef", "interval_low", "trust"} <= one.to_dict().keys()
    write_predictions_csv([one], tmp_path / "lvef.csv", task=task)
    assert {"lvef", "interval_low", "trust"} <= set(pd.read_csv(tmp_path / "lvef.csv").columns)


def test_limits_of_the_clinic_make_no_ef_of_a_number(tmp_path):
    task = Strain("gls", "%")
    strain = prediction(task="strain", value_name="gls", is_appraised=False, value=-17.2, unit="%", notice=task.notice)
    write_predictions_csv([strain], tmp_path / "gls.csv", task=task)
    table = pd.read_csv(tmp_path / "gls.csv")
    assert table.gls.tolist() == [-17.2]
    assert not {"interval_low", "trust", "p_below_40"} & set(table.columns)

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from coreecho.errors import RecipeError
from coreecho.inference import Prediction
from coreecho.inference.studies import StudyPrediction
from coreecho.report.predictions import write_predictions_csv
from coreecho.representation.neighbours import Neighbour
from coreecho.tasks import EF, MI, RESERVED_NAMES, TASKS, Scalar, build_task
from coreecho.trust import Appraisal
from coreecho.video.dicom_ids import DicomIds


@pytest.mark.parametrize("task", [EF(), MI(), Scalar("edv_ml", "mL", 0, 500), Scalar("age")])
def test_a_task_comes_back_from_its_entries(task: EF) -> None:
    assert build_task(task.to_mapping()) == task
    assert TASKS.get(task.name) is type(task)


def test_a_number_is_read_as_it_is_and_a_logit_as_a_probability() -> None:
    outputs = np.array([-800.0, -2.0, 0.0, 3.0, 800.0])
    assert EF().value_of(outputs) is outputs
    np.testing.assert_allclose(MI().value_of(outputs), expit(outputs), rtol=1e-12)


def test_ef_as_fractions_is_found_with_the_way_out() -> None:
    assert "--label-scale 100" in str(EF().fault_of_labels([0.55, 0.62, 0.31]))
    assert "1 of 2 labels of ef_percent are at most 1" in str(EF().fault_of_labels([55.0, 0.9]))
    assert "2 of 4" in str(EF().fault_of_labels([55.0, 0.62, 0.31, 55.0]))
    assert "3 of 4 labels of ef_percent are at most 1" in str(EF().fault_of_labels([0.55, 0.62, 0.31, 55.0]))
    assert "differ by less than hearts do" in str(EF().fault_of_labels([5 + 0.1 * place for place in range(20)]))
    assert EF().fault_of_labels([50 + place for place in range(20)]) is None
    assert "lie outside 0 to 100 %, such as 130" in str(EF().fault_of_labels([55.0, 130.0]))


def test_labels_out_of_range_are_found() -> None:
    assert "neither 0 nor 1" in str(MI().fault_of_labels([0, 1, 2]))
    assert MI().fault_of_labels([0, 1]) is None
    assert "outside 0 to 500 mL, such as -3" in str(Scalar("edv_ml", "mL", 0, 500).fault_of_labels([100.0, -3.0]))


def test_validation_metrics_are_what_their_names_say() -> None:
    true, output = np.array([40.0, 50.0, 60.0]), np.array([42.0, 50.0, 57.0])
    found = EF().validation_metrics(true, output)
    assert found["val_mae"] == pytest.approx(5 / 3)
    assert found["val_r2"] == pytest.approx(1 - 13 / 200)
    logits = np.array([2.0, -1000.0, 1.0])
    labels = np.array([1.0, 0.0, 0.0])
    found = MI().validation_metrics(labels, logits)
    assert found["val_bce"] == pytest.approx((np.log1p(np.exp(-2)) + 0 + np.log1p(np.exp(1))) / 3)
    assert found["val_accuracy"] == pytest.approx(2 / 3)


def test_the_head_starts_at_the_mean_of_a_number_and_at_even_odds() -> None:
    assert EF().bias_of([40.0, 60.0]) == 50
    assert MI().bias_of([1.0, 1.0, 0.0]) == 0
    assert "expected EF from 0 to 100 %" in str(EF().fault_of_bias(120))
    assert MI().fault_of_bias(-3) is None


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"name": "eff"}, "no task 'eff'. Did you mean 'ef'"),
        ({"name": "scalar"}, "is told nothing"),
        ({"name": "ef", "unit": "mL", "colour": 1}, "told unit, colour"),
        ({"name": "scalar", "label": "end diastolic"}, "expected the name of a column"),
        ({"name": "scalar", "label": "age", "low": 3, "high": 2}, "expected the first below the second"),
        ({}, "A task has a name"),
    ],
)
def test_a_task_that_cannot_be_made_is_refused(entries: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build_task(entries)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("ef_percent", "belongs to the task ef: use --task ef"),
        ("ef", "use --task ef"),
        ("clip_ef_percent", "use --task ef"),
        ("has_mi", "use --task mi"),
        ("mi_probability", "use --task mi"),
        ("probability", "use --task mi"),
        ("fps", "predictions hold fps already, as something else. Give that column another name"),
        ("model", "hold model already"),
        ("notice", "hold notice already"),
        # The clips' own numbers would stand under `clip_sd`, which is how much they differ.
        ("sd", "hold clip_sd already"),
        ("starts", "hold clip_starts already"),
    ],
)
def test_a_scalar_takes_no_name_that_holds_something_else(label: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Scalar(label)
    with pytest.raises(RecipeError, match=message):
        build_task({"name": "scalar", "label": label})


def test_every_name_in_documents_and_tables_of_predictions_is_reserved(tmp_path: Path) -> None:
    """A prediction with everything that one may hold; what is left is its number, which has the scalar's name."""
    full = Prediction(
        file="a.dcm", value=120.0, clip_values=(120.0,), clip_sd=None, clip_starts=(0,), warnings=(), notes=(),
        fps=50.0, num_frames=100, model="a model", beat=(0, 30), study="1", ids=DicomIds(),
        segmentation_ef_percent=50.0, segmentation_beats=1, segmentation_model="an outline",
    )  # fmt: skip
    assert full.to_dict().keys() - RESERVED_NAMES == {"ef_percent", "clip_ef_percent"}
    volume = replace(full, task="scalar", value_name="edv_ml", unit="mL", is_appraised=False)
    assert volume.to_dict().keys() - RESERVED_NAMES == {"edv_ml", "clip_edv_ml"}
    write_predictions_csv([full], tmp_path / "all.csv", has_ids=True, has_studies=True, has_beat=True)
    columns = set(pd.read_csv(tmp_path / "all.csv").columns)
    assert columns - RESERVED_NAMES == {"ef_percent", "clip_ef_percent"}
    assert set(Appraisal.told_parts()) <= RESERVED_NAMES
    assert {each.name for each in fields(StudyPrediction)} - RESERVED_NAMES == {"value_name", "words"}
    assert {each.name for each in fields(Neighbour)} <= RESERVED_NAMES


def test_words_of_a_task() -> None:
    volume = Scalar("edv_ml", "mL", 0, 500)
    assert [task.say(0.55) for task in (EF(), MI(), volume, Scalar("age"))] == ["0.6 %", "55.0 %", "0.6 mL", "0.6"]
    assert [task.output for task in (EF(), MI(), volume)] == [
        "predicted EF", "logit of a myocardial infarction", "predicted edv ml",
    ]  # fmt: skip
    assert [task.output_unit for task in (EF(), MI(), volume, Scalar("age"))] == ["EF points", "logits", "mL", "units"]
    assert EF().say_label(41.25) == "true EF 41.2 %"
    assert (MI().say_label(1), MI().say_label(0)) == ("with an infarction", "without an infarction")
    assert (EF().thresholds, volume.thresholds) == ((35, 40, 50), ())


def test_figures_of_a_video_have_the_names_of_its_task() -> None:
    """The link comes after the mean over the clips."""
    outputs = np.array([-1.0, 4.0])
    assert EF().figures(outputs) == {"ef_percent": 1.5, "clip_ef_percent": [-1.0, 4.0]}
    assert list(Scalar("edv_ml").figures(outputs)) == ["edv_ml", "clip_edv_ml"]
    found = MI().figures(outputs)
    assert list(found) == ["mi_probability", "clip_mi_probability", "mi_logit", "clip_mi_logit"]
    assert found["mi_probability"] == pytest.approx(expit(1.5))
    assert found["clip_mi_probability"] == pytest.approx(expit(outputs))
    assert (found["mi_logit"], found["clip_mi_logit"]) == (1.5, [-1.0, 4.0])

"""One page a patient shows what there is, and says what there is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coreecho.errors import RecipeError
from coreecho.inference import Prediction, PredictionFailure, Predictor
from coreecho.models.weights import load_model
from coreecho.report.outlines import Outlines, outline_frames
from coreecho.report.patient_clips import MOST_CLIPS, patient_clips
from coreecho.report.patient_page import PatientClip, write_patient_page
from coreecho.tasks import EF, MI, Task
from coreecho.training.run_folder import RunFolder
from coreecho.ventricle import Beats
from coreecho.ventricle.beats import Beat

PREDICTION = Prediction(
    file="folder/clip.dcm",
    value=47.6,
    clip_values=(44.0, 48.0, 50.8),
    clip_sd=3.4,
    clip_starts=(0, 7, 13),
    warnings=("the frame rate is far from the training's",),
    notes=("cropped to the sector",),
    fps=50.0,
    num_frames=100,
    model="a model",
)


class Calibrated(Prediction):
    """A prediction of a model that has a calibration."""

    def to_dict(self) -> dict[str, object]:
        return super().to_dict() | {
            "interval_low": 41.2,
            "interval_high": 54.9,
            "level": 0.9,
            "p_below_40": 0.03,
            "trust": "doubtful",
            "reasons": ["darker than the clips of the calibration"],
        }


def page_of(tmp_path: Path, *clips: PatientClip, task: Task | None = None) -> str:
    path = tmp_path / "page.html"
    write_patient_page(clips, path, model_name="a model", task=task or EF())
    return path.read_text(encoding="utf-8")


def test_a_number_alone_says_what_it_lacks(tmp_path: Path) -> None:
    page = page_of(tmp_path, PatientClip(result=PREDICTION, without=("No similar hearts: none are there.",)))
    for words in (
        "47.6 %",
        "No interval: this model has no calibration",
        "mildly abnormal",
        "ASE/EACVI 2015",
        "3 stretches of this clip gave 44.0 % to 50.8 %",
        "frame rate is far from",
        "cropped to the sector",
        "Nothing here outlines the left ventricle",
        "No similar hearts: none are there.",
        "two experts, biplane Simpson",
        "Not a medical device",
    ):
        assert words in page
    # The folder of a file may be a patient's name.
    assert "folder/" not in page
    assert "<script" not in page
    assert "<img" not in page


def test_an_interval_is_shown_where_there_is_one(tmp_path: Path) -> None:
    page = page_of(tmp_path, PatientClip(result=Calibrated(**vars(PREDICTION))))
    assert "41 to 55 % (90 % interval)" in page
    assert "3 % that it is below 40 %" in page
    assert "<strong>doubtful</strong>: darker than the clips of the calibration" in page
    assert "No interval" not in page


def test_beats_are_in_seconds(tmp_path: Path) -> None:
    beats = Beats(
        beats=(Beat(ed_frame=5, es_frame=20, edv=100.0, esv=45.0),),
        es_frames=(20, 70),
        contractions=np.array([12.0, 62.0]),
        rule="product",
        fps=50.0,
    )
    outlines = Outlines(masks=np.zeros((100, 8, 8), bool), source="a segmenter")
    page = page_of(tmp_path, PatientClip(result=PREDICTION, beats=beats, outlines=outlines))
    assert "<td>0.10 s</td><td>0.40 s</td><td>55 %</td>" in page
    assert "60 beats a minute" in page
    assert "outlines by a segmenter" in page


def test_a_failure_stands_among_the_others(tmp_path: Path) -> None:
    failed = PatientClip(result=PredictionFailure(file="a/still.dcm", error="a still picture"))
    page = page_of(tmp_path, PatientClip(result=PREDICTION), failed)
    assert "Ejection fraction of 2 clips" in page
    assert "No EF: a still picture" in page


def test_another_task_has_no_words_of_the_guideline(tmp_path: Path) -> None:
    found = replace(PREDICTION, task="mi", value_name="mi_probability", value=0.7, unit="", clip_sd=None)
    page = page_of(tmp_path, PatientClip(result=found), task=MI())
    assert "70.0 %" in page
    assert "ASE/EACVI" not in page
    assert "No interval" not in page


def test_an_outline_is_the_border_of_its_mask() -> None:
    mask = np.zeros((2, 9, 9), dtype=bool)
    mask[0, 2:7, 2:7] = True
    drawn = outline_frames(np.full((2, 9, 9, 3), 7, dtype=np.uint8), mask)
    is_drawn = (drawn != 7).any(axis=-1)
    assert is_drawn[0].sum() == 16
    assert not is_drawn[0, 3:6, 3:6].any()
    assert not is_drawn[1].any()
    with pytest.raises(ValueError, match="do not fit"):
        outline_frames(drawn, mask[:1])


def test_films_and_similar_hearts_of_a_run(run: RunFolder, tmp_path: Path) -> None:
    path = run.recordings("train")[0].path
    predictor = Predictor(load_model(run.path))
    results = list(Predictor(load_model(run.path), seconds_a_file=None).predict_many([path]))
    clips = patient_clips(results, predictor, run.path)
    page = page_of(tmp_path, *clips)
    assert page.count('class="moving"') == 1
    assert "Similar hearts" in page
    assert "This very clip is among the recordings that the model learned from" in page
    assert "Phantom results." in page
    without = page_of(tmp_path, *patient_clips(results, predictor, run.path, looks_for_similar=False))
    assert "Similar hearts were not looked for." in without


def test_a_page_is_of_one_patient(run: RunFolder) -> None:
    with pytest.raises(RecipeError, match="one page a patient"):
        patient_clips([PREDICTION] * (MOST_CLIPS + 1), Predictor(load_model(run.path)), run.path)

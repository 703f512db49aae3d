"""The EF of the outline beside a model's own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import coreecho
from coreecho.errors import CheckpointError, RecipeError
from coreecho.inference.files import PredictionFailure
from coreecho.inference.prediction import Prediction
from coreecho.inference.predictor import Predictor
from coreecho.models.echo_model import EchoModel
from coreecho.models.segmenter import load_segmenter
from coreecho.tasks import EF, MI
from coreecho.trust import ModelCalibration, calibrate, make_gate
from coreecho.ventricle import second_opinion
from coreecho.ventricle.gauging import gauge_segmentation
from coreecho.ventricle.second_opinion import beside, find_second_opinion, judged_by_outline, with_second_opinions
from coreecho.ventricle.segmentation import Segmentation


def prediction(ef_percent: float, file: str = "a") -> Prediction:
    return Prediction(
        file=file,
        value=ef_percent,
        clip_values=(ef_percent,),
        clip_sd=None,
        clip_starts=(0,),
        warnings=("one",),
        notes=(),
        fps=30.0,
        num_frames=68,
        model="m",
    )


def test_only_a_disagreement_of_more_than_ten_points_is_a_warning(
    bright_segmenter: Path, bright_heart: Callable[..., Any]
) -> None:
    found = coreecho.segment(bright_heart().frames, model=bright_segmenter, fps=30)
    outline = found.mean_ef_percent
    assert outline is not None
    for predicted, is_warned in ((outline + 9.9, False), (outline - 9.9, False), (outline + 10.1, True), (5.0, True)):
        seen = beside(prediction(predicted), found)
        assert (seen.segmentation_ef_percent, seen.segmentation_beats) == (outline, 3)
        assert seen.warnings[0] == "one"
        assert any("points away" in warning for warning in seen.warnings) is is_warned
        assert seen.ef_percent == predicted
        assert seen.to_dict()["segmentation_ef_percent"] == outline


def test_a_clip_without_a_beat_has_no_second_opinion(bright_segmenter: Path, bright_heart: Callable[..., Any]) -> None:
    found = coreecho.segment(bright_heart().frames[8:22], model=bright_segmenter, fps=30)
    seen = beside(prediction(50), found)
    assert seen.segmentation_ef_percent is None
    assert seen.segmentation_beats == 0
    assert any("no complete beat" in note for note in seen.notes)
    # Once is enough: the gate has said so.
    told = beside(replace(prediction(50), reason_codes=("no_segmentation_ef",)), found)
    assert not any("no complete beat" in note for note in told.notes)
    assert "segmentation_ef_percent" not in prediction(50).to_dict()


def test_another_number_is_left_as_it_is(bright_segmenter: Path, bright_heart: Callable[..., Any]) -> None:
    found = coreecho.segment(bright_heart().frames, model=bright_segmenter, fps=30)
    other = replace(prediction(0.4), value_name="mi_probability", is_appraised=False)
    assert beside(other, found) is other


def test_each_file_keeps_its_own(bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path) -> None:
    heart = bright_heart(beats=(16, 16))
    np.save(tmp_path / "a.npy", heart.frames)
    np.save(tmp_path / "b.npy", heart.frames[:5])
    paths = [tmp_path / "a.npy", tmp_path / "b.npy", tmp_path / "gone.npy"]
    predicted: list[Prediction | PredictionFailure] = [
        prediction(heart.ef_percent, str(paths[0])),
        prediction(50, str(paths[1])),
        PredictionFailure(file=str(paths[2]), error="no such file"),
    ]
    segmenter = load_segmenter(bright_segmenter)
    outlined: dict[str, Segmentation] = {}
    first, second, third = with_second_opinions(predicted, paths, segmenter, seconds_a_file=None, outlined=outlined)
    assert isinstance(first, Prediction)
    assert isinstance(second, Prediction)
    assert first.segmentation_ef_percent == pytest.approx(heart.ef_percent, abs=2)
    assert second.segmentation_ef_percent is None
    assert any("no EF by the outline: has 5 frames" in note for note in second.notes)
    assert third is predicted[2]
    # Whoever shows outlines need not look for them again.
    assert outlined.keys() == {str(paths[0])}
    assert outlined[str(paths[0])].mean_ef_percent == first.segmentation_ef_percent


def test_which_segmenter_is_asked(bright_segmenter: Path) -> None:
    assert find_second_opinion(bright_segmenter, "run", EF(), "cpu") is not None
    assert find_second_opinion(None, "runs/mine", EF(), "cpu") is None
    assert find_second_opinion("none", "default", EF(), "cpu") is None
    with pytest.raises(RecipeError, match="an outline gives an EF"):
        find_second_opinion(bright_segmenter, "run", MI(), "cpu")
    with pytest.raises(CheckpointError, match="no such file"):
        find_second_opinion("gone.safetensors", "run", EF(), "cpu")


def test_the_outline_has_its_say_in_trust(
    bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path
) -> None:
    heart = bright_heart()
    np.save(tmp_path / "a.npy", heart.frames)
    np.save(tmp_path / "b.npy", heart.frames[:5])
    segmenter = load_segmenter(bright_segmenter)
    intervals = calibrate([50.0] * 9, [51.0] * 9, calibrated_on="a test", is_phantom=True, model="m")
    gate = make_gate({"segmentation_disagreement": np.linspace(0, 10, 200)})
    calibrated = ModelCalibration(intervals=intervals, num_clips=1, gate=gate, outlined_by=segmenter.weights_sha256)
    paths = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for away, trust in ((2.0, "good"), (40.0, "outside")):
        read = [prediction(heart.ef_percent - away, str(path)) for path in paths]
        first, second = with_second_opinions(read, paths, segmenter, calibrated=calibrated, seconds_a_file=None)
        assert isinstance(first, Prediction)
        assert isinstance(second, Prediction)
        assert first.trust == trust
        assert len(first.reasons) == (trust != "good")
        assert set(first.reason_codes) <= {"segmentation_disagreement"}
        # What cannot be outlined does not pass.
        assert second.trust == "doubtful"
        assert second.reasons == ("no second EF to compare with: no complete beat could be outlined",)
        # Two numbers that disagree are another matter for who sorts clips by it.
        assert second.reason_codes == ("no_segmentation_ef",)


def test_a_disagreement_of_thirty_points_is_a_reason_also_where_many_disagree(
    bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path
) -> None:
    # A circle that beats: nothing but an outline that grows and shrinks.
    heart = bright_heart()
    np.save(tmp_path / "a.npy", heart.frames)
    segmenter = load_segmenter(bright_segmenter)
    intervals = calibrate([50.0] * 9, [51.0] * 9, calibrated_on="a test", is_phantom=True, model="m")
    gate = make_gate({"segmentation_disagreement": np.linspace(0, 40, 200)})
    calibrated = ModelCalibration(intervals=intervals, num_clips=1, gate=gate, outlined_by=segmenter.weights_sha256)
    read = [prediction(heart.ef_percent - 30, str(tmp_path / "a.npy"))]
    (seen,) = with_second_opinions(read, [tmp_path / "a.npy"], segmenter, calibrated=calibrated, seconds_a_file=None)
    assert isinstance(seen, Prediction)
    assert seen.trust == "doubtful"
    assert seen.doubt == pytest.approx(30 / 40, abs=0.1)
    assert "segmentation_disagreement" in seen.reason_codes
    assert any("outline's EF" in reason and "points away" in reason for reason in seen.reasons)
    assert any("points away" in warning for warning in seen.warnings)


@pytest.mark.parametrize(("away", "is_doubted"), [(9.5, False), (9.98, False), (10.2, True), (10.04, True)])
def test_one_rule_doubts_the_two_numbers_that_are_shown(
    bright_segmenter: Path,
    bright_heart: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    away: float,
    is_doubted: bool,
) -> None:
    """Whatever a gauge, which looks at some frames alone, makes of the outline."""
    file = tmp_path / "a.npy"
    np.save(file, bright_heart().frames)
    segmenter = load_segmenter(bright_segmenter)
    outline = coreecho.segment(file, model=bright_segmenter).mean_ef_percent
    assert outline is not None
    gauged_ef = outline + (-3 if is_doubted else 3)
    monkeypatch.setattr(
        second_opinion, "gauge_segmentation", lambda found: replace(gauge_segmentation(found), ef_percent=gauged_ef)
    )
    intervals = calibrate([50.0] * 9, [51.0] * 9, calibrated_on="a test", is_phantom=True, model="m")
    gate = make_gate({"segmentation_disagreement": np.linspace(0, 40, 200)})
    calibrated = ModelCalibration(intervals=intervals, num_clips=1, gate=gate, outlined_by=segmenter.weights_sha256)
    read = [prediction(outline - away, str(file))]
    (seen,) = with_second_opinions(read, [file], segmenter, calibrated=calibrated, seconds_a_file=None)
    assert isinstance(seen, Prediction)
    assert seen.trust == ("doubtful" if is_doubted else "good")
    for texts in (seen.reasons, seen.warnings):
        assert any(f"{away:g} points away" in text for text in texts) is is_doubted
    # What is watched for drift is what the gate was calibrated on.
    assert seen.measured["segmentation_disagreement"] == pytest.approx(gauged_ef - outline + away)


def test_whoever_asks_for_trust_is_told_the_same(
    bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path, model: EchoModel
) -> None:
    heart = bright_heart()
    np.save(tmp_path / "a.npy", heart.frames)
    segmenter = load_segmenter(bright_segmenter)
    intervals = calibrate([50.0] * 9, [51.0] * 9, calibrated_on="a test", is_phantom=True, model="m")
    gate = make_gate({"segmentation_disagreement": np.linspace(0, 1e-6, 200)})
    calibrated = ModelCalibration(intervals=intervals, num_clips=1, gate=gate, outlined_by=segmenter.weights_sha256)
    predictor = Predictor(model, calibration=calibrated)
    told = judged_by_outline(predictor, segmenter)(tmp_path / "a.npy")
    (beside_all,) = with_second_opinions(
        [predictor(tmp_path / "a.npy")], [tmp_path / "a.npy"], segmenter, calibrated=calibrated, seconds_a_file=None
    )
    assert told == beside_all
    assert told.reason_codes == ("segmentation_disagreement",)
    # Nothing is outlined for a calibration that asks for nothing.
    assert judged_by_outline(predictor, None) is predictor
    other = Predictor(model, calibration=replace(calibrated, outlined_by="others"))
    assert judged_by_outline(other, segmenter) is other

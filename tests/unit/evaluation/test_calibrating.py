from dataclasses import replace

import numpy as np
import pytest

from coreecho import Predictor
from coreecho.cli import options
from coreecho.cli.calibrate import calibrate as calibrate_command
from coreecho.cli.train import calibrate_run
from coreecho.errors import CalibrationError, DatasetError
from coreecho.evaluation import reasons
from coreecho.evaluation.calibrating import calibrate_subject, measure_gap
from coreecho.evaluation.measured_clips import Computing, measure_clips
from coreecho.evaluation.planted_shifts import HARMLESS_TO_EF, HIDING_EF, PLANTED
from coreecho.evaluation.predictions import evaluate_recordings
from coreecho.evaluation.reasons import Judged, error_ratio_of
from coreecho.inference.opening import open_subject
from coreecho.inference.shifted_frames import Shift
from coreecho.trust import (
    ModelCalibration,
    OutlineValues,
    calibrate,
    calibration_path,
    conformal_quantile,
    make_gate,
    picture_values,
    read_calibration,
    write_calibration,
)

CPU = Computing(device="cpu")


@pytest.fixture
def subject(run):
    return open_subject(run)


def test_errors_are_those_of_the_validation_split_and_the_file_says_so(subject):
    found = calibrate_subject(subject, level=0.6, clips=2, computing=CPU)
    table = evaluate_recordings(subject.model("cpu"), subject.store(), subject.recordings("val"), clips=2)
    errors = np.sort(table["ef_true"] - table["ef_predicted"])
    np.testing.assert_allclose(found.intervals.ranges[0].errors, errors, atol=1e-4)
    assert found.intervals.calibrated_on == "the VAL split of echonet"
    assert found.intervals.is_phantom
    assert found.intervals.model == subject.weights_sha256
    assert found.num_clips == 2
    # Twelve training recordings are too few to say where training clips lie.
    assert found.known is None
    names = {check.name for check in found.gate.checks}
    assert names >= {"contrast", "motion", "flicker", "frame_rate", "clip_disagreement", "copy_disagreement"}


def test_errors_may_be_measured_by_how_far_copies_are_read_from_a_clip(subject, run):
    found = calibrate_subject(subject, level=0.6, clips=2, method="normalised-by-copies", computing=CPU)
    measured = measure_clips(subject, subject.recordings("val"), clips=2, known=None, computing=CPU)
    apart = measured.values["copy_disagreement"]
    true, predicted = measured.predictions["ef_true"], measured.predictions["ef_predicted"]
    scaled = (true - predicted) / np.hypot(apart, found.intervals.spread_floor)
    np.testing.assert_allclose(found.intervals.ranges[0].errors, np.sort(scaled), atol=1e-4)
    assert (apart > 0).all()
    # A clip's own interval takes its own copies, whether or not a gate asks for them.
    write_calibration(calibration_path(run.best_weights), replace(found, gate=None))
    said = Predictor(run.path)(subject.recordings("val")[0].path)
    half = conformal_quantile(np.abs(scaled), 0.6) * np.hypot(
        said.measured["copy_disagreement"], found.intervals.spread_floor
    )
    assert said.interval_high == pytest.approx(min(100, said.ef_percent + half), abs=1e-2)


def test_too_few_recordings_are_told_what_is_needed(subject):
    with pytest.raises(CalibrationError, match=r"VAL split of echonet: 2 recordings cannot promise 90 %.*At least 9"):
        calibrate_subject(subject, computing=CPU)


def test_of_few_recordings_of_other_data_all_are_taken(run, truth_root):
    found = calibrate_subject(open_subject(run, data=truth_root), level=0.6, clips=1, computing=CPU)
    assert found.intervals.calibrated_on == "all recordings of a data set in the layout echonet"


def test_recordings_that_were_trained_on_are_refused_or_named(subject):
    with pytest.raises(CalibrationError, match="too small to promise"):
        calibrate_subject(subject, split="train", computing=CPU)
    with pytest.raises(DatasetError, match="was trained on 12 of the 16 recordings"):
        calibrate_subject(subject, split="all", computing=CPU)


def test_a_gap_is_measured_on_patients_alone(subject):
    sha = subject.weights_sha256
    intervals = calibrate([50.0] * 9, [51.0] * 9, calibrated_on="phantoms", is_phantom=True, model=sha)
    with pytest.raises(CalibrationError, match="these data are simulated"):
        measure_gap(subject, ModelCalibration(intervals=intervals, num_clips=3), computing=CPU)


def test_a_predictor_finds_the_calibration_of_its_own_weights_and_refuses_others(subject, run):
    video = next(iter(run.data.root.glob("Videos/*.avi")))
    assert "never calibrated" in Predictor(run.path)(video).interval_notes[0]
    path = calibration_path(run.best_weights)
    write_calibration(path, calibrate_subject(subject, level=0.6, computing=CPU))
    prediction = Predictor(run.path)(video)
    half = read_calibration(path).intervals.ranges[0].half_width(0.6)
    assert prediction.interval_high == pytest.approx(min(100, prediction.value + half))
    assert prediction.interval_low == pytest.approx(max(0, prediction.value - half))
    assert (prediction.level, prediction.method) == (0.6, "by-range")
    assert prediction.trust in ("good", "doubtful", "outside")
    assert len(prediction.clip_values) == 3
    assert "`--clips 3`" in Predictor(run.path, clips=1)(video).interval_notes[0]
    # The copies that the gate asks for change nothing of the number itself.
    path.rename(path.with_suffix(".old"))
    assert Predictor(run.path)(video).value == pytest.approx(prediction.value, abs=1e-4)
    path.with_suffix(".old").rename(path)
    run.best_weights.write_bytes(_other(run))
    with pytest.raises(CalibrationError, match="the calibration of other weights"):
        Predictor(run.path)


def test_copies_of_a_clip_that_is_too_short_for_the_model_are_those_of_the_calibration(subject, run, tmp_path):
    recording, length = subject.recordings("val")[0], subject.model_input.span - 3
    short = Shift(part=slice(0, length))
    measured = measure_clips(subject, [recording], clips=1, known=None, computing=CPU, shift=("short", short))
    intervals = calibrate([50.0] * 9, [51.0] * 9, calibrated_on="a test", is_phantom=True, model=subject.weights_sha256)
    gate = make_gate({"copy_disagreement": np.linspace(0, 10, 40)})
    predictor = Predictor(run.path, clips=1, calibration=ModelCalibration(intervals=intervals, num_clips=1, gate=gate))
    np.save(tmp_path / "short.npy", np.asarray(subject.store().frames(recording.id))[:length])
    seen = predictor(tmp_path / "short.npy")
    away = float(measured.values["copy_disagreement"][0])
    assert away > 0
    assert seen.measured["copy_disagreement"] == pytest.approx(away, abs=1e-3)


def _other(run):
    """The weights with their last number changed."""
    content = bytearray(run.best_weights.read_bytes())
    content[-1] ^= 1
    return bytes(content)


def test_the_command_writes_the_file_and_says_what_it_promises(run, capsys):
    assert calibrate_command(run.path, split="all", shown=options.TestedData(allow_overlap=True)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Calibrated on 16 simulated hearts" in said
    assert "on patients it promises nothing" in said
    assert read_calibration(calibration_path(run.best_weights)).intervals.calibrated_on.endswith(
        "(includes recordings the model was trained on: 12 of 16)"
    )
    assert "Calibrated before" in calibrate_run(run)


def test_a_training_whose_validation_is_too_small_ends_well_and_says_why(run):
    assert "Not calibrated" in calibrate_run(run)
    assert not calibration_path(run.best_weights).exists()


@pytest.mark.parametrize("name", PLANTED)
def test_planted_shifts_are_clips_of_the_same_size_and_always_the_same(subject, name):
    frames = subject.store().frames(subject.recordings("val")[0].id)
    shift = PLANTED[name]
    one, other = (shift(np.asarray(frames), np.random.default_rng(0)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.shape == (shift.num_frames(len(frames)), *frames.shape[1:])
    assert one.dtype == np.uint8
    assert not np.array_equal(one, frames)


def test_a_shift_says_how_many_frames_it_leaves_and_how_fast_they_come():
    halved, short = HARMLESS_TO_EF["every other frame, and its rate halved"], HIDING_EF["a quarter of a second"]
    assert (halved.num_frames(61), halved.fps(50.0), halved.fps(None)) == (31, 25.0, None)
    assert (short.num_frames(61), short.num_frames(5), short.fps(50.0)) == (12, 5, 50.0)


def test_a_still_that_sways_moves_less_than_a_heart_and_noise_flickers_more(subject):
    frames = np.asarray(subject.store().frames(subject.recordings("val")[0].id))
    sector = frames.max(axis=0) > 0
    flicker = picture_values(frames, sector)["flicker"]
    rng = np.random.default_rng(0)
    noisy = HARMLESS_TO_EF["noise of 30 grey levels"](frames, rng)
    swaying = HIDING_EF["a still made to move"](frames, rng)
    assert picture_values(noisy, sector)["flicker"] > flicker > picture_values(swaying, sector)["flicker"]


class Ruler:
    """Outlines nothing: each recording's ventricle takes a share that its frames tell."""

    frame_size = 32
    weights_sha256 = "lv"

    def __init__(self):
        self.seen = []

    def __call__(self, frames, fps):
        self.seen.append((frames.shape, fps, float(frames.mean())))
        share = float(frames.mean()) / 255
        return OutlineValues(num_beats=2, ef_percent=50, lv_unseen=0, lv_area=share, lv_cut=0, lv_pace=1)

    def save(self):
        self.is_saved = True


def test_the_gate_learns_outlines_of_recordings_and_of_their_planted_shifts(subject, monkeypatch):
    # A few faults, of hearts that are fewer than a ratio should be made of.
    monkeypatch.setattr(reasons, "_TRIED_AT_LEAST", 10)
    monkeypatch.setattr(reasons, "HARMLESS_TO_EF", {"gain x 0.4": HARMLESS_TO_EF["gain x 0.4"]})
    colour = "a colour box over the heart"
    monkeypatch.setattr(reasons, "HIDING_EF", {colour: HIDING_EF[colour]})
    ruler = Ruler()
    how = {"split": "all", "allow_overlap": True, "clips": 1, "computing": CPU}
    found = calibrate_subject(subject, outliner=ruler, **how)
    checks = {check.name: check for check in found.gate.checks}
    assert found.outlined_by == "lv"
    assert {"num_beats", "lv_unseen", "lv_area", "lv_cut", "lv_pace", "segmentation_disagreement"} <= set(checks)
    count = len(subject.all_recordings)
    # Each as it is, and in every shift, at the outliner's size; darker where the gain is less.
    assert len(ruler.seen) == 3 * count
    assert {shape[1:] for shape, _, _ in ruler.seen} == {(32, 32)}
    as_they_are = ruler.seen[:count]
    assert checks["lv_area"].values == tuple(sorted(mean / 255 for _, _, mean in as_they_are))
    darker = ruler.seen[count : 2 * count]
    assert max(mean for _, _, mean in darker) < min(mean for _, _, mean in as_they_are)
    assert ruler.is_saved
    # Every reason has a ratio, or words why it has none; colour was planted in each recording once.
    for check in checks.values():
        assert (check.error_ratio is None) != (check.no_ratio_because == "")
    assert checks["chroma"].error_ratio.num_flagged == count
    assert "2 planted faults" in checks["chroma"].error_ratio.on


def test_reasons_are_tried_on_recordings_of_their_own_and_not_on_a_few(subject):
    found = calibrate_subject(subject, level=0.6, clips=1, tried_on="test", computing=CPU)
    assert found.outlined_by is None
    assert {check.no_ratio_because for check in found.gate.checks} == {
        "it was tried on the TEST split: 2 recordings, and fewer than 30 say nothing"
    }


def test_a_ratio_compares_with_sound_clips_alone():
    errors = np.array([2.0] * 20 + [8.0] * 12 + [40.0] * 12)
    judged = Judged(
        errors=errors,
        is_flagged=errors == 8.0,
        recordings=tuple(str(number) for number in range(44)),
        is_sound=np.arange(44) < 20,
    )
    found = error_ratio_of(judged, "a test")
    # The faults that the check lets pass err by 40, and count neither for nor against it.
    assert (found.ratio, found.low, found.high) == (4.0, 4.0, 4.0)
    assert (found.num_flagged, found.num_others, found.on) == (12, 20, "a test")
    assert "was raised in 0 of 44" in error_ratio_of(replace(judged, is_flagged=np.zeros(44, dtype=bool)), "a test")


def test_recordings_that_are_not_outlined_are_not_asked_for_their_outline(subject):
    measured = measure_clips(
        subject, subject.recordings("val"), clips=1, known=None, computing=CPU, outliner=Ruler(), outlined_at_most=1
    )
    assert measured.is_outlined.sum() == 1
    intervals = calibrate([50.0] * 9, [51.0] * 9, calibrated_on="a test", is_phantom=True, model="m")
    gate = make_gate({"contrast": np.linspace(0, 1, 40), "lv_area": np.linspace(0, 1, 40)})
    calibrated = ModelCalibration(intervals=intervals, num_clips=1, gate=gate, outlined_by="lv")
    for number, is_outlined in enumerate(measured.is_outlined):
        verdict = measured.verdict(number, calibrated)
        assert [check.name for check in verdict.checks] == ["contrast", *(["lv_area"] if is_outlined else [])]
        assert verdict.trust == "good"


def test_phantoms_have_no_colour_and_a_store_of_before_is_asked_by_its_files(subject):
    recordings = subject.recordings("val")
    store = subject.store()
    assert [store.coloured(each.id) for each in recordings] == [0.0] * len(recordings)
    entries = store._index.entries
    store._index.entries = {name: replace(entry, coloured=None) for name, entry in entries.items()}
    measured = measure_clips(subject, recordings, clips=1, known=None, computing=CPU)
    store._index.entries = entries
    assert measured.values["chroma"].tolist() == [0.0] * len(recordings)

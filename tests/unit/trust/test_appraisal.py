import numpy as np
import pytest

from coreecho.tasks import EF
from coreecho.trust import USUAL_WORDS, Appraisal, ModelCalibration, appraise, appraise_outline, calibrate, make_gate
from coreecho.trust.appraisal import BY_NO_PATIENT, GOOD_PICTURE, OF_NO_PATIENT, OUTSIDE_NOTE


def calibrated(*, is_phantom=True, count=100, **settings):
    predicted = np.linspace(20, 70, count)
    errors = np.linspace(-10, 10, count)[np.random.default_rng(0).permutation(count)]
    intervals = calibrate(
        predicted + errors,
        predicted,
        calibrated_on="VAL split of a test",
        is_phantom=is_phantom,
        model="m",
        method=settings.pop("method", "absolute"),
        **settings,
    )
    gate = make_gate({"contrast": np.linspace(0.2, 0.3, 200)})
    return ModelCalibration(intervals=intervals, num_clips=3, gate=gate)


def seen(
    whole, *, ef_percent=50.0, num_clips=3, spread=1.0, is_phantom=True, contrast=0.25, learned_from_phantoms=False
):
    return appraise(
        whole,
        ef_percent=ef_percent,
        num_clips=num_clips,
        spread=spread,
        is_phantom=is_phantom,
        measured={"contrast": contrast, "frame_rate": 50.0},
        learned_from_phantoms=learned_from_phantoms,
    )


def test_a_clip_of_the_kind_that_was_calibrated_on_has_an_interval_probabilities_and_trust():
    found = seen(calibrated(), ef_percent=45.0)
    # The 91st of 100 absolute errors that lie evenly from 0 to 10, in pairs.
    assert found.interval_high - 45 == pytest.approx(45 - found.interval_low) == pytest.approx(9.19, abs=0.1)
    assert found.p_below_40 == pytest.approx(0.25, abs=0.02)
    assert found.p_below_50 == pytest.approx(0.75, abs=0.02)
    assert (found.level, found.method, found.trust, found.reasons) == (0.9, "absolute", "good", ())
    assert "by the errors of 100 simulated hearts (VAL split of a test), " in found.interval_notes[0]


def test_a_probability_that_speaks_against_the_number_beside_it_is_explained():
    predicted = np.linspace(20, 70, 100)
    # Read 4 points too high on average, and too low in 15 of 100.
    errors = np.linspace(-11.1, 2.0, 100)[np.random.default_rng(0).permutation(100)]
    how = {"calibrated_on": "a test", "is_phantom": True, "model": "m", "method": "absolute"}
    intervals = calibrate(predicted + errors, predicted, **how)
    gate = make_gate({"contrast": np.linspace(0.2, 0.3, 200)})
    whole = ModelCalibration(intervals=intervals, num_clips=3, gate=gate)
    found = seen(whole, ef_percent=52.0)
    assert found.p_below_50 > 0.5
    words = "the probabilities count that this model reads such hearts too high more often than not: 84 of 100"
    assert words in "; ".join(found.interval_notes)
    for plain in (seen(whole, ef_percent=60.0), seen(calibrated(), ef_percent=50.0)):
        assert not any("probabilities count" in note for note in plain.interval_notes)


def test_a_guideline_s_words_stand_beside_numbers_of_patients_alone():
    # The heart is simulated; the model has seen simulated ones only; neither.
    for whole in (calibrated(), None):
        of_phantom, by_phantoms = seen(whole), seen(whole, is_phantom=False, learned_from_phantoms=True)
        assert of_phantom.ef_words is by_phantoms.ef_words is None
        assert OF_NO_PATIENT in of_phantom.interval_notes
        assert BY_NO_PATIENT in by_phantoms.interval_notes
        assert seen(whole, is_phantom=False, ef_percent=45.0).ef_words == "mildly abnormal (ASE/EACVI 2015)"
    assert GOOD_PICTURE in seen(calibrated(), is_phantom=False, learned_from_phantoms=True).interval_notes
    doubted = seen(calibrated(), is_phantom=False, learned_from_phantoms=True, contrast=0.9)
    assert GOOD_PICTURE not in doubted.interval_notes


def test_the_gate_speaks_whether_there_is_an_interval_or_not():
    for whole, is_phantom in ((calibrated(), True), (calibrated(), False)):
        found = seen(whole, is_phantom=is_phantom, contrast=0.9)
        assert found.trust == "outside"
        assert found.reasons[0].startswith("contrast unusually high: 0.9 (usual 0.2 to 0.3)")
        # An interval of another kind of clips promises nothing of this one, and says so.
        assert (OUTSIDE_NOTE in found.interval_notes) is (found.interval_low is not None)
        assert OUTSIDE_NOTE not in seen(whole, is_phantom=is_phantom).interval_notes


def test_simulated_hearts_promise_nothing_of_patients_unless_the_gap_was_measured():
    whole = calibrated()
    found = seen(whole, is_phantom=False)
    assert found.interval_low is found.p_below_40 is found.level is None
    assert "simulated hearts" in found.interval_notes[0]
    assert found.trust == "good"
    measured = ModelCalibration(intervals=whole.intervals.widened(2.0, "on 40 clips of a clinic"), num_clips=3)
    wide, own = seen(measured, is_phantom=False), seen(measured, is_phantom=True)
    assert wide.interval_high - 50 == pytest.approx(2 * (own.interval_high - 50))
    assert own == seen(ModelCalibration(intervals=whole.intervals, num_clips=3))
    assert any("widened 2 times: on 40 clips of a clinic" in note for note in wide.interval_notes)


def test_real_hearts_need_no_widening():
    assert seen(calibrated(is_phantom=False), is_phantom=False).interval_low is not None


def test_no_interval_where_the_ground_is_another():
    assert "never calibrated" in seen(None).interval_notes[0]
    assert "`--clips 3`" in seen(calibrated(), num_clips=1, spread=None).interval_notes[0]
    normalised = calibrated(method="normalised", spread=np.ones(100))
    assert "needs the spread" in seen(normalised, spread=None).interval_notes[0]
    few = seen(calibrated(count=5))
    assert few.interval_low is None
    assert "At least 9 are needed" in few.interval_notes[0]


def test_an_impossible_ef_has_no_words():
    assert seen(calibrated(), ef_percent=104.0).ef_words is None


def test_an_outline_is_judged_where_the_calibration_knows_outlines_of_the_same_weights():
    plain = calibrated()
    gate = make_gate({"contrast": np.linspace(0.2, 0.3, 200), "lv_area": np.linspace(0.1, 0.2, 200)})
    whole = ModelCalibration(intervals=plain.intervals, num_clips=3, gate=gate, outlined_by="lv")
    found = seen(whole)
    assert (found.trust, found.reasons) == ("good", ())
    small = appraise_outline(found, whole, {"lv_area": 0.0}, "lv")
    assert small.trust == "outside"
    assert small.reasons[0].startswith("left ventricle unusually small: 0 % of the sector (usual 10 % or more)")
    assert (small.interval_low, small.measured["lv_area"]) == (found.interval_low, 0.0)
    assert (small.interval_notes, small.reason_notes) == ((*found.interval_notes, OUTSIDE_NOTE), (USUAL_WORDS,))
    assert appraise_outline(small, whole, {"lv_area": 0.0}, "lv").interval_notes == small.interval_notes
    assert appraise_outline(found, whole, {"lv_area": 0.15}, "lv").trust == "good"
    # A check that was asked must not pass because it did not run.
    assert appraise_outline(found, whole, {}, "lv").trust == "doubtful"
    for other, by in ((whole, "other"), (plain, "lv"), (None, "lv")):
        assert appraise_outline(found, other, {"lv_area": 0.0}, by) is found


def test_the_probabilities_are_of_the_thresholds_of_ef() -> None:
    """The entries bear their threshold's number, and so are found by it."""
    worth = Appraisal(p_below_40=0.2, p_below_50=0.7)
    assert worth.below == {40: 0.2, 50: 0.7}
    assert set(worth.below) < set(EF.thresholds)

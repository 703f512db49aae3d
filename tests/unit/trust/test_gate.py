import numpy as np
import pytest

from coreecho.errors import CalibrationError
from coreecho.shipped import default_weights
from coreecho.trust import (
    CHECKS,
    DISAGREEMENT_POINTS,
    ErrorRatio,
    Gate,
    calibration_path,
    make_gate,
    read_calibration,
)

# What the validation split shows, and values of a recording that are usual, rare and of another world, for each check.
# Of 200 recordings and one check, p-values of 0.05 and less are rare: the 9 highest, or 4 at either end.
USUAL = {
    "neighbour_distance": (np.linspace(1, 3, 200), 2.0, 2.99, 9.0),
    "class_distance": (np.linspace(10, 20, 200), 15.0, 19.95, 40.0),
    "frame_rate": (np.linspace(40, 60, 200), 50.0, 62.0, 20.0),
    "num_frames": (np.linspace(60, 240, 200), 150.0, 60.0, -500.0),
    "num_beats": (np.repeat([1.0, 2.0, 3.0], [4, 98, 98]), 2.0, 1.0, -2.0),
    "contrast": (np.linspace(0.2, 0.3, 200), 0.25, 0.31, 0.0),
    "chroma": (np.zeros(200), 0.001, 0.008, 0.2),
    "sector_area": (np.linspace(0.4, 0.5, 200), 0.45, 0.51, 1.0),
    "motion": (np.linspace(0.2, 0.4, 200), 0.3, 0.41, 0.0),
    "flicker": (np.linspace(0.3, 0.6, 200), 0.45, 0.63, 1.13),
    "deformation": (np.linspace(0.5, 1.0, 200), 0.75, 0.49, 0.1),
    "shaded": (np.linspace(0.3, 0.7, 200), 0.5, 0.29, 0.05),
    "sector_cut": (np.linspace(0.0, 0.1, 200), 0.05, 0.12, 0.6),
    "lv_cut": (np.linspace(0.0, 0.1, 200), 0.05, 0.12, 0.6),
    "lv_unseen": (np.repeat([0.0, 0.05, 0.1], [150, 44, 6]), 0.02, 0.15, 1.0),
    "lv_area": (np.linspace(0.1, 0.2, 200), 0.15, 0.095, -0.1),
    "lv_pace": (np.linspace(1.1, 2.1, 200), 1.6, 1.09, 0.5),
    "clip_disagreement": (np.linspace(0, 5, 200), 2.0, 5.2, 20.0),
    "copy_disagreement": (np.linspace(0, 5, 200), 2.0, 5.2, 20.0),
    "segmentation_disagreement": (np.linspace(0, 10, 200), 4.0, 11.0, 60.0),
}


def test_every_check_is_tested():
    assert set(USUAL) == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_tells_good_from_doubtful_from_outside(name):
    split, usual, rare, outside = USUAL[name]
    gate = make_gate({name: split})
    for value, trust in ((usual, "good"), (rare, "doubtful"), (outside, "outside")):
        verdict = gate.judge({name: value})
        assert verdict.trust == trust
        assert [check.name for check in verdict.reasons] == ([] if trust == "good" else [name])
    if CHECKS[name].side == "both":  # as far on the other side
        median = np.median(split)
        assert gate.judge({name: 2 * median - outside}).trust == "outside"


@pytest.mark.parametrize("name", [name for name, check in CHECKS.items() if check.side != "both"])
def test_what_is_strange_on_the_good_side_is_good(name):
    split, _, _, outside = USUAL[name]
    assert make_gate({name: split}).judge({name: 2 * np.median(split) - outside}).trust == "good"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_could_not_be_measured_is_doubtful(value):
    gate = make_gate({"frame_rate": USUAL["frame_rate"][0], "contrast": USUAL["contrast"][0]})
    for values in ({"frame_rate": value, "contrast": 0.25}, {"contrast": 0.25}):
        verdict = gate.judge(values)
        assert verdict.trust == "doubtful"
        assert verdict.reasons[0].words == "frame rate: could not be measured"
        assert verdict.reasons[0].to_dict()["value"] is None
        assert verdict.words == ("could not be measured: frame rate",)
    nothing = gate.judge({})
    assert nothing.words == ("could not be measured: frame rate, contrast",)


def test_no_more_recordings_like_the_split_are_flagged_than_promised():
    rng = np.random.default_rng(0)
    names = ["neighbour_distance", "frame_rate", "contrast", "clip_disagreement", "num_frames"]
    flagged = []
    for _ in range(60):
        values = dict(zip(names, np.exp(rng.normal(size=(5, 500))), strict=True))
        gate = make_gate({name: known[:450] for name, known in values.items()})
        flagged += [
            gate.judge({name: known[number] for name, known in values.items()}).trust != "good"
            for number in range(450, 500)
        ]
    assert gate.silent_checks == ()
    assert gate.flagged_at_most == pytest.approx(0.05)
    # 3,000 recordings: standard error 0.4 % or somewhat more, as 50 share a split.
    assert 0.02 < np.mean(flagged) <= 0.05 + 0.015


def test_a_small_split_cannot_doubt_and_says_so_but_sees_what_is_outside():
    gate = make_gate({"frame_rate": np.linspace(40, 60, 30), "contrast": np.linspace(0.2, 0.3, 200)})
    assert gate.silent_checks == ("frame_rate",)
    assert gate.flagged_at_most == pytest.approx(2 / 31 + 0.025)
    assert gate.judge({"frame_rate": 62.0, "contrast": 0.25}).trust == "good"
    assert gate.judge({"frame_rate": 20.0, "contrast": 0.25}).trust == "outside"


def test_one_check_decides_and_the_worst_reason_comes_first():
    gate = make_gate({name: split for name, (split, *_) in USUAL.items()}, doubted_share=0.4)
    values = {name: usual for name, (_, usual, _, _) in USUAL.items()}
    assert gate.judge(values).trust == "good"
    values["chroma"], values["neighbour_distance"] = 0.2, 2.999
    verdict = gate.judge(values)
    assert verdict.trust == "outside"
    assert [check.name for check in verdict.reasons] == ["chroma", "neighbour_distance"]
    assert len(verdict.checks) == len(CHECKS)


def test_what_is_not_outlined_is_not_asked_for_its_outline():
    gate = make_gate({name: split for name, (split, *_) in USUAL.items()})
    plain = gate.without_outline
    of_outline = {"num_beats", "lv_unseen", "lv_area", "lv_cut", "lv_pace", "segmentation_disagreement"}
    assert {check.name for check in gate.checks} - {check.name for check in plain.checks} == of_outline
    # Fewer checks share what may be doubted.
    assert plain.alpha * len(plain.checks) == pytest.approx(gate.alpha * len(gate.checks)) == pytest.approx(0.05)
    assert make_gate({"lv_area": USUAL["lv_area"][0]}).without_outline is None


def test_two_numbers_that_should_be_one_are_doubted_however_usual_that_is():
    gate = make_gate({"segmentation_disagreement": np.linspace(0, 40, 199), "contrast": np.linspace(0.2, 0.3, 199)})
    for away, trust in ((DISAGREEMENT_POINTS, "good"), (DISAGREEMENT_POINTS + 0.1, "doubtful"), (30.0, "doubtful")):
        verdict = gate.judge({"segmentation_disagreement": away, "contrast": 0.25})
        assert verdict.trust == trust
        assert [check.name for check in verdict.reasons] == ([] if trust == "good" else ["segmentation_disagreement"])
        words = "more than 10 is doubtful, even though up to 38 is usual"
        assert (words in " ".join(verdict.words)) is (trust != "good")
    assert (
        gate.judge({"segmentation_disagreement": 39.0, "contrast": 0.25})
        .words[0]
        .startswith("outline's EF 39 points away (usual up to 38);")
    )
    alone = gate.judge({"segmentation_disagreement": 30.0}).reasons
    assert [check.code for check in alone] == ["segmentation_disagreement", "contrast"]
    assert [check.code for check in gate.judge({"contrast": 0.25}).reasons] == ["no_segmentation_ef"]
    assert gate.judge({"contrast": 0.25}).words == ("no second EF to compare with: no complete beat could be outlined",)
    # Three quarters of the split disagree by more, and the gate says that it doubts as many.
    assert gate.flagged_at_most == pytest.approx(150 / 200 + 0.025)
    usual = make_gate({"segmentation_disagreement": np.linspace(0, 9, 199), "contrast": np.linspace(0.2, 0.3, 199)})
    assert usual.flagged_at_most == pytest.approx(0.05)


def test_the_doubt_is_that_of_the_first_check_that_tells_of_errors():
    split = np.linspace(0, 10, 99)
    gate = make_gate({"contrast": split, "clip_disagreement": split, "neighbour_distance": split})
    verdict = gate.judge({"contrast": 40.0, "clip_disagreement": 9.9, "neighbour_distance": 5.0})
    # Half of the split lies as far from the training recordings.
    assert verdict.doubt == pytest.approx(0.5, abs=0.02)
    assert gate.judge({"contrast": 4.0, "clip_disagreement": 1.0}).doubt == 1
    assert make_gate({"contrast": split}).judge({"contrast": 40.0}).doubt is None


def ratio(**changed):
    """Of a reason that was worth something."""
    known = {
        "ratio": 2.13,
        "low": 1.6,
        "high": 2.84,
        "level": 0.95,
        "num_flagged": 40,
        "num_others": 700,
        "on": "40 simulated hearts",
    }
    return ErrorRatio(**known | changed)


def test_words_tell_what_is_usual_and_what_a_reason_was_worth():
    gate = make_gate({"frame_rate": np.linspace(40, 60, 200), "chroma": np.zeros(200)})
    gate = gate.with_error_ratios({"frame_rate": ratio(), "chroma": "no clip had colour"})
    outside, plain = gate.judge({"frame_rate": 20.0, "chroma": 0.2}).checks
    assert outside.words == (
        "frame rate unusually low: 20 per second (usual 40 to 59); such clips err 2.1 times as much, on phantoms"
    )
    assert outside.to_dict()["error_ratio"]["num_flagged"] == 40
    assert plain.error_ratio is plain.to_dict()["error_ratio"] is None
    assert plain.words == (
        "coloured, as colour Doppler is: 20 % of the sector (usual none); how much more such clips err is not known"
    )
    verdict = gate.judge({"frame_rate": 20.0, "chroma": 0.0})
    assert verdict.footnotes[0] == "usual: as 95 % of the recordings are that the model was calibrated on"
    assert "measured on 40 simulated hearts, against sound clips" in verdict.footnotes[1]
    good = gate.judge({"frame_rate": 50.0, "chroma": 0.0})
    assert good.footnotes == ()
    assert good.checks[0].words == "frame rate: 50 (usual 40 to 59)"
    of_patients = gate.with_error_ratios({"frame_rate": ratio(on="40 recordings")}).judge(
        {"frame_rate": 63.0, "chroma": 0.0}
    )
    assert of_patients.reasons[0].words.startswith("frame rate unusually high: 63 per second")
    assert of_patients.reasons[0].words.endswith("such clips err 2.1 times as much")


@pytest.mark.parametrize(
    ("name", "values", "value", "words"),
    [
        ("sector_area", np.linspace(0.6, 0.7, 200), 0.32, "ultrasound sector unusually small: 32 % of the picture "),
        ("sector_area", np.linspace(0.6, 0.7, 200), 0.98, "ultrasound sector unusually large: 98 % of the picture "),
        ("num_frames", np.linspace(64, 240, 200), 23, "length at the training's frame rate: 23 frames, unusually few "),
        ("frame_rate", np.full(200, 48.0), 3, "frame rate unusually low: 3 per second (usual 48)"),
        ("segmentation_disagreement", np.linspace(0, 9, 200), 21, "outline's EF 21 points away (usual up to 8.5)"),
        ("deformation", np.linspace(0.5, 1, 200), 0.02, "hardly anything moves but the picture as a whole: "),
        ("shaded", np.linspace(0.3, 0.7, 200), 0.05, "one part of the sector is dull, as under a shadow: "),
    ],
)
def test_reasons_are_of_the_picture_and_the_heart(name, values, value, words):
    found = make_gate({name: values}).judge({name: value}).checks[0]
    assert found.words.startswith(words)


def test_a_value_beyond_its_limit_is_never_rounded_to_it():
    gate = make_gate({"segmentation_disagreement": np.linspace(0, 40, 199)})
    for away, told in ((10.3, "10.3"), (10.04, "10.04"), (12.3, "12")):
        words = gate.judge({"segmentation_disagreement": away}).words[0]
        assert words.startswith(f"outline's EF {told} points away: more than 10 is doubtful")


def test_a_ventricle_that_is_not_found_is_not_called_small_too():
    gate = make_gate({"lv_unseen": np.zeros(200), "lv_area": np.linspace(0.1, 0.2, 200)})
    assert [check.name for check in gate.judge({"lv_unseen": 1.0, "lv_area": 0.0}).reasons] == ["lv_unseen"]
    assert [check.name for check in gate.judge({"lv_unseen": 0.0, "lv_area": 0.0}).reasons] == ["lv_area"]
    # What is worse is not left out: it says why the clip is outside.
    wide = make_gate({"lv_unseen": np.linspace(0, 0.5, 200), "lv_area": np.linspace(0.1, 0.2, 200)})
    assert [check.name for check in wide.judge({"lv_unseen": 0.55, "lv_area": 0.0}).reasons] == ["lv_area", "lv_unseen"]


def test_a_value_is_told_with_the_digits_that_tell_it_from_what_is_usual():
    close = make_gate({"sector_cut": np.full(200, 0.101)}).judge({"sector_cut": 0.104}).checks[0]
    assert close.words == "share of the picture's edge at which the sector is cut off: 10.4 % (usual up to 10.1 %)"


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_every_strange_side_has_its_words(check):
    assert bool(check.if_low) == (check.side != "high")
    assert bool(check.if_high) == (check.side != "low")
    for words in filter(None, (check.if_low, check.if_high)):
        assert words.count("{}") == 1


@pytest.mark.parametrize(
    "wrong", [{"ratio": 3.0}, {"low": -0.1}, {"high": float("nan")}, {"num_flagged": 0}, {"num_others": 0}, {"on": " "}]
)
def test_a_ratio_that_cannot_be_is_refused(wrong):
    with pytest.raises(CalibrationError, match="error_ratio: expected"):
        ratio(**wrong)


def test_refuses_what_makes_no_sense():
    gate = make_gate({"contrast": [0.2, 0.3]})
    with pytest.raises(ValueError, match="no check named luck"):
        gate.judge({"luck": 1.0})
    with pytest.raises(CalibrationError, match="no check named 'luck'"):
        make_gate({"luck": [1.0]})
    with pytest.raises(ValueError, match="contrast: 1 of 2 values are not finite"):
        make_gate({"contrast": [1.0, np.nan]})
    with pytest.raises(CalibrationError, match="at least one"):
        Gate(checks=())


def test_every_reason_that_ships_says_what_it_is_worth_or_why_that_is_not_known():
    gate = read_calibration(calibration_path(default_weights())).gate
    known = {check.name: check.error_ratio for check in gate.checks if check.error_ratio is not None}
    unknown = {check.name: check.no_ratio_because for check in gate.checks if check.error_ratio is None}
    assert {"frame_rate", "num_frames", "chroma", "deformation", "shaded", "lv_pace", "lv_unseen", "lv_cut"} <= set(
        known
    )
    assert all("simulated hearts of the TEST split" in one.on and one.num_flagged >= 10 for one in known.values())
    assert all("was raised in" in words for words in unknown.values())
    # Each check can doubt something: the recordings are enough for their number.
    assert gate.silent_checks == ()

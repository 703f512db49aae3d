import json
from typing import Any

import pytest

from coreecho.inference import Prediction, PredictionFailure, combine_studies, with_studies
from coreecho.inference.studies import COPIES, NO_CLIP, NO_GATE, ONE_CLIP, STOPPED, VIEWS, WIDE
from coreecho.tasks import EF
from coreecho.video.dicom_ids import DicomIds


def clip(file: str, value: float, **changes: Any) -> Prediction:
    fields: dict[str, Any] = {
        "clip_values": (value,),
        "clip_sd": None,
        "clip_starts": (0,),
        "warnings": (),
        "notes": (),
    }
    return Prediction(file=file, value=value, fps=50.0, num_frames=90, model="a model", **(fields | changes))


def of_study(uid: str) -> DicomIds:
    return DicomIds(study_instance_uid=uid)


def test_the_number_of_an_examination_is_the_median_of_the_clips_that_the_gate_knows() -> None:
    results = [
        clip("exam/1.dcm", 61.0, trust="good"),
        clip("exam/2.dcm", 12.0, trust="outside"),
        clip("exam/3.dcm", 55.0, trust="good"),
        clip("exam/4.dcm", 30.0, trust="doubtful"),
        clip("exam/5.dcm", 59.0, trust="good"),
        PredictionFailure(file="exam/6.dcm", error="a still", is_refused=True),
        PredictionFailure(file="exam/7.dcm", error="cut off"),
    ]
    (study,) = combine_studies(results, has_ids=False)
    assert (study.study, study.value, study.lowest, study.highest) == ("exam", 59.0, 55.0, 61.0)
    assert study.sd == pytest.approx(3.0550505)
    assert study.files == ("exam/1.dcm", "exam/3.dcm", "exam/5.dcm")
    assert study.left_out == ("exam/2.dcm", "exam/4.dcm")
    assert (study.num_measured, study.num_refused, study.num_failed) == (5, 1, 1)
    assert study.words == (VIEWS,)
    assert json.loads(json.dumps(study.to_dict()))["ef_percent"] == 59.0


def test_without_a_gate_every_clip_counts_and_that_is_said() -> None:
    (study,) = combine_studies([clip("a.avi", 40.0), clip("b.avi", 60.0)], has_ids=False)
    # Two experts differ by up to 14 points.
    assert (study.study, study.value) == (".", 50.0)
    assert study.words == (NO_GATE, WIDE.format(20, 13.72))
    (close,) = combine_studies([clip("a.avi", 48.0), clip("b.avi", 60.0)], has_ids=False)
    assert close.words == (NO_GATE,)
    (single,) = combine_studies([clip("a.avi", 40.0)], has_ids=False)
    assert single.sd is None
    assert single.words == (NO_GATE, ONE_CLIP)


def test_what_speaks_against_every_clip_speaks_against_the_examination() -> None:
    of_all, of_one = "the model was trained on simulated hearts only", "short clip: 40 frames"
    clips = [clip("a.avi", 40.0, warnings=(of_all, of_one)), clip("b.avi", 41.0, warnings=(of_all,))]
    (study,) = combine_studies(clips, has_ids=False)
    assert study.words == (NO_GATE, of_all)


def test_an_examination_without_a_trusted_clip_has_no_number() -> None:
    results = [clip("a.avi", 40.0, trust="outside"), PredictionFailure(file="b.avi", error="cut off")]
    (study,) = combine_studies(results, has_ids=False)
    assert (study.value, study.lowest, study.files, study.words) == (None, None, (), (NO_CLIP,))
    (failed,) = combine_studies(results[1:], has_ids=False)
    assert (failed.value, failed.num_failed) == (None, 1)


def test_a_damaged_file_is_no_examination_of_its_own() -> None:
    damaged = PredictionFailure(file="day/0.dcm", error="cut off")
    results = [damaged, clip("day/1.dcm", 40.0, ids=of_study("1.2")), clip("day/2.dcm", 50.0, ids=of_study("1.2"))]
    (study,) = combine_studies(results, has_ids=True)
    assert (study.study, study.study_instance_uid, study.value, study.num_failed) == ("day", "1.2", 45.0, 1)
    assert [each.study for each in with_studies(results)] == ["day"] * 3
    # Of which of two it is, nobody knows.
    two = [*results, clip("day/3.dcm", 60.0, ids=of_study("1.3"))]
    assert [each.num_failed for each in combine_studies(two, has_ids=False)] == [0, 0]
    assert with_studies(two)[0].study is None
    # A folder without identifiers is one examination, whatever lies in it.
    (folder,) = combine_studies([damaged, clip("day/4.avi", 60.0)], has_ids=False)
    assert (folder.study, folder.num_failed) == ("day", 1)


def test_examinations_are_told_by_their_uid_and_else_by_their_folder() -> None:
    results = [
        clip("day/1.dcm", 40.0, ids=of_study("1.2")),
        clip("day/2.dcm", 50.0, ids=of_study("1.3")),
        clip("day/deep/3.dcm", 60.0, ids=of_study("1.2")),
        clip("day/4.avi", 70.0),
        PredictionFailure(file="other/5.dcm", error="a still", is_refused=True, ids=of_study("1.3")),
    ]
    studies = combine_studies(results, has_ids=True)
    assert [study.value for study in studies] == [50.0, 50.0, 70.0]
    assert [study.study_instance_uid for study in studies] == ["1.2", "1.3", ""]
    # One name each, though the folder is the same.
    assert [study.study for study in studies] == ["day (1)", ".", "day (2)"]
    # From each file to its examination.
    names = ["day (1)", ".", "day (1)", "day (2)", "."]
    assert [result.to_dict()["study"] for result in with_studies(results)] == names
    assert all("study_instance_uid" not in study.to_dict() for study in combine_studies(results, has_ids=False))


def test_copies_of_a_clip_count_once_in_one_examination() -> None:
    first, second = (DicomIds(study_instance_uid="1.2", sop_instance_uid=sop) for sop in ("1.2.1", "1.2.2"))
    results = [
        PredictionFailure(file="day/cut.dcm", error="cut off", ids=first),
        clip("day/a.dcm", 40.0, ids=first),
        clip("day/copy.dcm", 40.0, ids=first),
        clip("day/b.dcm", 50.0, ids=second),
        # Of another examination, and of none that says: no copies.
        clip("other/a.dcm", 60.0, ids=DicomIds(study_instance_uid="1.3", sop_instance_uid="1.2.1")),
        clip("flat/1.avi", 61.0),
        clip("flat/2.avi", 61.0),
    ]
    study, other, flat = combine_studies(results, has_ids=False)
    assert (study.value, study.files, study.num_measured) == (45.0, ("day/a.dcm", "day/b.dcm"), 2)
    assert (study.num_failed, study.num_copies) == (0, 2)
    assert COPIES.format(2) in study.words
    assert (other.value, other.num_copies, len(flat.files)) == (60.0, 0, 2)


def test_a_stopped_run_is_said_of_the_examinations_that_may_lack_clips() -> None:
    results = [clip("a/1.avi", 40.0), clip("b/1.avi", 40.0), clip("c/1.dcm", 40.0, ids=of_study("1.2"))]
    whole, cut, unknown = combine_studies(results, has_ids=False, not_reached=["b/2.avi"])
    assert [STOPPED in study.words for study in (whole, cut, unknown)] == [False, True, True]


def test_the_names_in_documents_are_those_of_the_table_and_always_there() -> None:
    (failed,) = combine_studies([PredictionFailure(file="a.avi", error="cut off")], has_ids=False, task=EF())
    entries = failed.to_dict()
    assert (entries["ef_percent"], entries["unit"], entries["notes"]) == (None, "%", [NO_CLIP])
    assert "words" not in entries
    # Named from the root on and not, they have no folder in common.
    mixed = [clip(file, 40.0, ids=of_study("1.2")) for file in ("/day/1.dcm", "day/2.dcm")]
    assert [study.study for study in combine_studies(mixed, has_ids=False)] == ["/day"]

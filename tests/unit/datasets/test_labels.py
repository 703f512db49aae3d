from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from coreecho.datasets import Recording, check_labels, fault_of_labels, scaled
from coreecho.datasets.doctor import examine
from coreecho.datasets.labels import odd_among, odd_labels
from coreecho.datasets.survey import Recordings
from coreecho.errors import DatasetError
from coreecho.phantom.avi import write_mjpeg_avi
from coreecho.tasks import Scalar


def recordings(*efs: float, edv_ml: float | None = None) -> list[Recording]:
    return [
        Recording(id=str(place), path=Path("x"), ef_percent=ef, edv_ml=edv_ml, labels={"gls": -0.2})
        for place, ef in enumerate(efs)
    ]


def test_fractions_are_refused_and_scaled() -> None:
    fractions = Recordings(recordings(0.62, 0.55, 0.41), {"x": ["gone"]}, ["a remark"])
    with pytest.raises(DatasetError, match=r"these are fractions.*--label-scale 100"):
        check_labels(fractions)
    percent = scaled(fractions, 100)
    assert [recording.ef_percent for recording in percent] == [62, 55, 41]
    assert (percent.left_out, percent.remarks) == ({"x": ("gone",)}, ("a remark",))
    check_labels(percent)
    assert fault_of_labels(recordings()) is None


def test_any_label_can_be_scaled() -> None:
    (litres,) = scaled(recordings(50, edv_ml=0.12), 1000, "edv_ml")
    assert (litres.edv_ml, litres.ef_percent) == (120, 50)
    (strain,) = scaled(recordings(50), 100, "gls")
    assert strain.labels == {"gls": -20}
    check_labels([strain], Scalar("gls", "%", -40, 0))
    assert scaled(recordings(50), 100, "age")[0].labels == {"gls": -0.2}
    assert scaled(recordings(50), 1, "has_mi") == recordings(50)
    with pytest.raises(DatasetError, match="a label on a scale"):
        scaled(recordings(50), 100, "has_mi")
    for scale in (0, -1, float("nan"), float("inf")):
        with pytest.raises(DatasetError, match="expected a number above 0"):
            scaled(recordings(50), scale)


def test_other_units_and_lone_fractions_are_seen() -> None:
    kinds = [odd.kind for odd in odd_labels(recordings(50, 60, edv_ml=0.1))]
    assert kinds == ["volumes in another unit than mL"]
    assert "cubic millimetres" in odd_labels(recordings(50, 60, edv_ml=82_000))[0][1]
    ((kind, case, _),) = odd_labels(recordings(50, 0.6, 55))
    assert "at most 1 %" in kind
    assert case == "1: 0.6"
    assert [odd.about for odd in odd_among(recordings(50, 0.6, 55))] == ["1"]
    assert odd_among(recordings(0.5, 0.6, 55)) == [], "where most are fractions, all are doubtful"
    assert odd_labels(recordings(50, 60, edv_ml=82)) == []


def test_the_doctor_says_so_of_every_layout(tmp_path: Path, write_camus: Callable[..., Path]) -> None:
    changes = {(number, "EF"): f"0.{40 + number}" for number in (1, 2, 3)}
    root = write_camus(tmp_path / "camus", changes=changes)
    (found,) = examine("camus", root, is_own_data=True, workers=1).faults["sets of labels in another unit"]
    assert "--label-scale 100" in found
    assert examine("camus", root, is_own_data=True, label_scale=100, workers=1).is_clean


def test_the_doctor_says_so_of_tables(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", rng.integers(0, 255, (4, 112, 112), dtype=np.uint8))
    (tmp_path / "recordings.csv").write_text("path,ef_percent\na.npy,0.62\nb.npy,0.5\nc.npy,0.33\n")
    assert list(examine("table", tmp_path, workers=1).faults) == ["sets of labels in another unit"]
    assert examine("table", tmp_path, label_scale=100, workers=1).is_clean


def test_a_table_of_simulated_hearts_needs_no_card(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "abc":
        write_mjpeg_avi(tmp_path / f"{name}.avi", rng.integers(0, 255, (8, 112, 112), dtype=np.uint8), 50.0)
    (tmp_path / "recordings.csv").write_text("path,ef_percent\na.avi,62\nb.avi,50\nc.avi,33\n")
    examination = examine("table", tmp_path, workers=1)
    assert examination.is_clean
    assert examination.is_phantom
    assert "simulated" in " ".join(examination.remarks)


def test_an_impossible_frame_rate_is_a_fault(tmp_path: Path, write_camus: Callable[..., Path]) -> None:
    root = write_camus(tmp_path, changes={(1, "FrameRate"): 0.02})
    kind = "recordings with an impossible frame rate (expected frames per second; seconds per frame?)"
    assert examine("camus", root, is_own_data=True, workers=1).faults[kind] == (
        ["patient0001_4CH: 0.02", "patient0001_2CH: 0.02"]
    )


@pytest.mark.parametrize("rate", [0, -50, "fast"])
def test_a_frame_rate_that_cannot_be_is_a_fault_of_camus(
    tmp_path: Path, write_camus: Callable[..., Path], rate: object
) -> None:
    found = examine("camus", write_camus(tmp_path, changes={(1, "FrameRate"): rate}), is_own_data=True).faults
    cases = found["wrong values in Info files"]
    assert len(cases) == 2, "one for each view"
    assert all(f"FrameRate is '{rate}'" in case for case in cases)

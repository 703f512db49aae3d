"""The doctor on the other layouts: clean trees, and the faults that only they can have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io

from coreecho.datasets.doctor import Examination, examine

TreeWriter = Callable[..., Path]
CONTOURS = "contours that are missing or cannot be read"
UNREADABLE = "clips that cannot be read, are cut off or damaged"


def check(dataset: str, root: Path) -> Examination:
    return examine(dataset, root, is_own_data=True, workers=1)


@pytest.mark.parametrize("release", ["nifti", "mhd"])
def test_camus(tmp_path: Path, write_camus: TreeWriter, release: str) -> None:
    examination = check("camus", write_camus(tmp_path, release=release, backward=[2]))
    assert examination.faults == {}
    assert examination.counts["all"] == 6
    assert examination.counts["A2C"] == 3
    remarks = " ".join(examination.remarks)
    assert "In 2 clips ES comes before ED, and frames are turned round: patient0002_4CH, patient0002_2CH." in remarks
    assert "The EF is that of the CAMUS" in remarks


def test_camus_faults(tmp_path: Path, write_camus: TreeWriter) -> None:
    write_camus(tmp_path, changes={(3, "NbFrame"): 50, (3, "ES"): 50})
    first = tmp_path / "database_nifti" / "patient0001"
    (first / "patient0001_4CH_ED_gt.nii.gz").unlink()
    (first / "patient0001_4CH_ES_gt.nii.gz").write_bytes(b"\x1f\x8bnot gzip")
    clip = first / "patient0001_2CH_half_sequence.nii.gz"
    clip.write_bytes(clip.read_bytes()[:-100])
    faults = check("camus", tmp_path).faults
    assert faults[CONTOURS][0] == "database_nifti/patient0001/patient0001_4CH_ED_gt.nii.gz: missing"
    assert "patient0001_4CH_ES_gt.nii.gz: damaged" in faults[CONTOURS][1]
    assert len(faults[CONTOURS]) == 2
    assert "patient0001_2CH_half_sequence.nii.gz" in faults[UNREADABLE][0]
    assert faults["clips with other than the declared number of frames"] == [
        "patient0003_4CH: 50 declared, 15 decoded",
        "patient0003_2CH: 50 declared, 15 decoded",
    ]
    assert "patient0003_2CH: frames 1 to 50, of 15" in faults["beats beyond the end of their clips"]


def test_camus_counts_are_compared(tmp_path: Path, write_camus: TreeWriter) -> None:
    faults = examine("camus", write_camus(tmp_path), workers=1).faults
    (case,) = faults["counts other than the published (for data of your own in this layout: --own-data)"]
    assert case == "all: 6 recordings, 1000 published"


def test_hmc_qu(tmp_path: Path, write_hmc_qu: TreeWriter, hmc_rows: Callable[..., list[Any]]) -> None:
    write_hmc_qu(tmp_path, hmc_rows(6))
    write_hmc_qu(tmp_path, hmc_rows(6, "2CH"), view="A2C")
    examination = check("hmc-qu", tmp_path)
    assert examination.faults == {}
    assert examination.counts["A4C"] == 6
    assert examination.counts["A2C"] == 6


def test_hmc_qu_faults(tmp_path: Path, write_hmc_qu: TreeWriter, hmc_rows: Callable[..., list[Any]]) -> None:
    rows = hmc_rows(8)
    rows[0] = (rows[0][0], rows[0][1], 2, 40, "ü")
    write_hmc_qu(tmp_path, rows)
    masks = tmp_path / "LV Ground-truth Segmentation Masks"
    (masks / f"Mask_{rows[0][0]}.mat").unlink()
    (masks / f"Mask_{rows[1][0]}.mat").write_bytes(b"MATLAB 5.0 but not quite" * 20)
    scipy.io.savemat(masks / f"Mask_{rows[2][0]}.mat", {"other": np.ones(3)})
    scipy.io.savemat(masks / f"Mask_{rows[4][0]}.mat", {"predicted": np.full((2, 3, 3), 7)})
    (tmp_path / "A4C" / "unlisted.avi").write_bytes((tmp_path / "A4C" / f"{rows[7][0]}.avi").read_bytes())
    faults = check("hmc-qu", tmp_path).faults
    assert faults["beats beyond the end of their clips"] == [f"{rows[0][0]}: frames 2 to 40, of 14"]
    assert faults["clips that A4C.xlsx does not name"] == ["A4C/unlisted.avi"]
    missing, damaged, empty, odd = faults[CONTOURS]
    assert missing.endswith(f"Mask_{rows[0][0]}.mat: missing")
    assert "cannot be read as a MATLAB file" in damaged
    assert "holds no masks (F, H, W) under 'predicted'" in empty
    assert "its masks hold other values than 0 and 1" in odd


def test_pediatric(tmp_path: Path, write_pediatric: TreeWriter) -> None:
    examination = check("echonet-pediatric", write_pediatric(tmp_path, views=["A4C"]))
    assert examination.faults == {}
    assert examination.counts["fold 3"] == 1
    table = tmp_path / "A4C" / "VolumeTracings.csv"
    table.write_text(table.read_text().replace("CRA4C004", "CRGHOST"))
    examination = check("echonet-pediatric", tmp_path)
    assert examination.faults == {"tracings without a video": ["A4C/VolumeTracings.csv: CRGHOST"]}
    assert "A4C: no tracings of 1 video." in examination.remarks


def test_a_table_with_a_patient_in_two_splits(tmp_path: Path) -> None:
    for number in range(4):
        frames = np.random.default_rng(number).integers(0, 256, (5, 8, 8), dtype=np.uint8)
        np.save(tmp_path / f"{number}.npy", frames)
    table = pd.DataFrame({"path": [f"{number}.npy" for number in range(4)], "label": 50})
    table.assign(patient=["P1", "P1", "P2", "P3"], split="train").to_csv(tmp_path / "recordings.csv")
    assert check("table", tmp_path).faults == {}
    table.assign(patient=["P1", "P1", "P2", "P3"], split=["train", "test", "val", "val"]).to_csv(
        tmp_path / "recordings.csv"
    )
    faults = check("table", tmp_path / "recordings.csv").faults
    assert faults == {"patients in two splits or folds": ["patient P1 is in splits train (0.npy), test (1.npy)"]}
    assert not (tmp_path / "recordings.splits.csv").exists(), "the doctor changes nothing"

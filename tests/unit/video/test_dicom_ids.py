from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file

from coreecho.video.dicom_ids import DicomIds, read_ids
from coreecho.video.dicom_series import Series


def test_identifiers_and_nothing_else_are_read(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(str(get_testdata_file("examples_rgb_color.dcm")))
    dataset.PatientName = "Doe^Jane"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = "1.2.1", "1.2.2", "1.2.3"
    dataset.AccessionNumber = "A\x1b[31m7"
    dataset.save_as(tmp_path / "a")
    found = read_ids(tmp_path / "a")
    assert found == DicomIds(
        study_instance_uid="1.2.1",
        series_instance_uid="1.2.2",
        sop_instance_uid="1.2.3",
        accession_number=r"A\x1b[31m7",
    )
    assert read_ids(Series((tmp_path / "a", tmp_path / "b"))) == found
    del dataset.AccessionNumber
    dataset.save_as(tmp_path / "b")
    assert read_ids(tmp_path / "b") == DicomIds(
        study_instance_uid="1.2.1", series_instance_uid="1.2.2", sop_instance_uid="1.2.3"
    )


def test_what_is_no_dicom_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.avi").write_bytes(b"RIFF" + bytes(200))
    (tmp_path / "cut.dcm").write_bytes(bytes(128) + b"DICM\x02\x00")
    assert read_ids(tmp_path / "a.avi") is None
    assert read_ids(tmp_path / "gone") is None
    assert read_ids(tmp_path / "cut.dcm") in (None, DicomIds())

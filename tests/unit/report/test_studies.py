"""The table of examinations, for people and for spreadsheets."""

import io
from pathlib import Path

import pandas as pd
from rich.console import Console

from coreecho.inference import Prediction, combine_studies
from coreecho.report.studies import studies_table, write_studies_csv
from coreecho.tasks import EF
from coreecho.video.dicom_ids import DicomIds


def clip(file: str, value: float, study: str, trust: str) -> Prediction:
    return Prediction(
        file=file,
        value=value,
        clip_values=(value,),
        clip_sd=None,
        clip_starts=(0,),
        warnings=(),
        notes=(),
        fps=50.0,
        num_frames=90,
        model="a model",
        trust=trust,
        ids=DicomIds(study_instance_uid=study),
    )


def test_numbered_examinations_of_a_folder_name_their_files_and_their_span_is_no_interval(tmp_path: Path) -> None:
    """`exam (1)` alone leads to no file."""
    clips = [
        clip("exam/a.dcm", 58.3, "1.1", "good"),
        clip("exam/b.dcm", 67.0, "1.1", "good"),
        clip("exam/c.dcm", 30.0, "1.1", "doubtful"),
        clip("exam/d.dcm", 41.0, "1.2", "good"),
    ]
    studies = combine_studies(clips, has_ids=False)
    console = Console(file=io.StringIO(), width=80)
    console.print(studies_table(studies, EF()))
    text = console.file.getvalue()
    assert "exam (1): used a.dcm, b.dcm; left out c.dcm" in text
    assert "exam (2): used d.dcm" in text
    assert "no interval, and their median has none." in " ".join(text.split())
    write_studies_csv(studies, tmp_path / "studies.csv", task=EF())
    table = pd.read_csv(tmp_path / "studies.csv", keep_default_na=False)
    assert table["left_out"].tolist() == ["exam/c.dcm", ""]

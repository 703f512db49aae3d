"""Which examination a DICOM clip belongs to: read only where it is asked for, since it may name a patient."""

from dataclasses import dataclass
from pathlib import Path

from coreecho.errors import log_unforeseen
from coreecho.names import readable
from coreecho.video.dicom import open_dicom
from coreecho.video.dicom_series import Series
from coreecho.video.reading import ClipPath, begins_like_dicom
from coreecho.video.silence import silent_readers

_HEAD_BYTES = 132
_MARK = slice(128, 132)
_KEYWORDS = {
    "study_instance_uid": "StudyInstanceUID",
    "series_instance_uid": "SeriesInstanceUID",
    "sop_instance_uid": "SOPInstanceUID",
    "accession_number": "AccessionNumber",
}
# Of a unique identifier (PS3.5); an accession number has 16.
_MAX_LETTERS = 64


@dataclass(frozen=True, kw_only=True)
class DicomIds:
    """What an archive knows a clip by; empty where the file does not say.

    Attributes:
        study_instance_uid: of the examination.
        series_instance_uid: of the series in it.
        sop_instance_uid: of the file; of a series of single frames, of the first.
        accession_number: of the order.
    """

    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""
    accession_number: str = ""

    def to_dict(self) -> dict[str, str]:
        """By column."""
        return dict(vars(self))


ID_COLUMNS = tuple(_KEYWORDS)


def read_ids(path: ClipPath) -> DicomIds | None:
    """Read the identifiers of a clip, and nothing else of it; None where it is no readable DICOM file."""
    file = path.files[0] if isinstance(path, Series) else Path(path)
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
        if head[_MARK] != b"DICM" and not begins_like_dicom(head):
            return None
        with silent_readers():
            instance = open_dicom(file, str(file), has_pixels=False)
            return DicomIds(**{name: _text(instance.get(keyword)) for name, keyword in _KEYWORDS.items()})
    # A damaged header has no identifiers; that it is damaged is said where the clip is read.
    except Exception as error:
        log_unforeseen(error, "the identifiers of a file")
        return None


def _text(value: object) -> str:
    return "" if value is None else readable(str(value)[:_MAX_LETTERS])

"""DICOM clips: what may be read, and what must be refused.

What scanners write is not always true; the comments say which claims are believed and which are checked against the
pixels. Nothing of the patient's data is read, and no message or note carries any.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from coreecho.errors import UnsuitableError, VideoError, is_foreign_panic
from coreecho.video.decoded import Decoded
from coreecho.video.dicom_frames import SeriesFrames, StoredFrames, count_frames
from coreecho.video.dicom_pixels import DicomFrames, decode
from coreecho.video.dicom_regions import Box, fitting_region, pixel_aspect, pixel_mm, tissue_boxes
from coreecho.video.dicom_time import frame_times
from coreecho.video.dicom_video import decode_video, is_video
from coreecho.video.geometry import believed_aspect
from coreecho.video.limits import check_size
from coreecho.video.video import MIN_WHITE

# pydicom's warnings quote the values that they complain about, which may name a patient.
warnings.filterwarnings("ignore", module=r"pydicom\.")

# The group of a DICOM file that names its coding comes first and is far smaller.
_HEAD_BYTES = 4096
# The head of an element or of a sequence's item: tag, representation, length.
_MAX_HEAD_BYTES = 12
# The tag of the pixels, in either order of bytes.
_PIXELS = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")
_SEARCHED_BYTES = 8192
# Clips have some hundred elements, with a scanner's private ones some thousand; this many are read in seconds.
_MAX_HEADS = 100_000
# Uncompressed pixels above this are left in their file, and frames are read one at a time; compressed ones cannot be.
_DEFERRED_BYTES = 64 * 1024**2
_MAX_COMPRESSED_BYTES = 512 * 1024**2
_COMPRESSED = (b"1.2.840.10008.1.2.4.", b"1.2.840.10008.1.2.5")
# Of compressed pixels, which lie in items.
_UNDEFINED_LENGTH = 0xFFFF_FFFF
# A region takes about 500 bytes.
_MAX_REGION_BYTES = 64 * 1024


def read_dicom(path: Path, source: str) -> tuple[Decoded, Box | None]:
    """Read an ultrasound clip from a DICOM file.

    Args:
        path: the file.
        source: the path as it was given, for messages.

    Returns:
        The clip as stored, and the rows and columns in which the file says that its tissue lies.

    Raises:
        VideoError: damaged, not ultrasound, a still, several sectors, or a codec is missing.
    """
    with named_damage(source):
        instance = open_dicom(path, source)
        refuse_no_clip(instance, source)
        declared = instance.get("NumberOfFrames")
        num_frames = count_frames(instance)
        if num_frames > 1 and num_frames != declared:
            instance.NumberOfFrames = num_frames
        if num_frames < 2:
            raise UnsuitableError(
                f"{source}: a still: it has one frame. An EF takes a clip of a beating heart. Where a clip lies as "
                "single frames, one a file, `coreecho predict FOLDER --series` reads them as one."
            )
        return decode_dicom(instance, None, source, path)


@contextmanager
def named_damage(source: str) -> Iterator[None]:
    """Turn whatever pydicom and the codecs end in on a damaged or hostile file into a VideoError.

    pydicom converts values when they are first looked at. Only the kind of error is told: its text may quote a value,
    such as a patient's name.
    """
    try:
        yield
    except VideoError:
        raise
    except BaseException as error:
        # One of the decoders is written in Rust.
        if not isinstance(error, Exception) and not is_foreign_panic(error):
            raise
        raise VideoError(
            f"{source}: this DICOM file is damaged or not well formed ({type(error).__name__}). "
            "Export it again from the archive or the scanner."
        ) from error


def decode_dicom(
    instance: Dataset, others: Sequence[Dataset] | None, source: str, path: Path | None = None
) -> tuple[Decoded, Box | None]:
    """Decode a file that may be read, or a series of them: as `read_dicom`.

    Args:
        instance: the clip, or the first frame of a series.
        others: all frames of a series, the first one too; None for a clip.
        source: the path as it was given, for messages.
        path: of the clip, from which large pixels are read as they are needed.
    """
    boxes = tissue_boxes(instance, source)
    height, width = int(instance.Rows), int(instance.Columns)
    num_frames = len(others) if others is not None else int(instance.NumberOfFrames)
    check_size(source, num_frames, height, width)
    fps, times_ms, notes = frame_times(instance, num_frames)
    aspect, aspect_notes = believed_aspect(pixel_aspect(instance))
    if others is None and is_video(instance):
        video = decode_video(instance, source)
        pixels = DicomFrames(video.frames, video.coloured, video.reduction, video.notes)
        aspect = video.pixel_aspect if aspect == 1 else aspect
        if fps is None and video.fps is not None:
            fps, notes = video.fps, ()
    else:
        stored = StoredFrames(instance, source, path) if others is None else SeriesFrames(others, source)
        pixels = decode(stored, source)
    if pixels.frames.max() < MIN_WHITE:
        raise VideoError(f"{source}: its picture is black: no pixel is above {MIN_WHITE - 1} of 255. Export it again.")
    decoded = Decoded(
        pixels.frames,
        fps,
        pixels.coloured,
        pixel_aspect=aspect,
        times_ms=times_ms,
        reduction=pixels.reduction,
        stored_size=(height, width),
        # Proportions that no recorder has come with distances that none has.
        pixel_mm=None if aspect_notes else pixel_mm(instance, boxes, height, width),
        notes=(*pixels.notes, *aspect_notes, *notes),
    )
    return decoded, fitting_region(boxes, height, width, pixels.reduction)


def open_dicom(path: Path, source: str, *, has_pixels: bool = True) -> Dataset:
    """Open a file without being kept busy or made to take memory by what it declares. Raises VideoError."""
    # An inflated file may be a thousand times larger than it was, and no scanner writes clips so.
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if DeflatedExplicitVRLittleEndian.encode() in head:
        raise VideoError(f"{source}: deflated DICOM is not read. Convert it first: dcmconv +te IN OUT (DCMTK).")
    num_bytes = path.stat().st_size
    if has_pixels and num_bytes > _MAX_COMPRESSED_BYTES and any(prefix in head for prefix in _COMPRESSED):
        raise VideoError(
            f"{source}: has {num_bytes / 1024**2:.0f} MiB of compressed pixels; at most "
            f"{_MAX_COMPRESSED_BYTES // 1024**2} MiB are read. Export a shorter clip."
        )
    # force: some archives leave out the 128 bytes before "DICM"; that it is DICOM was found by its first elements.
    # A text: pydicom puts the name of a file that ends too early into its warning.
    with _CountedFile(io.FileIO(str(path)), source) as file:
        instance = pydicom.dcmread(file, force=True, defer_size=_DEFERRED_BYTES, stop_before_pixels=not has_pixels)
        ends_early = file.ends_early or file.has_met_pixels
    if has_pixels and ends_early and "PixelData" not in instance:
        raise VideoError(
            f"{source}: cut off: the file ends in the middle of its data. Copy it again from its origin, or export it "
            "again."
        )
    _name_coding(instance, source)
    # Read when it is looked at, and so not counted.
    regions = instance.get_item("SequenceOfUltrasoundRegions")
    if isinstance(regions, RawDataElement) and len(regions.value or b"") > _MAX_REGION_BYTES:
        raise VideoError(f"{source}: declares more ultrasound regions than a screen can have. The file is damaged.")
    return instance


def _name_coding(instance: Dataset, source: str) -> None:
    """Give a file without the group that names its coding the one that it was read by, which is plain."""
    if instance.file_meta.get("TransferSyntaxUID") is not None or "PixelData" not in instance:
        return
    element = instance.get_item("PixelData", keep_deferred=True)
    if isinstance(element, RawDataElement) and element.length == _UNDEFINED_LENGTH:
        raise VideoError(f"{source}: its pixels are compressed, and it does not say how. Export it again.")
    is_implicit, is_little_endian = instance.original_encoding
    explicit = ExplicitVRLittleEndian if is_little_endian else ExplicitVRBigEndian
    instance.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else explicit


class _CountedFile(io.BufferedReader):
    """A file that counts the heads of elements read from it: a million empty ones fit into 8 MB and take a minute.

    Attributes:
        has_met_pixels: the head of the pixels was read.
        ends_early: a value was shorter than its head says.
    """

    def __init__(self, file: io.FileIO, source: str) -> None:
        super().__init__(file)
        self._source = source
        self._num_heads = 0
        self.has_met_pixels = False
        self.ends_early = False

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and 0 <= size <= _MAX_HEAD_BYTES:
            self._num_heads += 1
            if self._num_heads > _MAX_HEADS:
                raise VideoError(
                    f"{self._source}: has more elements than any ultrasound clip. The file is damaged, or made to "
                    "keep its reader busy."
                )
        content = super().read(size)
        if size is not None and 0 <= size <= _MAX_HEAD_BYTES:
            self.has_met_pixels = self.has_met_pixels or content[:4] in _PIXELS
        # What has no declared length is searched in such parts, of which the last is short.
        elif size is not None and size != _SEARCHED_BYTES:
            self.ends_early = self.ends_early or len(content) < size
        return content


def refuse_no_clip(instance: Dataset, source: str) -> None:
    """Refuse what is not ultrasound, or holds no pixels. Raises VideoError."""
    if instance.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
        raise UnsuitableError(
            f"{source}: the table of contents of a DICOM medium, which holds no pictures. Give the folder in which it "
            "lies, or its clips."
        )
    is_ultrasound = instance.get("Modality") == "US" or "Ultrasound" in _sop_class_name(instance)
    if not is_ultrasound:
        if "Modality" not in instance:
            raise VideoError(
                f"{source}: names no modality: it is cut off, or not ultrasound. Expected an ultrasound clip."
            )
        modality = str(instance.Modality)[:16]
        raise UnsuitableError(f"{source}: not ultrasound: its modality is {modality!r}. Expected an ultrasound clip.")
    if "PixelData" not in instance:
        raise VideoError(f"{source}: holds no pixel data: it is cut off, or a report. Export the clip again.")


def _sop_class_name(instance: Dataset) -> str:
    uid = instance.get("SOPClassUID")
    return str(uid.name) if isinstance(uid, pydicom.uid.UID) else ""

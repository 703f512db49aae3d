"""DICOM clips whose pixels are one MPEG video, which pydicom does not decode: the stream goes to FFmpeg."""

from io import BytesIO

from pydicom import Dataset, uid
from pydicom.encaps import generate_fragments, parse_basic_offsets

from coreecho.errors import VideoError
from coreecho.video.containers import read_encapsulated
from coreecho.video.decoded import Decoded

# FFmpeg's name of a bare stream of each transfer syntax.
_STREAMS: dict[str, str] = {
    uid.MPEG2MPML: "mpegvideo",
    uid.MPEG2MPHL: "mpegvideo",
    uid.MPEG4HP41: "h264",
    uid.MPEG4HP41BD: "h264",
    uid.MPEG4HP422D: "h264",
    uid.MPEG4HP423D: "h264",
    uid.MPEG4HP42STEREO: "h264",
    uid.HEVCMP51: "hevc",
    uid.HEVCM10P51: "hevc",
}
_TRANSPORT_PACKET_BYTES = 188


def is_video(instance: Dataset) -> bool:
    """Tell whether the pixels are one video stream."""
    return _syntax(instance) in _STREAMS


def decode_video(instance: Dataset, source: str) -> Decoded:
    """Decode the stream.

    Args:
        instance: with PixelData, whose size was checked.
        source: the file, for messages.

    Returns:
        The video; the times of its frames are those that the file around it gives.

    Raises:
        VideoError: the stream is damaged, or is not what the file says it is.
    """
    # A video is one fragment, or cut into several at any byte, since no fragment may exceed 4 GiB.
    items = BytesIO(instance.PixelData)
    parse_basic_offsets(items)
    content = b"".join(generate_fragments(items))
    declared = int(instance.NumberOfFrames), int(instance.Rows), int(instance.Columns)
    decoded = read_encapsulated(content, _container(content, _syntax(instance)), source, declared[0])
    found, reduced = decoded.frames.shape[1:], tuple(side // decoded.reduction for side in declared[1:])
    if found != reduced:
        raise VideoError(
            f"{source}: declares frames of {declared[1]} x {declared[2]} pixels, but its video has frames of "
            f"{found[0] * decoded.reduction} x {found[1] * decoded.reduction}. The file is damaged: export it again."
        )
    return decoded


def _syntax(instance: Dataset) -> str:
    return str(instance.file_meta.get("TransferSyntaxUID", "")) if hasattr(instance, "file_meta") else ""


def _container(content: bytes, syntax: str) -> str:
    """Name what the stream is wrapped in: MP4, an MPEG transport or program stream, or nothing."""
    if content[4:8] == b"ftyp":
        return "mov"
    if content[:1] == content[_TRANSPORT_PACKET_BYTES : _TRANSPORT_PACKET_BYTES + 1] == b"\x47":
        return "mpegts"
    if content[:4] == b"\x00\x00\x01\xba":
        return "mpeg"
    return _STREAMS[syntax]

"""Which container a video file is, by its first bytes, and why a file is none that is read."""

from coreecho.errors import UnsuitableError, VideoError

# So many bytes of a file's begin tell.
HEAD_BYTES = 640

# Boxes that an ISO media or QuickTime file may begin with, after 4 bytes of length.
_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"avif", b"crx ")
# FFmpeg's names of containers whose marks stand at the begin.
_MARKS = {
    b"\x1a\x45\xdf\xa3": "matroska",
    bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"): "asf",
    b"\x00\x00\x01\xba": "mpeg",
    b"\x00\x00\x01\xb3": "mpegvideo",
    b"FLV\x01": "flv",
    b"OggS": "ogg",
    b"DKIF": "ivf",
    b"YUV4MPEG2 ": "yuv4mpegpipe",
    b".RMF": "rm",
    bytes.fromhex("b7d800203749da11a64e0007e95ead8d"): "wtv",
    bytes.fromhex("060e2b34020501010d01020101"): "mxf",
}
# A transport stream is packets of 188 bytes that begin with "G"; recorders put a time before each, or a check behind.
_TRANSPORT_PACKETS = ((188, 0), (192, 4), (204, 0))
_NUM_PACKETS = 3
# Of bare streams nobody says how fast they run: FFmpeg takes 25 frames a second.
_TIMELESS = {
    b"\x00\x00\x00\x01\x67": "a bare H.264 stream",
    b"\x00\x00\x01\x67": "a bare H.264 stream",
    b"\x00\x00\x00\x01\x40": "a bare H.265 stream",
    b"\x00\x00\x01\x40": "a bare H.265 stream",
    b"\x00\x00\x01\xb0": "a bare MPEG-4 stream",
    b"\x00\x00\x01\xb5": "a bare MPEG-4 stream",
}
_STILLS = {
    b"\xff\xd8\xff": "a JPEG picture",
    b"BM": "a BMP picture",
}
_OTHERS = {
    b"FWS": "a Flash program, which need not be a film",
    b"CWS": "a Flash program, which need not be a film",
}
_PACKED = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "packed by gzip, and no NIfTI volume",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
}
_CLIP_NEEDED = "An EF takes a clip of a beating heart"


def container_format(head: bytes) -> str | None:
    """FFmpeg's name of the container that a file is by its first `HEAD_BYTES`; None where it is none that is read."""
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[4:8] in _ISO_BOXES and head[8:12] not in _STILL_BRANDS:
        return "mov"
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    for packet, first in _TRANSPORT_PACKETS:
        if head[first::packet][:_NUM_PACKETS] == _NUM_PACKETS * b"G":
            return "mpegts"
    return None


def why_not(head: bytes, suffix: str, source: str, read: str) -> VideoError:
    """Say what a file is that is not read, and what to do.

    Args:
        head: its first bytes.
        suffix: of its name.
        source: the file, for messages.
        read: which kinds of files are read.
    """
    if head[4:8] == b"ftyp":
        return UnsuitableError(f"{source}: a still picture. {_CLIP_NEEDED}; {read}.")
    for mark, kind in _STILLS.items():
        if head.startswith(mark):
            return UnsuitableError(f"{source}: a still: {kind}. {_CLIP_NEEDED}; {read}.")
    for mark, kind in _TIMELESS.items():
        if head.startswith(mark):
            return VideoError(
                f"{source}: {kind}, which does not say how fast it runs. Wrap it at the recorder's frame rate: "
                "ffmpeg -framerate RATE -i IN -c copy OUT.mp4."
            )
    for mark, kind in _OTHERS.items():
        if head.startswith(mark):
            return VideoError(f"{source}: {kind}. {read}: convert it with ffmpeg -i IN -c:v mjpeg -q:v 2 OUT.avi.")
    for mark, kind in _PACKED.items():
        if head.startswith(mark):
            return VideoError(f"{source}: {kind}. Unpack it first; {read}.")
    name = f" although it is named {suffix}" if suffix else ""
    return VideoError(f"{source}: not a video{name}. {read}, told apart by content; this file holds none of them.")

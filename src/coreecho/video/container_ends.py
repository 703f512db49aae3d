"""Where containers of video end by their own headers, and whether they say how many frames they hold.

FFmpeg reads what is there and takes it for the whole. So each kind's own statement of its length is held against the
file: AVI (RIFF), MP4 and MOV (ISO/IEC 14496-12), Matroska and WebM (RFC 9559), and Windows Media (ASF 01.20). Streams
that are made to be broadcast, such as MPEG's, do not say it.
"""

from pathlib import Path
from typing import IO

from coreecho.errors import VideoError

NOT_COUNTED_NOTE = "the file does not say how long it is, so it cannot be told whether its end is missing"

# The object in the head of a Windows Media file that tells its length.
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_EBML_HEADER, _EBML_SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_MAX_ASF_HEAD = 64 * 1024


def check_end(path: Path, container_format: str, source: str) -> bool:
    """Refuse a file that ends before its header says, even where only an index or a comment at its end is lost.

    Returns:
        Whether the header counts the frames: recorders that write to a pipe, or in fragments, cannot know.

    Raises:
        VideoError: it is cut off.
        OSError: it cannot be read.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        declared = _ENDS[container_format](file, length) if container_format in _ENDS else None
    if declared is not None and length < declared:
        raise VideoError(
            f"{source}: cut off: by its header it has {declared} bytes, but there are {length}. "
            "Copy the file again from its origin."
        )
    return declared is not None


def _avi_end(file: IO[bytes], length: int) -> int | None:
    declared = int.from_bytes(file.read(8)[4:], "little")
    # Recorders that write to a pipe leave the greatest number, or none, in place of a length that they do not know.
    return None if declared in (0, 0xFFFF_FFFF) else declared + 8


def _iso_end(file: IO[bytes], length: int) -> int | None:
    """Where the last of the boxes ends of which an MP4 or MOV file is made; None where there are fragments."""
    end = 0
    is_fragmented = False
    while end < length:
        file.seek(end)
        header = file.read(16)
        is_fragmented |= header[4:8] == b"moof"
        size = int.from_bytes(header[:4], "big")
        if size == 1:  # a long box: its size follows, in 8 bytes
            size = int.from_bytes(header[8:], "big")
        # 0: the box reaches to the end of the file, and so does padding with zeros; below 8 it is no box.
        if size == 0 or len(header) < 8:
            end = length
            break
        end += max(size, 8)
    # A fragment that is cut is refused all the same; one that is missing cannot be told.
    return None if is_fragmented and end <= length else end


def _matroska_end(file: IO[bytes], length: int) -> int | None:
    """Where the segment ends, which comes behind the head and holds all else."""
    position = 0
    for name in (_EBML_HEADER, _EBML_SEGMENT):
        file.seek(position)
        head = file.read(12)
        if head[:4] != name:
            return None
        num_bytes = 9 - head[4].bit_length() if len(head) > 4 and head[4] else 0
        if not num_bytes or len(head) < 4 + num_bytes:
            return length + 1
        size = int.from_bytes(head[4 : 4 + num_bytes], "big") & ((1 << 7 * num_bytes) - 1)
        # All bits set: not known.
        if size == (1 << 7 * num_bytes) - 1:
            return None
        position += 4 + num_bytes + size
    return position


def _asf_end(file: IO[bytes], length: int) -> int | None:
    head = file.read(_MAX_ASF_HEAD)
    place = head.find(_ASF_FILE_PROPERTIES)
    if place < 0 or len(head) < place + 92:
        return None
    is_broadcast = head[place + 88] & 1
    declared = int.from_bytes(head[place + 40 : place + 48], "little")
    return None if is_broadcast or declared == 0 else declared


_ENDS = {"avi": _avi_end, "mov": _iso_end, "matroska": _matroska_end, "asf": _asf_end}


def count_empty_avi_frames(path: Path) -> int:
    """Count the video chunks of an AVI that hold nothing: by its index, they show the frame before once more."""
    with path.open("rb") as file:
        file.seek(0, 2)
        length = file.tell()
        position = 12
        while position + 8 <= length:
            file.seek(position)
            head = file.read(8)
            size = int.from_bytes(head[4:], "little")
            if head[:4] == b"idx1":
                index = file.read(size)
                entries = (index[at : at + 16] for at in range(0, len(index) - 15, 16))
                return sum(entry[2:4] in (b"dc", b"db") and not any(entry[12:]) for entry in entries)
            position += 8 + size + size % 2
    return 0

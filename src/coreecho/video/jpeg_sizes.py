"""How large a compressed picture says that it is, before a decoder takes memory for it."""

_SOI = b"\xff\xd8"
# Start of the codestream, then at once its size: DICOM has it bare, without the boxes of a .jp2 file.
_JPEG2000 = b"\xff\x4f\xff\x51"
# A .jp2 file: its signature, and the box in which the codestream lies. Some writers put whole files into DICOM.
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "
_CODESTREAM_BOX = b"jp2c"
_MAX_BOXES = 32
_JPEG_LS_FRAME = 0xF7
# Markers between 0xC0 and 0xCF that begin no frame: Huffman tables, an extension, arithmetic conditioning.
_NO_FRAMES = (0xC4, 0xC8, 0xCC)
# Markers that stand alone, without a length.
_ALONE = (0x01, *range(0xD0, 0xD8))


def declared_size(picture: bytes) -> tuple[int, int, int] | None:
    """Read rows, columns and components of a JPEG, JPEG-LS or JPEG 2000 picture; None where it does not say.

    Implements the headers of ITU-T T.81 (B.2.2), T.87 (C.1.1) and T.800 (A.5.1, I.4).
    """
    if picture.startswith(_JP2_SIGNATURE):
        picture = _codestream(picture)
    if picture.startswith(_JPEG2000):
        return _jpeg2000_size(picture)
    return _jpeg_size(picture) if picture.startswith(_SOI) else None


def _codestream(file: bytes) -> bytes:
    """Walk over the boxes of a .jp2 file to its codestream; nothing where there is none."""
    place = 0
    for _ in range(_MAX_BOXES):
        length, kind = int.from_bytes(file[place : place + 4], "big"), file[place + 4 : place + 8]
        if kind == _CODESTREAM_BOX:
            return file[place + (16 if length == 1 else 8) :]
        if length < 8:
            return b""
        place += length
    return b""


def _jpeg2000_size(picture: bytes) -> tuple[int, int, int] | None:
    if len(picture) < 42:
        return None
    right, bottom, left, top = (int.from_bytes(picture[place : place + 4], "big") for place in range(8, 24, 4))
    return bottom - top, right - left, int.from_bytes(picture[40:42], "big")


def _jpeg_size(picture: bytes) -> tuple[int, int, int] | None:
    """Walk from marker to marker up to the frame's header."""
    place = 2
    while place + 10 <= len(picture) and picture[place] == 0xFF:
        marker = picture[place + 1]
        # Any number of 0xFF may stand before a marker.
        if marker == 0xFF or marker in _ALONE:
            place += 1 if marker == 0xFF else 2
            continue
        if marker == _JPEG_LS_FRAME or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES):
            height, width = (int.from_bytes(picture[place + at : place + at + 2], "big") for at in (5, 7))
            return height, width, picture[place + 9]
        place += 2 + int.from_bytes(picture[place + 2 : place + 4], "big")
    return None

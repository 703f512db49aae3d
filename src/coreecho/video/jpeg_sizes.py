"""What a compressed picture says of itself, before a decoder takes memory for it: its size, and its colours."""

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
_ADOBE = 0xEE
# The application segment by which a picture says that its channels are not to be taken for YCbCr.
_IS_NOT_TRANSFORMED = b"\xff\xee\x00\x0eAdobe\x00\x64" + bytes(5)


def declared_size(picture: bytes) -> tuple[int, int, int] | None:
    """Read rows, columns and components of a JPEG, JPEG-LS or JPEG 2000 picture; None where it does not say.

    Implements the headers of ITU-T T.81 (B.2.2), T.87 (C.1.1) and T.800 (A.5.1, I.4).
    """
    if picture.startswith(_JP2_SIGNATURE):
        picture = _codestream(picture)
    if picture.startswith(_JPEG2000):
        return _jpeg2000_size(picture)
    return _jpeg_size(picture) if picture.startswith(_SOI) else None


def declared_bits(picture: bytes) -> int | None:
    """Read the bits of a level of a JPEG or JPEG-LS picture; None of JPEG 2000, and where it does not say."""
    place, _ = _frame_header(picture) if picture.startswith(_SOI) else (None, False)
    return None if place is None else picture[place + 4]


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
    place, _ = _frame_header(picture)
    if place is None:
        return None
    height, width = (int.from_bytes(picture[place + at : place + at + 2], "big") for at in (5, 7))
    return height, width, picture[place + 9]


def with_named_colours(picture: bytes) -> bytes:
    """Mark a JPEG picture whose channels are named R, G and B as RGB: decoders that see no mark would refuse it."""
    place, has_mark = _frame_header(picture) if picture.startswith(_SOI) else (None, False)
    if place is None or has_mark or picture[place + 10 : place + 19 : 3] != b"RGB":
        return picture
    return picture[:2] + _IS_NOT_TRANSFORMED + picture[2:]


def _frame_header(picture: bytes) -> tuple[int | None, bool]:
    """Walk from marker to marker up to the frame's header: where it lies, and whether Adobe's mark lies before it."""
    place, has_mark = 2, False
    while place + 10 <= len(picture) and picture[place] == 0xFF:
        marker = picture[place + 1]
        # Any number of 0xFF may stand before a marker.
        if marker == 0xFF or marker in _ALONE:
            place += 1 if marker == 0xFF else 2
            continue
        if marker == _JPEG_LS_FRAME or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES):
            return place, has_mark
        has_mark |= marker == _ADOBE
        place += 2 + int.from_bytes(picture[place + 2 : place + 4], "big")
    return None, has_mark

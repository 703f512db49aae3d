"""Any file to a Video, by its content and not by its name."""

from pathlib import Path

from coreecho.errors import VideoError
from coreecho.video.arrays import read_gif, read_npy
from coreecho.video.containers import read_container
from coreecho.video.decoded import Decoded, is_screen
from coreecho.video.dicom import read_dicom
from coreecho.video.limits import MAX_FILE_BYTES
from coreecho.video.mhd import is_mhd, read_mhd
from coreecho.video.nifti import is_nifti, read_nifti
from coreecho.video.screen import crop_to_sector
from coreecho.video.video import Video

_READ = "AVI, MP4, MOV, GIF, NPY, DICOM, NIfTI and MHD clips are read"
# DICOM PS3.10: 128 bytes of anything, then "DICM".
_DICOM_MARK = slice(128, 132)
_HEAD_BYTES = 132

# Boxes that an ISO media or QuickTime file may begin with, after 4 bytes of length.
_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"avif", b"crx ")
_STILLS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"BM": "a BMP picture",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
}
_OTHER_VIDEOS = {
    b"\x1a\x45\xdf\xa3": "a Matroska or WebM video",
    b"\x30\x26\xb2\x75": "a Windows Media video",
    b"\x00\x00\x01\xba": "an MPEG program stream",
    b"\x00\x00\x01\xb3": "an MPEG video stream",
    b"FLV\x01": "a Flash video",
    b"OggS": "an Ogg file",
}


def read_video(path: str | Path) -> Video:
    """Read an echocardiogram clip.

    The kind of file is told by its content. Clips that are square and at most 128 pixels a side, as in
    EchoNet-Dynamic, and arrays (NPY, NIfTI, MHD) are taken as they are. All others are whole screens: their sector is
    searched, all else is masked and cut off, and `notes` says so.

    Args:
        path: an AVI, MP4, MOV, GIF, NPY ((T, H, W) or (T, H, W, 3) of uint8), DICOM, NIfTI (.nii, .nii.gz) or MHD file.

    Raises:
        VideoError: the file is missing, unreadable, empty, damaged or cut off, not a clip, a still, too large, or its
            picture is not that of one grey sector. The message says which, and what to do.
    """
    source = str(path)
    path = Path(path)
    head = _read_head(path, source)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return _from_decoded(read_container(path, "avi", source), source)
    if head[4:8] in _ISO_BOXES and head[8:12] not in _STILL_BRANDS:
        return _from_decoded(read_container(path, "mov", source), source)
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return _from_decoded(read_gif(path, source), source)
    if head[:6] == b"\x93NUMPY":
        decoded = read_npy(path, source)
        return Video(_refuse_still(decoded, source).frames, None, source)
    if head[_DICOM_MARK] == b"DICM" or _begins_like_dicom(head):
        return read_dicom(path, source)
    if is_nifti(path) or is_mhd(path):
        decoded = read_nifti(path, source) if is_nifti(path) else read_mhd(path, source)
        return Video(_refuse_still(decoded, source).frames, None, source, decoded.is_phantom)
    raise VideoError(_why_not(head, path, source))


def _read_head(path: Path, source: str) -> bytes:
    try:
        if path.is_dir():
            raise VideoError(f"{source}: is a folder. Give a clip file in it.")
        if path.exists() and not path.is_file():
            raise VideoError(f"{source}: is not a regular file. {_READ}.")
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        num_bytes = path.stat().st_size
    except FileNotFoundError as error:
        raise VideoError(f"{source}: no such file. Check the path.") from error
    except PermissionError as error:
        raise VideoError(f"{source}: may not be read (permission denied). Ask its owner for read access.") from error
    # A null byte in the name is a ValueError.
    except (OSError, ValueError) as error:
        raise VideoError(f"{source}: cannot be read ({error}).") from error
    if not head:
        raise VideoError(f"{source}: is empty (0 bytes). Copy the file again from its origin.")
    if num_bytes > MAX_FILE_BYTES:
        raise VideoError(
            f"{source}: has {num_bytes / 1024**3:.1f} GiB; at most {MAX_FILE_BYTES // 1024**3} GiB are read. "
            "Cut the clip or scale it down."
        )
    return head


def _from_decoded(decoded: Decoded, source: str) -> Video:
    _refuse_still(decoded, source)
    if is_screen(*decoded.frames.shape[1:]):
        return crop_to_sector(decoded, source)
    return Video(decoded.frames, decoded.fps, source, decoded.is_phantom)


def _refuse_still(decoded: Decoded, source: str) -> Decoded:
    if len(decoded.frames) < 2:
        raise VideoError(f"{source}: a still: it has one frame. An EF takes a clip of a beating heart.")
    return decoded


def _begins_like_dicom(head: bytes) -> bool:
    """Tell DICOM without its mark by its first element: group 2 or 8, little-endian, with a VR or a short length."""
    if head[:2] not in (b"\x02\x00", b"\x08\x00") or head[3:4] != b"\x00":
        return False
    has_vr = head[4:6] in (b"UL", b"UI", b"CS", b"DA", b"OB", b"SH", b"LO", b"TM", b"DT", b"ST", b"SQ")
    return has_vr or int.from_bytes(head[4:8], "little") <= 64


def _why_not(head: bytes, path: Path, source: str) -> str:
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    if head[4:8] == b"ftyp" or is_webp:
        return f"{source}: a still picture. An EF takes a clip of a beating heart; {_READ}."
    for mark, kind in _STILLS.items():
        if head.startswith(mark):
            return f"{source}: a still: {kind}. An EF takes a clip of a beating heart; {_READ}."
    for mark, kind in _OTHER_VIDEOS.items():
        if head.startswith(mark):
            return f"{source}: {kind}. {_READ}: convert it with ffmpeg -i IN -c:v mjpeg -q:v 2 OUT.avi."
    name = f" although it is named {path.suffix}" if path.suffix else ""
    return f"{source}: not a video{name}. {_READ}, told apart by content; this file holds none of them."

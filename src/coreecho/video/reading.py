"""Any file to a Video, by its content and not by its name."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from coreecho.errors import UnsuitableError, VideoError
from coreecho.video.arrays import is_npz, read_npy, read_npz
from coreecho.video.axes import refuse_other_axes
from coreecho.video.container_kinds import HEAD_BYTES, container_format, why_not
from coreecho.video.containers import read_container
from coreecho.video.decoded import Decoded, is_screen
from coreecho.video.dicom import read_dicom
from coreecho.video.dicom_series import Series, read_dicom_series
from coreecho.video.geometry import UPRIGHT, aspect_notes, square_prepared, square_spans
from coreecho.video.limits import MAX_FILE_BYTES
from coreecho.video.mhd import is_mhd, read_mhd
from coreecho.video.nifti import is_nifti, read_nifti
from coreecho.video.nrrd import is_nrrd, read_nrrd
from coreecho.video.pictures import picture_kind, read_picture
from coreecho.video.placement import whole_picture
from coreecho.video.screen import crop_to_sector
from coreecho.video.temporal import resample_uneven
from coreecho.video.video import MIN_WHITE, Video

_READ = (
    "AVI, MP4, MOV, MKV, WebM, WMV, MPEG, MPEG-TS, FLV, Ogg, Y4M, GIF, WebP, PNG, TIFF, DICOM, NPY, NPZ, NIfTI, MHD "
    "and NRRD clips are read"
)
# DICOM PS3.10: 128 bytes of anything, then "DICM".
_DICOM_MARK = slice(128, 132)
TURNED_NOTE = "turned upright, as the file says to show it"
_RETIMED = "its frames are not evenly spaced in time; resampled by their time stamps to "
UNEVEN_NOTE = _RETIMED + "{:.4g} frames per second"
BLACK_NOTE = "its picture is black"

Box = tuple[slice, slice]
# A clip from outside: its file, or its files where each frame has one of its own.
ClipPath = str | Path | Series


def read_clip_at(path: ClipPath, *, axes: str | None = None, keeps_times: bool = False) -> Video:
    """Read a clip that lies in one file, or one frame a file, as `read_video` and `read_series` do.

    Args:
        path: the clip.
        axes: see `read_video`.
        keeps_times: give the file's own frames also where they are not evenly spaced in time; the video's frame rate is
            then that to which they would be resampled, and its placement says when each was taken.

    Raises:
        VideoError: as they do; or axes are named of a series.
    """
    if not isinstance(path, Series):
        video = _read_as_timed(path, axes)
    elif axes is not None:
        raise VideoError(f"{path}: axes={axes!r} is for arrays (NPY, NPZ, NIfTI, MHD, NRRD), which this is not.")
    else:
        video = replace(_read_series_as_timed(path.files), source=str(path))
    return video if keeps_times else _evenly_timed(video)


def is_retimed(video: Video) -> bool:
    """Tell whether the frames of a clip are others than those of its file, at other times."""
    return any(note.startswith(_RETIMED) for note in video.notes)


def read_video(path: str | Path, *, axes: str | None = None) -> Video:
    """Read an echocardiogram clip.

    The kind of file is told by its content. Clips that are square and at most 128 pixels a side, as in
    EchoNet-Dynamic, and arrays (NPY, NPZ, NIfTI, MHD, NRRD) are taken as they are. All others are whole screens: their
    sector is searched, all else is masked and cut off, and `notes` says so. Pictures are turned upright, pixels that
    are not square are made so (not in arrays), and frames at uneven times are resampled to an even rate; of each,
    `notes` says so.

    Args:
        path: an AVI, MP4, MOV, MKV, WebM, WMV, MPEG (program, transport or video stream), FLV, Ogg, IVF, Y4M, MXF,
            RealMedia, WTV, GIF, animated WebP or PNG, TIFF stack, NPY or NPZ ((T, H, W) or (T, H, W, 3) of uint8),
            DICOM, NIfTI (.nii, .nii.gz), MHD or NRRD file.
        axes: for arrays alone, the axes that the file has, by their letters: T time, H rows, W columns, C channels.
            NumPy's in the order of the array's shape, e.g. "HWT"; of the others in that of their header, e.g. "THW".

    Raises:
        VideoError: the file is missing, unreadable, empty, damaged or cut off, not a clip, a still, too large, or its
            picture is not that of one grey sector. The message says which, and what to do.
    """
    return _evenly_timed(_read_as_timed(path, axes))


def _read_as_timed(path: str | Path, axes: str | None) -> Video:
    """As `read_video`, with the file's own frames whenever they were taken."""
    source = str(path)
    path = Path(path)
    head = _read_head(path, source)
    # First: the 128 bytes before its mark may be anything, and in some files they are the head of a TIFF picture.
    is_dicom = head[_DICOM_MARK] == b"DICM"
    array_reader = None if is_dicom else _array_reader(head, path)
    if array_reader is not None:
        read, usual = array_reader
        return _finish_array(read(path, source, axes), source, usual, axes)
    if axes is not None:
        raise VideoError(f"{source}: axes={axes!r} is for arrays (NPY, NPZ, NIfTI, MHD, NRRD), which this is not.")
    if is_dicom:
        return _finish(*read_dicom(path, source), source)
    kind_of_container = container_format(head)
    if kind_of_container is not None:
        return _finish(read_container(path, kind_of_container, source), None, source)
    kind = picture_kind(head)
    if kind is not None:
        return _finish(read_picture(path, source, kind), None, source)
    if begins_like_dicom(head):
        return _finish(*read_dicom(path, source), source)
    raise why_not(head, path.suffix, source, _READ)


def read_series(files: str | Path | Sequence[str | Path]) -> Video:
    """Read a clip that lies as single DICOM frames, one a file, as `read_video` reads one that lies in one file.

    Args:
        files: the files of one series, in any order, or the folder in which they lie: see `find_series`.

    Raises:
        VideoError: as `read_video`; or there are several clips, or none.
    """
    return _evenly_timed(_read_series_as_timed(files))


def _read_series_as_timed(files: str | Path | Sequence[str | Path]) -> Video:
    if isinstance(files, (str, Path)):
        return _finish(*read_dicom_series(Path(files), str(files)), str(files))
    paths = [Path(file) for file in files]
    source = str(paths[0].parent) if paths else "the series"
    return _finish(*read_dicom_series(paths, source), source)


def _array_reader(head: bytes, path: Path) -> tuple[Callable[[Path, str, str | None], Decoded], str] | None:
    """How an array is read, and its usual axes; None for what is none."""
    if head[:6] == b"\x93NUMPY":
        return read_npy, "THW"
    if head[:4] == b"PK\x03\x04" and is_npz(path):
        return read_npz, "THW"
    if is_nrrd(head):
        return read_nrrd, "WHT"
    if is_nifti(path):
        return read_nifti, "WHT"
    return (read_mhd, "WHT") if is_mhd(path) else None


def _read_head(path: Path, source: str) -> bytes:
    try:
        if path.is_dir():
            raise VideoError(f"{source}: is a folder. Give a clip file in it.")
        if path.exists() and not path.is_file():
            raise VideoError(f"{source}: is not a regular file. {_READ}.")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
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


def _finish_array(decoded: Decoded, source: str, usual: str, axes: str | None) -> Video:
    """Take an array as it is."""
    _refuse_still(decoded, source)
    if axes is None:
        refuse_other_axes(decoded.frames, source, usual)
    placement = whole_picture(decoded)
    return _noted(Video(decoded.frames, decoded.fps, source, decoded.is_phantom, decoded.notes, placement))


def _finish(decoded: Decoded, region: Box | None, source: str) -> Video:
    """Bring what was decoded to an upright, square clip of the sector alone."""
    _refuse_still(decoded, source)
    times_ms, turn = decoded.times_ms, decoded.turn
    if is_screen(*decoded.frames.shape[1:]):
        video = crop_to_sector(decoded, source, region)
    else:
        frames, notes = decoded.frames, decoded.notes + aspect_notes(decoded.pixel_aspect)
        placement = whole_picture(decoded)
        if decoded.pixel_aspect != 1:
            rows, columns = square_spans(frames.shape[1], frames.shape[2], decoded.pixel_aspect)
            placement = replace(placement, square_rows=rows, square_columns=columns)
            frames = square_prepared(frames, decoded.pixel_aspect)
        # What is never lit is around the sector.
        coloured = decoded.share_coloured(decoded.frames.max(axis=0) >= MIN_WHITE)
        video = _noted(Video(frames, decoded.fps, source, decoded.is_phantom, notes, placement, coloured))
    # What is no longer needed is let go before more memory is taken.
    del decoded
    if turn != UPRIGHT:
        video = replace(video, frames=turn(video.frames), notes=(*video.notes, TURNED_NOTE))
    if video.placement is None:
        return video
    return replace(video, placement=video.placement.turned(turn, times_ms))


def _noted(video: Video) -> Video:
    """Say of a clip that was taken as it is that there is no picture in it."""
    return replace(video, notes=(*video.notes, BLACK_NOTE)) if video.is_black else video


def _evenly_timed(video: Video) -> Video:
    """Resample frames that are not evenly spaced in time; they have then no place in the file any more."""
    times_ms = None if video.placement is None else video.placement.times_ms
    if times_ms is None:
        return video
    fps = video.fps or 0.0
    try:
        frames = resample_uneven(video.frames, times_ms, fps)
    except VideoError as error:
        raise VideoError(f"{video.source}: {error}") from error
    return replace(video, frames=frames, notes=(*video.notes, UNEVEN_NOTE.format(fps)), placement=None)


def _refuse_still(decoded: Decoded, source: str) -> None:
    if len(decoded.frames) < 2:
        raise UnsuitableError(f"{source}: a still: it has one frame. An EF takes a clip of a beating heart.")


def begins_like_dicom(head: bytes) -> bool:
    """Tell DICOM without its mark by its first element: of group 2 or 8, with a VR, or with a short length."""
    has_vr = head[4:6] in (b"UL", b"UI", b"CS", b"DA", b"OB", b"SH", b"LO", b"TM", b"DT", b"ST", b"SQ")
    if head[:3] in (b"\x00\x02\x00", b"\x00\x08\x00"):
        return has_vr
    if head[:2] not in (b"\x02\x00", b"\x08\x00") or head[3:4] != b"\x00":
        return False
    return has_vr or int.from_bytes(head[4:8], "little") <= 64

"""Arrays of every order and kind: NPZ, NIfTI-2, NRRD, and the axes of all of them."""

import ast
import gzip
import itertools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from coreecho.errors import VideoError
from coreecho.video import read_video
from coreecho.video.colour import YCBCR_NOTE
from coreecho.video.nrrd import read_nrrd
from coreecho.video.volumes import read_levels

Frames = NDArray[np.uint8]


@pytest.fixture(scope="module")
def clip() -> Frames:
    """Frames (40, 112, 112) with the black around a sector, which stays black over time."""
    frames = np.random.default_rng(0).integers(20, 256, (40, 112, 112), dtype=np.uint8)
    rows, columns = np.mgrid[:112, :112]
    frames[:, (abs(columns - 56) > 4 + rows * 0.6) | (np.hypot(rows, columns - 56) > 105)] = 0
    return frames


def write_npy(path: Path, array: Frames) -> Path:
    np.save(path.with_suffix(".npy"), array)
    return path.with_suffix(".npy")


def write_npz(path: Path, array: Frames) -> Path:
    np.savez_compressed(path.with_suffix(".npz"), frames=array)
    return path.with_suffix(".npz")


def write_nifti(path: Path, array: Frames) -> Path:
    nib.save(nib.Nifti1Image(array, np.eye(4)), path.with_suffix(".nii.gz"))
    return path.with_suffix(".nii.gz")


def write_nifti_2(path: Path, array: Frames) -> Path:
    nib.save(nib.Nifti2Image(array, np.eye(4)), path.with_suffix(".nii"))
    return path.with_suffix(".nii")


def write_nrrd(path: Path, array: Frames, **fields: str) -> Path:
    """As 3D Slicer writes it: sizes and pixels fastest first."""
    data = array.tobytes(order="F")
    header = {"type": "uchar", "dimension": str(array.ndim), "encoding": "gzip", "endian": "little"}
    header |= {"sizes": " ".join(map(str, array.shape)), **{name.replace("_", " "): fields[name] for name in fields}}
    text = "NRRD0004\n# a comment\n" + "".join(f"{name}: {value}\n" for name, value in header.items() if value)
    packed = gzip.compress(data, 1) if header["encoding"] == "gzip" else data
    path = path.with_suffix(".nrrd")
    path.write_bytes(text.encode() + b"\n" + (b"" if "data file" in header else packed))
    if "data file" in header and "/" not in header["data file"]:
        path.with_name(header["data file"]).write_bytes(packed)
    return path


WRITERS: dict[str, tuple[Callable[..., Path], str]] = {
    "npy": (write_npy, "THW"),
    "npz": (write_npz, "THW"),
    "nifti": (write_nifti, "WHT"),
    "nifti 2": (write_nifti_2, "WHT"),
    "nrrd": (write_nrrd, "WHT"),
}
ORDERS = ["THW", "HWT", "WHT", "TWH"]


def ordered(clip: Frames, axes: str) -> Frames:
    return np.ascontiguousarray(clip.transpose(["THW".index(letter) for letter in axes]))


@pytest.mark.parametrize("name", WRITERS)
def test_the_usual_axes_are_read(tmp_path: Path, clip: Frames, name: str) -> None:
    write, usual = WRITERS[name]
    video = read_video(write(tmp_path / "a", ordered(clip, usual)))
    np.testing.assert_array_equal(video.frames, clip)
    assert video.notes == ()


@pytest.mark.parametrize("axes", ORDERS)
@pytest.mark.parametrize("name", WRITERS)
def test_any_axes_are_read_where_they_are_named(tmp_path: Path, clip: Frames, name: str, axes: str) -> None:
    write, _ = WRITERS[name]
    path = write(tmp_path / "a", ordered(clip[:9, :40], axes))
    np.testing.assert_array_equal(read_video(path, axes=axes.lower()).frames, clip[:9, :40])


@pytest.mark.parametrize("num_frames", [40, 100, 112])
@pytest.mark.parametrize("is_between", [False, True])
@pytest.mark.parametrize("name", WRITERS)
def test_time_that_is_the_other_way_round_is_refused_with_what_to_say(
    tmp_path: Path, clip: Frames, name: str, num_frames: int, is_between: bool
) -> None:
    write, usual = WRITERS[name]
    frames = np.tile(clip, (3, 1, 1))[:num_frames]
    likely = {"THW": ("HWT", "HTW"), "WHT": ("THW", "WTH")}[usual][is_between]
    path = write(tmp_path / "a", ordered(frames, likely))
    with pytest.raises(VideoError, match=rf"looks like time\..*say axes='{likely}'"):
        read_video(path)
    np.testing.assert_array_equal(read_video(path, axes=likely).frames, frames)


@pytest.mark.parametrize("axes", ["THW", "HWT", "HTW"])
def test_time_is_found_in_a_cube_of_tissue(tmp_path: Path, axes: str) -> None:
    """Nothing is black, the sizes are all the same, and noise lies over what moves."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:48, :48] / 48
    beat = 0.1 * np.sin(np.arange(48) / 4)[:, None, None]
    tissue = 128 + 60 * np.sin(9 * rows + beat * 9) * np.cos(7 * columns) + rng.normal(0, 40, (48, 48, 48))
    clip = tissue.clip(0, 255).astype(np.uint8)
    path = write_npy(tmp_path / "a", ordered(clip, axes))
    if axes == "THW":
        np.testing.assert_array_equal(read_video(path).frames, clip)
    else:
        with pytest.raises(VideoError, match=rf"looks like time\..*say axes='{axes}'"):
            read_video(path)


@pytest.mark.parametrize("shape", [(32, 32, 32), (32, 32, 20), (32, 20, 32)])
def test_where_neither_the_sizes_nor_the_pixels_tell_the_axes_are_asked_for(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = write_npy(tmp_path / "a", noise)
    with pytest.raises(VideoError, match=r"cannot be told which axis is time.*`--axes THW`"):
        read_video(path)
    np.testing.assert_array_equal(read_video(path, axes="THW").frames, noise)
    np.testing.assert_array_equal(
        read_video(write_npy(tmp_path / "b", np.repeat(noise[..., None], 3, -1)), axes="HWT").frames,
        noise.transpose(2, 0, 1),
    )


@pytest.mark.parametrize(("shape", "axes"), [("CTHW", "CTHW"), ("TCHW", "TCHW"), ("HWTC", "HWTC")])
def test_channels_may_stand_anywhere(tmp_path: Path, clip: Frames, shape: str, axes: str) -> None:
    """PyTorch's order, and that of its data loaders."""
    colours = np.repeat(clip[:9, ..., None], 3, axis=-1)
    path = write_npy(tmp_path / "a", colours.transpose(["THWC".index(letter) for letter in shape]))
    np.testing.assert_array_equal(read_video(path, axes=axes).frames, clip[:9])
    if not shape.endswith("C"):
        with pytest.raises(VideoError, match=rf"say axes='{axes}' \(`--axes {axes}`\)"):
            read_video(path)


def test_ycbcr_that_is_called_rgb_is_found(tmp_path: Path, clip: Frames) -> None:
    channels = np.full((*clip.shape, 3), 128, np.uint8)
    channels[..., 0] = clip
    video = read_video(write_npy(tmp_path / "a", channels))
    np.testing.assert_array_equal(video.frames, clip)
    assert video.notes == (YCBCR_NOTE,)


@pytest.mark.parametrize("axes", ["", "THWX", "TTH", "THWC", "TH"])
def test_other_names_of_axes_are_refused(tmp_path: Path, clip: Frames, axes: str) -> None:
    with pytest.raises(VideoError, match=r"expected the letters T \(time\)|Name each axis once"):
        read_video(write_npy(tmp_path / "a", clip), axes=axes)


def test_axes_are_for_arrays_alone(tmp_path: Path, smooth_frames: Any, write_clip: Callable[..., Path]) -> None:
    with pytest.raises(VideoError, match="axes='THW' is for arrays"):
        read_video(write_clip(tmp_path / "a.avi", smooth_frames), axes="THW")


def test_frames_of_one_level_each_are_taken_in_the_usual_order(tmp_path: Path) -> None:
    frames = np.broadcast_to(np.arange(10, 250, 10, dtype=np.uint8)[:, None, None], (24, 16, 16))
    np.testing.assert_array_equal(read_video(write_npy(tmp_path / "a", frames)).frames, frames)


def test_a_black_array_says_so(tmp_path: Path) -> None:
    assert read_video(write_npy(tmp_path / "a", np.zeros((9, 32, 32), np.uint8))).notes == ("its picture is black",)


# --- NPZ --------------------------------------------------------------------------------------------------------------


def test_a_rate_beside_the_clip_is_read(tmp_path: Path, clip: Frames) -> None:
    np.savez(tmp_path / "a.npz", video=clip, fps=np.float32(50), ef=np.array([55.0]))
    video = read_video(tmp_path / "a.npz")
    assert video.fps == 50
    np.testing.assert_array_equal(video.frames, clip)
    np.savez(tmp_path / "b.npz", np.asfortranarray(clip), fps=np.array([1.0, 2.0]))
    np.testing.assert_array_equal(read_video(tmp_path / "b.npz").frames, clip)
    assert read_video(tmp_path / "b.npz").fps is None


def test_an_archive_of_no_clip_or_of_several_is_refused(tmp_path: Path, clip: Frames) -> None:
    np.savez(tmp_path / "a.npz", first=clip, second=clip)
    with pytest.raises(VideoError, match="holds 2 arrays of uint8"):
        read_video(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", clip.astype(np.float32))
    with pytest.raises(VideoError, match="holds 0 arrays of uint8"):
        read_video(tmp_path / "b.npz")


def test_an_archive_that_is_cut_or_holds_objects_is_refused(tmp_path: Path, clip: Frames) -> None:
    content = write_npz(tmp_path / "a", clip).read_bytes()
    for length in (len(content) // 2, len(content) - 1):
        (tmp_path / "cut.npz").write_bytes(content[:length])
        with pytest.raises(VideoError, match=r"cut\.npz: "):
            read_video(tmp_path / "cut.npz")
    spoiled = bytearray(content)
    spoiled[len(content) // 2] ^= 255
    (tmp_path / "cut.npz").write_bytes(spoiled)
    with pytest.raises(VideoError, match=r"cut\.npz: damaged"):
        read_video(tmp_path / "cut.npz")
    np.savez(tmp_path / "b.npz", frames=np.array([[[{}]]], dtype=object))
    with pytest.raises(VideoError, match="holds 0 arrays of uint8"):
        read_video(tmp_path / "b.npz")


def test_an_archive_of_zeros_takes_no_memory(tmp_path: Path) -> None:
    header = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (256, 1024, 1024), }"
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as file:
        file.write(header.ljust(127) + b"\n")
        for _ in range(256):
            file.write(bytes(1024 * 1024))
    with pytest.raises(VideoError, match="bytes are said to hold 256 MiB of pixels"):
        read_video(tmp_path / "a.npz")


# --- NRRD -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"encoding": "raw"}, {"data_file": "a.raw"}, {"data_file": "./a.raw"}])
def test_pixels_of_nrrd_follow_or_lie_beside(tmp_path: Path, clip: Frames, fields: dict[str, str]) -> None:
    path = write_nrrd(tmp_path / "a", ordered(clip, "WHT"), **fields)
    if "./" in fields.get("data_file", ""):
        with pytest.raises(VideoError, match="expected a file in the same folder"):
            read_video(path)
    else:
        np.testing.assert_array_equal(read_video(path).frames, clip)


@pytest.mark.parametrize("target", ["../secret.raw", "/etc/passwd", "..\\secret.raw", "LIST", "a%03d.raw"])
def test_pixels_elsewhere_are_not_followed(tmp_path: Path, clip: Frames, target: str) -> None:
    with pytest.raises(VideoError, match="expected a file in the same folder"):
        read_video(write_nrrd(tmp_path / "a", ordered(clip, "WHT"), data_file=target))


def test_a_name_that_no_file_can_have_is_missing(tmp_path: Path, clip: Frames) -> None:
    path = write_nrrd(tmp_path / "a", ordered(clip, "WHT"), encoding="raw", data_file="a.raw")
    path.write_bytes(path.read_bytes().replace(b"a.raw", b"a" * 5000 + b".raw"))
    with pytest.raises(VideoError, match="which is missing"):
        read_video(path)


def test_a_link_to_another_folder_is_not_followed(tmp_path: Path, clip: Frames) -> None:
    (tmp_path / "here").mkdir()
    path = write_nrrd(tmp_path / "here" / "a", ordered(clip, "WHT"), encoding="raw", data_file="a.raw")
    (tmp_path / "here" / "a.raw").rename(tmp_path / "secret.raw")
    (tmp_path / "here" / "a.raw").symlink_to(tmp_path / "secret.raw")
    with pytest.raises(VideoError, match="is a link to another folder"):
        read_video(path)


def test_the_kinds_and_the_time_of_nrrd_are_read(tmp_path: Path, clip: Frames) -> None:
    array = ordered(clip, "TWH")
    path = write_nrrd(tmp_path / "a", array, kinds="time domain domain", spacings="20 0.3 0.6", units='"ms" "mm" "mm"')
    video = read_video(path)
    np.testing.assert_array_equal(video.frames, clip)
    assert video.fps == 50
    assert video.notes == ("its pixels are 0.5 times as wide as high, and were taken as if they were square",)


def test_colours_and_other_types_of_nrrd_are_read(tmp_path: Path, clip: Frames) -> None:
    colours = np.repeat(ordered(clip[:9], "WHT")[None], 3, axis=0)
    np.testing.assert_array_equal(read_video(write_nrrd(tmp_path / "a", colours)).frames, clip[:9])
    deep = ordered(clip[:9], "WHT").astype(">i2")
    path = write_nrrd(tmp_path / "b", deep, type="short", endian="big")
    np.testing.assert_array_equal(read_video(path).frames, clip[:9])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sizes": "112 112"}, "cut off or damaged: its sizes|a still"),
        ({"sizes": "112 112 41"}, "but there are only"),
        ({"sizes": "112 112 39"}, "but there are more"),
        ({"sizes": "112 112 x"}, "no whole numbers"),
        ({"sizes": "9 9 9 9"}, "expected columns, rows and frames"),
        ({"sizes": "99999 99999 9"}, "declares frames of 99999 x 99999"),
        ({"type": "block"}, "holds pixels of another type"),
        ({"encoding": "bzip2"}, "its encoding is not read"),
        ({"encoding": ""}, "lacks the type, the sizes or the encoding"),
        ({"line_skip": "3"}, "skipped lines"),
        ({"byte_skip": "x"}, "is no whole number"),
        ({"data_file": "gone/a.raw"}, "expected a file in the same folder"),
    ],
)
def test_wrong_headers_of_nrrd_are_refused(tmp_path: Path, clip: Frames, fields: dict[str, str], message: str) -> None:
    with pytest.raises(VideoError, match=message):
        read_video(write_nrrd(tmp_path / "a", ordered(clip, "WHT"), **fields))


def test_a_damaged_nrrd_is_refused(tmp_path: Path, clip: Frames) -> None:
    path = write_nrrd(tmp_path / "a", ordered(clip, "WHT"))
    content = path.read_bytes()
    for length in range(8, len(content), len(content) // 31):
        path.write_bytes(content[:length])
        with pytest.raises(VideoError, match=r"a\.nrrd: "):
            read_nrrd(path)


# --- NIfTI-2, and pixels that come in pieces --------------------------------------------------------------------------


def test_a_cut_nifti_2_is_refused(tmp_path: Path, clip: Frames) -> None:
    path = write_nifti_2(tmp_path / "a", ordered(clip[:9], "WHT"))
    content = path.read_bytes()
    for length in (100, 400, 541, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(VideoError, match=r"a\.nii: "):
            read_video(path)


def test_oblong_voxels_are_told(tmp_path: Path, clip: Frames) -> None:
    nib.save(nib.Nifti1Image(ordered(clip, "WHT"), np.diag([0.15, 0.3, 1, 1])), tmp_path / "a.nii")
    assert "0.5 times as wide as high" in read_video(tmp_path / "a.nii").notes[0]


def test_levels_are_checked_across_all_pieces() -> None:
    values = np.zeros(1_200_000, dtype="<i2")
    values[-1] = -5
    data = values.tobytes()
    position = 0

    def read(num_bytes: int) -> bytes:
        nonlocal position
        position += num_bytes
        return data[position - num_bytes : position]

    with pytest.raises(VideoError, match="run from -5 to 0"):
        read_levels(read, (3, 400, 1000), values.dtype, "a")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_miscount_of_python_between_threads_makes_no_file_damaged(
    tmp_path: Path, clip: Frames, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    if path.suffix == ".npy":
        np.save(path, clip)
    else:
        np.savez(path, clip)
    evaluate, calls = ast.literal_eval, itertools.count()

    def evaluate_or_miscount(text: str) -> Any:
        if next(calls) % 3 == 0:
            raise SystemError("AST constructor recursion depth mismatch (before=42, after=39)")
        return evaluate(text)

    monkeypatch.setattr(ast, "literal_eval", evaluate_or_miscount)
    np.testing.assert_array_equal(read_video(path).frames, clip)
    assert next(calls) >= 2

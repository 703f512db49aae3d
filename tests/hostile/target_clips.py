"""Hostile clips: videos and pictures, volumes, DICOM."""

import io
from pathlib import Path

import numpy as np
import pydicom
from nibabel.loadsave import save
from nibabel.nifti1 import Nifti1Image
from PIL import Image
from pydicom.data import get_testdata_file
from tests.hostile.target import NUM_FRAMES, SIDE, Target, moving_disc


def _write_videos(folder: Path) -> list[Path]:
    import av

    paths = []
    for name, codec, options in (
        ("clip.avi", "mjpeg", {}),
        ("clip.mp4", "libx264", {"preset": "ultrafast"}),
        ("clip.mkv", "ffv1", {}),
        ("clip.webm", "libvpx", {"deadline": "realtime"}),
        ("clip.wmv", "wmv2", {}),
        ("clip.ts", "libx264", {"preset": "ultrafast"}),
        ("clip.mpg", "mpeg2video", {}),
        ("clip.flv", "flv1", {}),
        ("clip.ogv", "libvpx", {"deadline": "realtime"}),
        ("clip.rm", "rv20", {}),
        ("clip.wtv", "mpeg2video", {}),
        ("clip.y4m", "wrapped_avframe", {}),
    ):
        with av.open(str(folder / name), "w") as container:
            # 50 frames a second: MPEG's streams take few rates, and their buffers start late at 25.
            stream = container.add_stream(codec, rate=50, options=options)
            stream.width = stream.height = 64
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for grey in moving_disc():
                large = np.repeat(np.repeat(grey, 2, 0), 2, 1)
                frame = av.VideoFrame.from_ndarray(np.repeat(large[..., None], 3, 2), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        paths.append(folder / name)
    pictures = [Image.fromarray(frame) for frame in moving_disc()]
    for name in ("clip.gif", "clip.webp", "clip.png", "clip.tiff"):
        pictures[0].save(folder / name, save_all=True, append_images=pictures[1:], duration=40)
        paths.append(folder / name)
    return paths


def _write_volumes(folder: Path) -> list[Path]:
    frames = moving_disc()
    np.save(folder / "clip.npy", frames)
    np.savez(folder / "clip.npz", frames=frames)
    for name in ("clip.nii", "clip.nii.gz"):
        save(Nifti1Image(frames.transpose(2, 1, 0), np.eye(4)), folder / name)
    header = f"ObjectType = Image\nNDims = 3\nDimSize = {SIDE} {SIDE} {NUM_FRAMES}\nElementType = MET_UCHAR\n"
    (folder / "clip.mha").write_bytes((header + "ElementDataFile = LOCAL\n").encode() + frames.tobytes())
    (folder / "clip.mhd").write_text(header + "ElementDataFile = clip.raw\n")
    (folder / "clip.raw").write_bytes(frames.tobytes())
    nrrd = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: {SIDE} {SIDE} {NUM_FRAMES}\nencoding: raw\n\n"
    (folder / "clip.nrrd").write_bytes(nrrd.encode() + frames.tobytes())
    return [folder / f"clip.{suffix}" for suffix in ("npy", "npz", "nii", "nii.gz", "mha", "mhd", "nrrd")]


# Pictures of pydicom's own in the codings that nothing here writes. Small: what is decoded for long is tried seldom.
_COMPRESSED = (
    "emri_small_jpeg_ls_lossless.dcm", "emri_small_jpeg_2k_lossless.dcm", "emri_small_big_endian.dcm",
    "emri_small_RLE.dcm", "SC_rgb_jpeg_gdcm.dcm", "SC_rgb_jls_lossy_line.dcm", "SC_rgb_rle_2frame.dcm",
    "SC_rgb_gdcm_KY.dcm", "SC_rgb_jpeg_dcmtk.dcm",
)  # fmt: skip
_DATA = Path(__file__).parent / "data"
# A disc of 32 by 32 grey pixels in HTJ2K, made with OpenJPH 0.26: nothing here writes it, and pydicom has none.
HTJ2K = {
    name: (_DATA / f"disc-{kind}.j2c").read_bytes()
    for name, kind in (("HTJ2KLossless", "lossless"), ("HTJ2K", "lossy"))
}
# The fewest in which a moving sector is looked for.
_DICOM_FRAMES = 8


def _write_dicoms(folder: Path) -> list[Path]:
    """Small files in every coding that comes without a codec of its own, and pydicom's own in those that need one."""
    from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

    sound = _few_frames("examples_ybr_color.dcm")
    _as_small_jpegs(sound).save_as(folder / "jpeg.dcm")
    paths = [folder / "jpeg.dcm"]
    for name, syntax in (
        ("explicit.dcm", ExplicitVRLittleEndian),
        ("implicit.dcm", ImplicitVRLittleEndian),
        ("deflated.dcm", DeflatedExplicitVRLittleEndian),
        ("rle.dcm", RLELossless),
    ):
        dataset = _plain_dicom(sound)
        if syntax == RLELossless:
            dataset.compress(RLELossless)
        else:
            dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(folder / name, enforce_file_format=True)
        paths.append(folder / name)
    paths += [write_htj2k(folder / f"{name}.dcm", name, frame) for name, frame in HTJ2K.items()]
    for name in _COMPRESSED:
        if get_testdata_file(name, download=False) is not None:
            _few_frames(name).save_as(folder / name)
            paths.append(folder / name)
    return paths


def _few_frames(name: str) -> pydicom.Dataset:
    """A file of pydicom's own, called ultrasound, with its first frames; a single one is repeated."""
    from pydicom.encaps import encapsulate, generate_frames

    dataset = pydicom.dcmread(str(get_testdata_file(name, download=False)))
    frames = int(dataset.get("NumberOfFrames", 1))
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        stored = list(generate_frames(dataset.PixelData, number_of_frames=frames))
        dataset.PixelData = encapsulate((stored * _DICOM_FRAMES)[:_DICOM_FRAMES])
    else:
        dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // frames * _DICOM_FRAMES]
    dataset.NumberOfFrames = _DICOM_FRAMES
    dataset.Modality = "US"
    return dataset


def _as_small_jpegs(dataset: pydicom.Dataset) -> pydicom.Dataset:
    """A clip with all its tags, in frames of a fourth of their sides."""
    from pydicom.encaps import encapsulate

    stored = []
    for frame in dataset.pixel_array[:, ::4, ::4]:
        with io.BytesIO() as file:
            Image.fromarray(frame).save(file, format="jpeg")
            stored.append(file.getvalue())
    dataset.Rows, dataset.Columns = dataset.pixel_array[0, ::4, ::4].shape[:2]
    dataset.PixelData = encapsulate(stored)
    return dataset


def write_htj2k(path: Path, syntax_name: str, frame: bytes) -> Path:
    """Write a clip of one frame, coded already, again and again."""
    from pydicom import uid
    from pydicom.encaps import encapsulate

    dataset = _plain_dicom(_few_frames("examples_ybr_color.dcm"))
    dataset.file_meta.TransferSyntaxUID = getattr(uid, syntax_name)
    dataset.PixelData = encapsulate([frame] * NUM_FRAMES)
    dataset.save_as(path, enforce_file_format=True)
    return path


def _plain_dicom(sound: pydicom.Dataset) -> pydicom.Dataset:
    """Grey frames as they are, with a region of the ultrasound and sequences in sequences."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.sequence import Sequence
    from pydicom.uid import ExplicitVRLittleEndian

    frames = moving_disc()
    dataset = Dataset()
    for keyword in ("SOPClassUID", "SOPInstanceUID", "Modality", "FrameTime"):
        setattr(dataset, keyword, getattr(sound, keyword, "US"))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = *frames.shape[1:], len(frames)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    region, view, code = Dataset(), Dataset(), Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = SIDE - 1, SIDE - 1
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.03
    dataset.SequenceOfUltrasoundRegions = Sequence([region])
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "G-A19C", "SRT", "Apical four chamber"
    view.CodeValue, view.CodingSchemeDesignator, view.CodeMeaning = "G-A157", "SRT", "Apical"
    view.ViewModifierCodeSequence = Sequence([code])
    dataset.ViewCodeSequence = Sequence([view])
    dataset.PixelData = frames.tobytes()
    return dataset


def _read_video(folder: Path, damaged: Path) -> object:
    from coreecho.video import read_video

    return read_video(damaged)


CLIPS = (
    Target(name="videos", write=_write_videos, read=_read_video),
    Target(name="volumes", write=_write_volumes, read=_read_video),
    Target(name="dicom", write=_write_dicoms, read=_read_video),
)

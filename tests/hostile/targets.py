"""What hostile files are made from, and what reads them: a sound folder of each kind, and the file in it to damage."""

import io
import json
import pickle
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import yaml
from PIL import Image
from pydicom.data import get_testdata_file

# Ids without which no cohort would do, and no id of a person.
_FRAMES, _SIDE = 12, 32


@dataclass(frozen=True, kw_only=True)
class Target:
    """A kind of file.

    Attributes:
        name: of the kind.
        write: makes a sound folder of it, and returns the files to damage.
        read: reads the folder; `damaged` is the file in it that was damaged.
    """

    name: str
    write: Callable[[Path], list[Path]]
    read: Callable[[Path, Path], object]


def _frames(seed: int = 0) -> np.ndarray:
    """A bright disc that moves in the dark, (T, H, W) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:_SIDE, :_SIDE]
    places = 12 + 4 * np.sin(np.arange(_FRAMES) / 2 + seed)
    discs = [(np.hypot(x - place, y - 16) < 9) * rng.integers(40, 250, (_SIDE, _SIDE)) for place in places]
    return np.array(discs, dtype=np.uint8)


# ---- videos and volumes


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
            for grey in _frames():
                large = np.repeat(np.repeat(grey, 2, 0), 2, 1)
                frame = av.VideoFrame.from_ndarray(np.repeat(large[..., None], 3, 2), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        paths.append(folder / name)
    pictures = [Image.fromarray(frame) for frame in _frames()]
    for name in ("clip.gif", "clip.webp", "clip.png", "clip.tiff"):
        pictures[0].save(folder / name, save_all=True, append_images=pictures[1:], duration=40)
        paths.append(folder / name)
    return paths


def _write_volumes(folder: Path) -> list[Path]:
    frames = _frames()
    np.save(folder / "clip.npy", frames)
    np.savez(folder / "clip.npz", frames=frames)
    for name in ("clip.nii", "clip.nii.gz"):
        nib.save(nib.Nifti1Image(frames.transpose(2, 1, 0), np.eye(4)), folder / name)  # type: ignore[attr-defined]
    header = f"ObjectType = Image\nNDims = 3\nDimSize = {_SIDE} {_SIDE} {_FRAMES}\nElementType = MET_UCHAR\n"
    (folder / "clip.mha").write_bytes((header + "ElementDataFile = LOCAL\n").encode() + frames.tobytes())
    (folder / "clip.mhd").write_text(header + "ElementDataFile = clip.raw\n")
    (folder / "clip.raw").write_bytes(frames.tobytes())
    nrrd = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: {_SIDE} {_SIDE} {_FRAMES}\nencoding: raw\n\n"
    (folder / "clip.nrrd").write_bytes(nrrd.encode() + frames.tobytes())
    return [folder / f"clip.{suffix}" for suffix in ("npy", "npz", "nii", "nii.gz", "mha", "mhd", "nrrd")]


# Pictures of pydicom's own in the codings that nothing here writes. Small: what is decoded for long is tried seldom.
_COMPRESSED = (
    "emri_small_jpeg_ls_lossless.dcm", "emri_small_jpeg_2k_lossless.dcm", "emri_small_big_endian.dcm",
    "emri_small_RLE.dcm", "SC_rgb_jpeg_gdcm.dcm", "SC_rgb_jls_lossy_line.dcm", "SC_rgb_rle_2frame.dcm",
    "SC_rgb_gdcm_KY.dcm", "SC_rgb_jpeg_dcmtk.dcm",
)  # fmt: skip
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


def _plain_dicom(sound: pydicom.Dataset) -> pydicom.Dataset:
    """Grey frames as they are, with a region of the ultrasound and sequences in sequences."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.sequence import Sequence
    from pydicom.uid import ExplicitVRLittleEndian

    frames = _frames()
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
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = _SIDE - 1, _SIDE - 1
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


# ---- tables of data sets


def _write_clips(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        np.save(folder / name, _frames(number))


def _write_tables(folder: Path) -> list[Path]:
    _write_clips(folder, [f"{number}.npy" for number in range(6)])
    table = pd.DataFrame(
        {
            "path": [f"{number}.npy" for number in range(6)],
            "ef_percent": [55.1, 62.4, 31.0, 48.5, 70.2, 20.9],
            "patient": ["a", "b", "c", "d", "e", "f"],
            "split": ["train", "train", "train", "val", "val", "test"],
            "edv_ml": [100, 120, 180, 90, 80, 210],
        }
    )
    table.to_csv(folder / "table.csv", index=False)
    table.to_csv(folder / "semicolons.csv", index=False, sep=";")
    table.to_excel(folder / "table.xlsx", index=False)
    table.to_parquet(folder / "table.parquet")
    return [folder / name for name in ("table.csv", "semicolons.csv", "table.xlsx", "table.parquet")]


def _read_table(folder: Path, damaged: Path) -> object:
    from coreecho.datasets import load_recordings

    return load_recordings("table", damaged)


def _write_echonet(folder: Path) -> list[Path]:
    (folder / "Videos").mkdir(parents=True)
    names = [f"0X{number:016X}" for number in range(6)]
    rows = ["FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split"]
    rows += [
        f"{name},{50 + place},{45 - 0.9 * place:g},90,112,112,50,{_FRAMES},{'TRAIN' if place < 4 else 'VAL'}"
        for place, name in enumerate(names)
    ]
    (folder / "FileList.csv").write_text("\n".join(rows) + "\n")
    tracings = ["FileName,X1,Y1,X2,Y2,Frame"]
    for name in names:
        (folder / "Videos" / f"{name}.avi").write_bytes(b"not looked into")
        tracings += [f"{name}.avi,{40 + i},{30 + i},{60 + i},{31 + i},{frame}" for frame in (2, 8) for i in range(5)]
    (folder / "VolumeTracings.csv").write_text("\n".join(tracings) + "\n")
    return [folder / "FileList.csv", folder / "VolumeTracings.csv"]


def _read_echonet(folder: Path, damaged: Path) -> object:
    from coreecho.datasets import load_recordings, read_tracings

    # The table's recordings come with what is traced of them, so that the tracings are read in either case.
    return read_tracings(folder) if damaged.name == "VolumeTracings.csv" else load_recordings("echonet", folder)


def _write_camus(folder: Path) -> list[Path]:
    import nibabel as nib

    infos = []
    for number in range(1, 12):
        place = folder / "database_nifti" / f"patient{number:04d}"
        place.mkdir(parents=True)
        for chamber in ("2CH", "4CH"):
            frames = _frames(number).transpose(2, 1, 0)
            nib.save(nib.Nifti1Image(frames, np.eye(4)), place / f"{place.name}_{chamber}_half_sequence.nii.gz")  # type: ignore[attr-defined]
            info = place / f"Info_{chamber}.cfg"
            info.write_text(
                f"ED: 1\nES: {_FRAMES}\nNbFrame: {_FRAMES}\nSex: F\nAge: 60\nImageQuality: Good\nEF: {50 + number}\n"
                "FrameRate: 50\n"
            )
            infos.append(info)
    return infos


def _read_camus(folder: Path, damaged: Path) -> object:
    from coreecho.datasets import load_recordings

    return load_recordings("camus", folder, folds="blocks")


def _write_hmc_qu(folder: Path) -> list[Path]:
    import openpyxl

    from coreecho.datasets.hmc_qu import SEGMENTS

    book = openpyxl.Workbook()
    names = [f"SEG{number}" for number in SEGMENTS["A4C"]]
    rows = [["ECHO", "LABEL", *[""] * 5, "One cardiac-cycle frames", "", "LV Wall Ground-truth Segmentation Masks"]]
    rows += [["", *names, "Reference Frame", "End of Cycle", ""]]
    rows += [[f"ES{place:04d} _4CH_1", *["MI" if place % 2 else "non-MI"] * 6, 1, 9, "ü"] for place in range(12)]
    for row in rows:
        book.active.append(row)
    book.save(folder / "A4C.xlsx")
    (folder / "A4C").mkdir()
    for row in rows[2:]:
        (folder / "A4C" / f"{row[0]}.avi").write_bytes(b"not looked into")
    return [folder / "A4C.xlsx"]


def _read_hmc_qu(folder: Path, damaged: Path) -> object:
    from coreecho.datasets import load_recordings

    return load_recordings("hmc-qu", folder, view="A4C")


# ---- what this package writes


def _write_weights(folder: Path) -> list[Path]:
    import torch

    from coreecho.models import ModelInput, build_model, save_weights
    from coreecho.models.card import WeightsCard

    model_input = ModelInput(num_frames=4, stride=2, frame_size=32)
    model = build_model("colearning_xs", model_input, last_bias=50.0)
    card = WeightsCard(
        kind="model", reads={"name": "ef"}, encoder="colearning_xs", source="hostile", licence="none",
        num_parameters=1, source_sha256=None, model_input=model_input, trained_on=None, coreecho_version="0",
    )  # fmt: skip
    save_weights(folder / "model.safetensors", model, card)
    torch.save({"state_dict": {"module.norm.weight": torch.ones(3)}}, folder / "published.pt")
    return [folder / "model.safetensors", folder / "published.pt"]


def _read_weights(folder: Path, damaged: Path) -> object:
    from coreecho.models import import_weights, load_model

    return load_model(damaged) if damaged.suffix == ".safetensors" else import_weights(damaged)


def _write_cards(folder: Path) -> list[Path]:
    from safetensors import safe_open

    [weights, _] = _write_weights(folder)
    with safe_open(weights, framework="pt") as file:
        card = file.metadata()["coreecho_card"]
    (folder / "card.json").write_text(card)
    return [folder / "card.json"]


def _read_card(folder: Path, damaged: Path) -> object:
    from coreecho.models.card import WeightsCard

    return WeightsCard.from_json(damaged.read_bytes().decode("utf-8", "replace"))


def _write_recipes(folder: Path) -> list[Path]:
    from coreecho.training import find_recipe, recipe_names

    for name in recipe_names():
        shutil.copy(find_recipe(name), folder / f"{name}.yaml")
    return sorted(folder.glob("*.yaml"))


def _read_recipe(folder: Path, damaged: Path) -> object:
    from coreecho.training import Recipe

    return Recipe.from_yaml(damaged)


def _write_paper_tables(folder: Path) -> list[Path]:
    from importlib.resources import files

    for entry in (files("coreecho.experiments") / "tables").iterdir():
        if entry.name != "trainings.yaml":
            table = yaml.safe_load(entry.read_text())
            # Every key, and few rows of each: YAML is read slowly.
            table["rows"] = table["rows"][:3]
            table.pop("comparisons", None)
            (folder / entry.name).write_text(yaml.safe_dump(table, sort_keys=False, width=120))
    return sorted(folder.glob("*.yaml"))


def _read_paper_table(folder: Path, damaged: Path) -> object:
    from coreecho.experiments.table_file import read_table

    return read_table(str(damaged))


def _write_starts(folder: Path) -> list[Path]:
    starts = {f"{number}.avi": np.array([1, 2, 3]) for number in range(4)}
    (folder / "starts.pkl").write_bytes(pickle.dumps(starts))
    (folder / "starts.json").write_text(json.dumps({name: value.tolist() for name, value in starts.items()}))
    return [folder / "starts.pkl", folder / "starts.json"]


def _read_starts(folder: Path, damaged: Path) -> object:
    from coreecho.video import read_start_index

    return read_start_index(damaged)


def _write_store(folder: Path) -> list[Path]:
    from coreecho.video.store import FrameStore

    _write_clips(folder / "clips", [f"{number}.npy" for number in range(3)])
    sources = {str(number): folder / "clips" / f"{number}.npy" for number in range(3)}
    FrameStore.build(folder / "store", sources, frame_size=32, workers=1)
    return sorted(path for path in (folder / "store").iterdir() if path.suffix == ".json")


def _read_store(folder: Path, damaged: Path) -> object:
    from coreecho.video.store import FrameStore

    sources: Any = {str(number): folder / "clips" / f"{number}.npy" for number in range(3)}
    store = FrameStore.build(folder / "store", sources, frame_size=32, workers=1)
    return [np.asarray(store.frames(str(number))).sum() for number in range(3)]


def _write_archives(folder: Path) -> list[Path]:
    from coreecho.representation.embedding_files import save_embeddings
    from coreecho.representation.embedding_set import EmbeddingSet
    from coreecho.representation.references import References, save_references

    numbers = np.linspace(20.0, 70.0, 8)
    embedded = EmbeddingSet(
        ids=tuple("abcdefgh"), embeddings=np.ones((8, 4), np.float32), ef_percent=numbers, ef_predicted=numbers,
        source="hostile", is_phantom=True,
    )  # fmt: skip
    save_embeddings(folder / "embeddings.npz", embedded)
    references = References(embedded=embedded, thumbnails=_frames()[:8], weights_sha256="0" * 64)
    save_references(folder / "references.npz", references)
    return [folder / "embeddings.npz", folder / "references.npz"]


def _read_archive(folder: Path, damaged: Path) -> object:
    from coreecho.representation.embedding_files import load_embeddings
    from coreecho.representation.references import load_references

    return load_references(damaged) if damaged.name == "references.npz" else load_embeddings(damaged)


def _write_calibrations(folder: Path) -> list[Path]:
    from coreecho.trust import ModelCalibration, calibrate, calibration_to_json, know, make_gate

    rng = np.random.default_rng(0)
    predicted, others = rng.uniform(20, 70, 60), rng.normal(50, 2, 40)
    intervals = calibrate(
        predicted + rng.normal(0, 5, 60), predicted, spread=rng.gamma(2, size=60), method="normalised-by-range",
        calibrated_on="hostile", is_phantom=True, model="abc", made_on=date(2026, 2, 3),
    )  # fmt: skip
    known = know(rng.normal(size=(40, 5)), rng.uniform(20, 70, 40), words="40 recordings")
    whole = ModelCalibration(intervals=intervals, num_clips=3, gate=make_gate({"frame_rate": others}), known=known)
    (folder / "model.calibration.json").write_text(calibration_to_json(whole))
    return [folder / "model.calibration.json"]


def _read_calibration(folder: Path, damaged: Path) -> object:
    from coreecho.trust import read_calibration

    return read_calibration(damaged)


def _write_labels(folder: Path) -> list[Path]:
    _write_clips(folder, [f"{number}.npy" for number in range(4)])
    table = pd.DataFrame(
        {
            "path": [f"{number}.npy" for number in range(4)],
            "ef_percent": [55.1, 62.4, 31.0, 48.5],
            "esv_ml": [45.0, 40.0, 120.0, 60.0],
            "edv_ml": [100.0, 110.0, 180.0, 115.0],
            "split": ["train", "train", "val", "test"],
            "patient": ["a", "b", "c", "d"],
        }
    )
    table.to_csv(folder / "labels.csv", index=False)
    table.to_excel(folder / "labels.xlsx", index=False)
    return [folder / "labels.csv", folder / "labels.xlsx"]


def _read_labels(folder: Path, damaged: Path) -> object:
    from coreecho.datasets.convert_labels import read_labels

    return read_labels(damaged, folder)


def _write_run(folder: Path) -> list[Path]:
    from coreecho.models.model_input import ModelInput
    from coreecho.phantom import PhantomSettings, write_echonet_phantoms
    from coreecho.training import Hardware, Recipe, train

    settings = PhantomSettings(min_frames=24, max_frames=24)
    write_echonet_phantoms(folder / "data", recordings=16, seed=7, settings=settings, workers=1)
    recipe = Recipe(
        encoder="colearning_xs", input=ModelInput(num_frames=4, stride=4, frame_size=32), crop_pad=2, batch_size=4,
        stage1_epochs=1, stage2=False,
    )  # fmt: skip
    train(recipe, data=folder / "data", out=folder / "run", hardware=Hardware(device="cpu"))
    return [folder / "run" / name for name in ("run.json", "recipe.yaml", "metrics.csv", "last.ckpt")]


def _read_run(folder: Path, damaged: Path) -> object:
    from coreecho.training import RunFolder
    from coreecho.training.state import load_state

    run = RunFolder.open(folder / "run")
    return load_state(run.state) if damaged == run.state else run.metrics()


TARGETS = {
    target.name: target
    for target in (
        Target(name="videos", write=_write_videos, read=_read_video),
        Target(name="volumes", write=_write_volumes, read=_read_video),
        Target(name="dicom", write=_write_dicoms, read=_read_video),
        Target(name="tables", write=_write_tables, read=_read_table),
        Target(name="echonet", write=_write_echonet, read=_read_echonet),
        Target(name="camus", write=_write_camus, read=_read_camus),
        Target(name="hmc-qu", write=_write_hmc_qu, read=_read_hmc_qu),
        Target(name="weights", write=_write_weights, read=_read_weights),
        Target(name="cards", write=_write_cards, read=_read_card),
        Target(name="recipes", write=_write_recipes, read=_read_recipe),
        Target(name="paper-tables", write=_write_paper_tables, read=_read_paper_table),
        Target(name="start-index", write=_write_starts, read=_read_starts),
        Target(name="store", write=_write_store, read=_read_store),
        Target(name="archives", write=_write_archives, read=_read_archive),
        Target(name="calibrations", write=_write_calibrations, read=_read_calibration),
        Target(name="labels", write=_write_labels, read=_read_labels),
        Target(name="run", write=_write_run, read=_read_run),
    )
}


def write_target(name: str, folder: Path) -> list[Path]:
    """Write the sound files of a kind, quietly; return those to damage."""
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TARGETS[name].write(folder)

"""Hostile descriptions of data sets: tables, tracings, what archives give with their videos, labels to convert."""

from pathlib import Path

import numpy as np
import pandas as pd
from tests.hostile.target import NUM_FRAMES, Target, moving_disc, write_clips


def _write_tables(folder: Path) -> list[Path]:
    write_clips(folder, [f"{number}.npy" for number in range(6)])
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
        f"{name},{50 + place},{45 - 0.9 * place:g},90,112,112,50,{NUM_FRAMES},{'TRAIN' if place < 4 else 'VAL'}"
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
    from nibabel.loadsave import save
    from nibabel.nifti1 import Nifti1Image

    infos = []
    for number in range(1, 12):
        place = folder / "database_nifti" / f"patient{number:04d}"
        place.mkdir(parents=True)
        for chamber in ("2CH", "4CH"):
            frames = moving_disc(number).transpose(2, 1, 0)
            save(Nifti1Image(frames, np.eye(4)), place / f"{place.name}_{chamber}_half_sequence.nii.gz")
            info = place / f"Info_{chamber}.cfg"
            info.write_text(
                f"ED: 1\nES: {NUM_FRAMES}\nNbFrame: {NUM_FRAMES}\nSex: F\nAge: 60\nImageQuality: Good\n"
                f"EF: {50 + number}\nFrameRate: 50\n"
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


def _write_labels(folder: Path) -> list[Path]:
    write_clips(folder, [f"{number}.npy" for number in range(4)])
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


DATA_SETS = (
    Target(name="tables", write=_write_tables, read=_read_table),
    Target(name="echonet", write=_write_echonet, read=_read_echonet),
    Target(name="camus", write=_write_camus, read=_read_camus),
    Target(name="hmc-qu", write=_write_hmc_qu, read=_read_hmc_qu),
    Target(name="labels", write=_write_labels, read=_read_labels),
)

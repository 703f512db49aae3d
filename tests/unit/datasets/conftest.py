"""Small trees in the exact layouts of the data sets that may not be redistributed."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import openpyxl
import pytest
import scipy.io
from tests.unit.datasets.converting import clips_of_three_patients

from coreecho.phantom.avi import write_mjpeg_avi

TreeWriter = Callable[..., Path]


def beating_disc(num_frames: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """(T, H, W) uint8: a bright disc that shrinks over the frames, on black, with a little texture of its own."""
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(rows - height / 2, columns - width / 2)
    radii = np.linspace(0.42, 0.25, num_frames) * min(height, width)
    texture = np.random.default_rng(seed).integers(90, 200, (height, width))
    return np.where(distance < radii[:, None, None], texture, 0).astype(np.uint8)


@pytest.fixture(scope="session")
def write_camus() -> TreeWriter:
    """Writes a CAMUS tree of either release: write(root, patients, release=..., changes={(patient, key): value})."""
    return _write_camus


def _write_camus(
    root: Path,
    patients: Sequence[int] = (1, 2, 3),
    *,
    release: str = "nifti",
    changes: Mapping[tuple[int, str], Any] | None = None,
    backward: Sequence[int] = (),
    testing: Sequence[int] = (),
) -> Path:
    for number in patients:
        name = f"patient{number:04d}"
        group = "database_nifti" if release == "nifti" else "testing" if number in testing else "training"
        folder = root / group / name
        folder.mkdir(parents=True)
        for chamber, seed in (("2CH", 1), ("4CH", 2)):
            num_frames = 12 + number % 5
            frames = beating_disc(num_frames, 40 + 2 * number % 9, 30 + number % 7, seed=10 * number + seed)
            ed, es = (num_frames, 1) if number in backward else (1, num_frames)
            if number in backward:
                frames = frames[::-1]
            info: dict[str, Any] = {"ED": ed, "ES": es, "NbFrame": num_frames, "Sex": "F", "Age": 56}
            info["ImageQuality"] = ("Good", "Medium", "Poor")[number % 3]
            if release == "nifti":
                info |= {"EF": 40 + number % 40, "FrameRate": 50.6}
            elif number not in testing:
                info |= {"LVedv": 100.0, "LVesv": 60.0 - number % 40, "LVef": 40.0 + number % 40}
            info |= {key: value for (who, key), value in (changes or {}).items() if who == number}
            lines = [f"{key}: {value}" for key, value in info.items() if value is not None]
            (folder / f"Info_{chamber}.cfg").write_text("\n".join(lines) + "\n")
            images = {"half_sequence" if release == "nifti" else "sequence": frames}
            images |= {"ED": frames[ed - 1], "ES": frames[es - 1]}
            if number not in testing:
                images |= {f"{kind}_gt": (images[kind] > 0).astype(np.uint8) for kind in ("ED", "ES")}
            for kind, image in images.items():
                _write_image(folder / f"{name}_{chamber}_{kind}", image, release)
    return root


def _write_image(stem: Path, image: np.ndarray, release: str) -> None:
    if release == "nifti":
        pixels = np.ascontiguousarray(image.T)
        nib.save(nib.Nifti1Image(pixels, np.diag([0.308, 0.308, 1, 1])), f"{stem}.nii.gz")
        return
    sizes = " ".join(str(length) for length in reversed(image.shape))
    Path(f"{stem}.mhd").write_text(
        f"ObjectType = Image\nNDims = {image.ndim}\nDimSize = {sizes}\nElementType = MET_UCHAR\n"
        f"ElementDataFile = {stem.name}.raw\n"
    )
    Path(f"{stem}.raw").write_bytes(np.ascontiguousarray(image).tobytes())


HmcRow = tuple[str, Sequence[str], Any, Any, str]


@pytest.fixture(scope="session")
def hmc_rows() -> Callable[..., list[HmcRow]]:
    """Rows of an HMC-QU sheet: every third normal, every fourth without masks; names with spaces as in the original."""

    def rows(count: int = 12, chamber: str = "4CH") -> list[HmcRow]:
        made: list[HmcRow] = []
        for number in range(1, count + 1):
            marks = ["non-MI"] * 6
            if number % 3:
                marks[number % 6] = "MI"
            name = f"ES{number:04d} _{chamber}_1" if number % 2 else f"ES{number:06d} N_{chamber}_1"
            made.append((name, marks, 2, 9 + number % 3, "û" if number % 4 == 0 else "ü"))
        return made

    return rows


@pytest.fixture(scope="session")
def write_hmc_qu() -> TreeWriter:
    """Writes an HMC-QU tree of one view: write(root, rows, view="A4C")."""
    return _write_hmc_qu


def _write_hmc_qu(root: Path, rows: Sequence[HmcRow], *, view: str = "A4C", clips: Sequence[str] | None = None) -> Path:
    (root / view).mkdir(parents=True, exist_ok=True)
    masks = root / "LV Ground-truth Segmentation Masks"
    masks.mkdir(exist_ok=True)
    segments = {"A4C": (3, 9, 14, 16, 12, 6), "A2C": (4, 10, 15, 13, 7, 1)}[view]
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(
        ["ECHO", "LABEL", *[None] * 5, "One cardiac-cycle frames", None, "LV Wall Ground-truth Segmentation Masks"]
    )
    sheet.append([None, *(f"SEG{number}" for number in segments), "Reference Frame", "End of Cycle", None])
    for merged in ("A1:A2", "B1:G1", "H1:I1", "J1:J2"):
        sheet.merge_cells(merged)
    for name, marks, first, last, tick in rows:
        sheet.append([name, *marks, first, last, tick])
    # The official sheet runs on with formatted blank rows.
    sheet.cell(row=sheet.max_row + 40, column=1, value=" ")
    book.save(root / f"{view}.xlsx")
    # The discs are no patients, and say so.
    (root / "phantom.json").write_text("{}")
    for number, (name, *_, tick) in enumerate(rows, start=100 * (view == "A2C")):
        if clips is None or name in clips:
            write_mjpeg_avi(root / view / f"{name}.avi", beating_disc(14, 60, 90, seed=number), 25.0)
        if tick == "ü":
            scipy.io.savemat(masks / f"Mask_{name}.mat", {"predicted": np.ones((8, 4, 4), dtype=np.uint8)})
    return root


@pytest.fixture(scope="session")
def write_pediatric() -> TreeWriter:
    """Writes an EchoNet-Pediatric tree of ten clips a view: write(root, views, changes={(number, column): text})."""
    return _write_pediatric


def _write_pediatric(
    root: Path, views: Sequence[str] = ("A4C", "PSAX"), changes: Mapping[tuple[int, str], str] | None = None
) -> Path:
    for view in views:
        (root / view / "Videos").mkdir(parents=True)
        lines, tracings = ["FileName,EF,Sex,Age,Weight,Height,Split"], ["FileName,X,Y,Frame"]
        for number in range(10):
            name = f"CR{view}{number:03d}"
            values = {"EF": f"{50 + number}.5", "Split": str(number)}
            values |= {column: text for (who, column), text in (changes or {}).items() if who == number}
            lines.append(f"{name}.avi,{values['EF']},F,7,20.1,120,{values['Split']}")
            tracings += [f"{name}.avi,10,10,{frame}" for frame in ("3", "No Systolic")]
            write_mjpeg_avi(root / view / "Videos" / f"{name}.avi", beating_disc(6, 112, 112, seed=number), 30.0)
        (root / "phantom.json").write_text("{}")
        (root / view / "FileList.csv").write_text("\n".join(lines) + "\n")
        (root / view / "VolumeTracings.csv").write_text("\n".join(tracings) + "\n")
    return root


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Four prepared clips in folders of three patients."""
    return clips_of_three_patients(tmp_path / "clips")


@pytest.fixture
def labels(clips: Path, tmp_path: Path) -> Path:
    """A table of their EF, and of who they are."""
    path = tmp_path / "labels.csv"
    path.write_text(
        "path,ef_percent,esv_ml,edv_ml,patient\n"
        "a/1.avi,60.123456,40,100,anna\na/2.avi,61,,,anna\nb/1.avi,35,80.5,125,bert\n" + f"{clips}/c/1.avi,50,,,carl\n"
    )
    return path

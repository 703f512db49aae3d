"""What a wheel and a source archive hold, and what the models that ship do."""

import shutil
import tarfile
import zipfile
from collections.abc import Set
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

import coreecho
from coreecho.evaluation.model_record import read_record
from coreecho.experiments.model_making import RECORD
from coreecho.inference import Predictor
from coreecho.report.model_page import model_page
from coreecho.representation.references import load_default_references

ROOT = Path(__file__).parents[2]
SHIPPED = Path(str(coreecho.__file__)).parent / "shipped"
# Of a repository whose files are looked at one by one.
LARGEST_BYTES = 5_000_000

needs_weights = pytest.mark.skipif(
    not (SHIPPED / "default-ef.safetensors").is_file(), reason="this clone has no models: `make default-models`"
)


def names_in_wheel(root: Path, folder: Path) -> Set[str]:
    """Build a wheel without network and without pip, as `pip wheel --no-build-isolation` does."""
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is an extra of developers")
    (built,) = wheel.WheelBuilder(str(root)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        return frozenset(archive.namelist())


@pytest.fixture
def small_root(tmp_path: Path, shipped: Path) -> Path:
    """A source tree with this project's settings, of which the package is no more than what ships."""
    root = tmp_path / "root"
    (root / "src/coreecho").mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copyfile(ROOT / name, root / name)
    shutil.copytree(shipped, root / "src/coreecho/shipped")
    (root / "src/coreecho/shipped" / RECORD).write_text("{}")
    return root


def test_weights_references_and_record_travel_with_the_package(small_root: Path, tmp_path: Path) -> None:
    expected = {"default-ef.safetensors", "default-ef.references.npz", "default-lv.safetensors", RECORD}
    in_wheel = names_in_wheel(small_root, tmp_path / "wheel")
    assert {name.removeprefix("coreecho/shipped/") for name in in_wheel if "/shipped/" in name} == expected
    sdist = pytest.importorskip("hatchling.builders.sdist")
    (built,) = sdist.SdistBuilder(str(small_root)).build(directory=str(tmp_path / "sdist"), versions=["standard"])
    with tarfile.open(built) as archive:
        assert {Path(name).name for name in archive.getnames() if "/shipped/" in name} == expected


def test_the_wheel_holds_the_whole_package(tmp_path: Path) -> None:
    package = ROOT / "src/coreecho"
    expected = {
        f"coreecho/{file.relative_to(package).as_posix()}"
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert expected <= names_in_wheel(ROOT, tmp_path)
    assert "coreecho/experiments/plans/default-models.yaml" in expected


def test_no_file_that_ships_is_too_large() -> None:
    assert max(file.stat().st_size for file in SHIPPED.iterdir() if file.is_file()) <= LARGEST_BYTES


@needs_weights
def test_the_model_that_ships_reads_a_real_clip() -> None:
    said = Predictor()(str(get_testdata_file("examples_ybr_color.dcm", download=False)))
    assert said.ef_percent is not None
    # A heart that beats, on a scale that a network could leave: nothing is known of the true EF.
    assert 10 < said.ef_percent < 90
    assert "seen no patient" in said.model
    assert any("no clinical meaning" in warning for warning in said.warnings)


@needs_weights
def test_its_reference_hearts_are_its_own() -> None:
    references = load_default_references()
    assert references.embedded.is_phantom
    assert len(set(references.embedded.ids)) == len(references.embedded) >= 100


@needs_weights
def test_the_page_about_the_models_is_what_the_program_writes() -> None:
    written = model_page(SHIPPED, read_record(SHIPPED / RECORD))
    assert (ROOT / "docs/default-models.md").read_text() == written

"""Commands without `--model`, as a user types them right after `pip install`."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from coreecho.cli.main import main
from coreecho.inference import Predictor
from coreecho.shipped import RESEARCH_MODEL

# The command line is read from sys.argv on purpose.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens"),
    pytest.mark.usefixtures("rough_pictures"),
]
TypeIn = Callable[..., tuple[int, str, str]]


@pytest.fixture
def coreecho(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, shipped: Path
) -> TypeIn:
    """Run a command line in an empty folder; gives exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def type_in(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["coreecho", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return type_in


@pytest.fixture
def clip() -> Path:
    return Path(str(get_testdata_file("examples_ybr_color.dcm", download=False)))


def test_predict(coreecho: TypeIn, clip: Path, shipped: Path) -> None:
    code, out, err = coreecho("predict", clip, "--json")
    assert code == 0
    assert f"The model that ships with coreecho reads the EF: {RESEARCH_MODEL}." in err
    (said,) = json.loads(out)["predictions"]
    assert said["ef_percent"] == pytest.approx(Predictor()(clip).ef_percent, abs=1e-4)
    assert RESEARCH_MODEL in said["model"]
    assert any("no clinical meaning" in warning for warning in said["warnings"])
    own = shutil.copy(shipped / "default-ef.safetensors", "own.safetensors")
    _, _, silent = coreecho("predict", clip, "--model", own)
    assert RESEARCH_MODEL not in silent


def test_explain(coreecho: TypeIn, clip: Path) -> None:
    code, _, err = coreecho("explain", clip, "--clips", 1, "--film", "gif")
    assert code == 0
    assert RESEARCH_MODEL in err
    assert any(Path("explanation").glob("*.gif"))


def test_segment(coreecho: TypeIn, clip: Path) -> None:
    _, _, err = coreecho("segment", clip, "--no-film", "--out", "lv")
    assert f"The model that ships with coreecho outlines the left ventricle: {RESEARCH_MODEL}." in err


def test_neighbours_are_the_hearts_that_come_with_it(coreecho: TypeIn, clip: Path) -> None:
    code, out, err = coreecho("neighbours", clip, "--k", 3, "--out", "near")
    assert code == 0
    assert RESEARCH_MODEL in err
    assert "simulated hearts" in out
    found = json.loads(Path("near/neighbours.json").read_text())
    assert len({near["recording"] for near in found["neighbours"]}) == 3
    assert found["is_phantom"] is True
    assert Path("near/neighbours.png").is_file()


def test_map_of_the_hearts_that_come_with_it(coreecho: TypeIn, clip: Path) -> None:
    code, _, err = coreecho("map", "--clip", clip, "--method", "pca")
    assert code == 0
    assert RESEARCH_MODEL in err
    assert "new clip" in Path("map/map.html").read_text()
    # A line for each of the eight hearts, below that of the columns.
    assert len(Path("map/map.csv").read_text().splitlines()) == 9


def test_a_calibration_is_not_written_into_the_package(coreecho: TypeIn, phantom_root: Path, shipped: Path) -> None:
    before = sorted(shipped.iterdir())
    code, _, err = coreecho("calibrate", "default", "--data", phantom_root)
    assert code == 2
    assert "give `--out FILE`" in " ".join(err.split())
    assert sorted(shipped.iterdir()) == before


def test_evaluate_by_its_name(coreecho: TypeIn, phantom_root: Path, tmp_path: Path) -> None:
    code, _, err = coreecho("evaluate", "default", "--data", phantom_root, "--clips", 1, "--out", tmp_path / "found")
    assert code == 0, err
    assert (tmp_path / "found" / "metrics.json").is_file()

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from coreecho.datasets import LAYOUTS, FaultyDatasetError, Layout, Option, Recording, Survey, load_recordings
from coreecho.datasets.options import parse_options
from coreecho.datasets.phantom_marks import has_phantom_mark, is_phantom_root
from coreecho.errors import DatasetError, RecipeError
from coreecho.phantom.avi import write_mjpeg_avi
from coreecho.training.recipe_files import find_recipe
from coreecho.video.video_file import VideoFile
from coreecho.video.writing import write_mjpeg_avi as write_real_avi

TreeWriter = Callable[..., Path]


class TwoClips(Layout):
    """A layout from outside this package."""

    name = "two-clips"
    title = "Two Clips"
    description = "A root holds a.npy and b.npy"
    options = (Option("shift", int, 0, "Added to EF."),)

    def looks_like(self, root: Path) -> bool:
        return (root / "a.npy").is_file()

    def read(self, root: Path, **settings: Any) -> Survey:
        survey = Survey(root=root)
        for place, name in enumerate(("a", "b")):
            path = root / f"{name}.npy"
            survey.recordings.append(Recording(id=name, path=path, ef_percent=50 + place + settings["shift"]))
        return survey


class FormerName(TwoClips):
    """Says how a store decodes a recording, by the name that this had."""

    def frame_source(self, recording: Recording) -> VideoFile:
        return VideoFile(recording.path)


class Slip(TwoClips):
    """Forgets a letter."""

    quality_group: ClassVar[dict[str, str]] = {"Poor": "Poor"}
    scanners = ("A", "B")


@pytest.fixture
def roots(
    tmp_path: Path,
    phantom_root: Path,
    write_camus: TreeWriter,
    write_hmc_qu: TreeWriter,
    hmc_rows: Callable[..., list[Any]],
    write_pediatric: TreeWriter,
) -> dict[str, Path]:
    """A tree in each layout of a folder."""
    return {
        "echonet": phantom_root,
        "camus": write_camus(tmp_path / "camus"),
        "hmc-qu": write_hmc_qu(tmp_path / "hmc", hmc_rows(3), clips=[]),
        "echonet-pediatric": write_pediatric(tmp_path / "pediatric", ("A4C",)),
    }


def test_a_wrong_layout_is_named_for_what_it_is(roots: dict[str, Path]) -> None:
    for right, root in roots.items():
        assert [name for name in roots if LAYOUTS.get(name).looks_like(root)] == [right]
        for wrong in roots.keys() - {right}:
            with pytest.raises(DatasetError, match=rf"This looks like .*; use --dataset {right}\."):
                load_recordings(wrong, root)


def test_a_table_is_recognised_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text("Path;EF\na.avi;50\n")
    with pytest.raises(DatasetError, match=r"This looks like a table of clips; use --dataset table\."):
        load_recordings("camus", tmp_path)
    (tmp_path / "export.csv").write_text("FileName,EF\na,50\n")
    with pytest.raises(DatasetError) as raised:
        load_recordings("camus", tmp_path)
    assert "looks like" not in str(raised.value)


def test_a_folder_one_level_too_high_is_pointed_down(tmp_path: Path, write_camus: TreeWriter) -> None:
    write_camus(tmp_path / "downloads" / "CAMUS_public")
    with pytest.raises(DatasetError, match=r"CAMUS seems to lie in .*CAMUS_public; give that folder\."):
        load_recordings("camus", tmp_path / "downloads")


def test_a_layout_from_outside_needs_one_object(tmp_path: Path) -> None:
    (tmp_path / "a.npy").touch()
    path = f"{__name__}:TwoClips"
    assert [recording.ef_percent for recording in load_recordings(path, tmp_path, shift="3")] == [53, 54]
    with pytest.raises(DatasetError, match=r"the option shift is 'three', expected a whole number"):
        load_recordings(path, tmp_path, shift="three")
    with pytest.raises(DatasetError, match=r"two-clips has no option fold; its options are: shift"):
        load_recordings(path, tmp_path, fold=1)
    with pytest.raises(RecipeError, match="is a function, expected a `Layout`"):
        LAYOUTS.get(f"{__name__}:test_a_layout_from_outside_needs_one_object")


@pytest.mark.parametrize(
    ("kind", "named", "meant"),
    [("FormerName", "frame_source", "video_file"), ("Slip", "quality_group", "quality_groups")],
)
def test_what_nobody_asks_a_layout_for_is_named_with_what_was_meant(kind: str, named: str, meant: str) -> None:
    with pytest.raises(RecipeError, match=rf"has {named}, for which nobody asks: did you mean {meant}\?"):
        LAYOUTS.get(f"{__name__}:{kind}")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("fold", True, "fold is True, expected a whole number"),
        ("only_with_ef", "perhaps", "only_with_ef is 'perhaps', expected true or false"),
        ("folds", "random", "folds is 'random', expected official or blocks"),
    ],
)
def test_options_are_checked(roots: dict[str, Path], option: str, value: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load_recordings("camus", roots["camus"], **{option: value})


def test_every_layout_says_what_is_asked_of_it() -> None:
    for name in ("camus", "echonet", "echonet-beats", "echonet-pediatric", "hmc-qu", "table"):
        layout = LAYOUTS.get(name)
        assert layout.name == name
        assert all(find_recipe(recipe) for recipe in layout.recipes.values())
        assert all(option.help.endswith((".", "].")) or "`" in option.help for option in layout.options)
    single = [name for name in LAYOUTS.names() if LAYOUTS.get(name).is_single_cycle]
    assert single == ["camus", "echonet-beats", "hmc-qu"]


def test_faulty_recordings_are_left_out_and_listed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = ["path,ef_percent,patient", "a.npy,50,P1", "b.npy,x,P2", "gone.npy,60,P3", "c.npy,55,P4", "d.npy,58,P5"]
    (tmp_path / "recordings.csv").write_text("\n".join(rows))
    for name in "abcd":
        np.save(tmp_path / f"{name}.npy", np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(FaultyDatasetError):
        load_recordings("table", tmp_path)
    recordings = load_recordings("table", tmp_path, leave_out_faulty=True)
    assert [recording.id for recording in recordings] == ["a.npy", "c.npy", "d.npy"]
    assert {recording.split for recording in recordings} == {"train", "val", "test"}
    assert list(recordings.left_out) == ["b.npy", "gone.npy"]
    assert "line 3: 'x'" in recordings.left_out["b.npy"][0]
    assert "missing file: " in recordings.left_out["gone.npy"][0]
    assert "b.npy is left out: row with a bad EF" in caplog.text
    # Read again without them by name: they are still listed, and not told a second time.
    caplog.clear()
    again = load_recordings("table", tmp_path, leave_out_faulty=True, leave_out=["b.npy", "gone.npy"])
    assert list(again.left_out) == ["b.npy", "gone.npy"]
    assert "is left out" not in caplog.text


def test_a_fault_of_the_whole_set_is_not_left_out(tmp_path: Path) -> None:
    rows = ["path,ef_percent,patient,split", "a.npy,50,P1,train", "b.npy,x,P1,test"]
    (tmp_path / "recordings.csv").write_text("\n".join(rows))
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(FaultyDatasetError) as raised:
        load_recordings("table", tmp_path, leave_out_faulty=True)
    assert list(raised.value.faults) == ["patients in two splits or folds"]


def test_phantoms_are_known_by_their_files(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (8, 32, 32), dtype=np.uint8)
    write_mjpeg_avi(tmp_path / "phantom.avi", frames, 50.0)
    write_real_avi(tmp_path / "real.avi", frames, 50.0)
    assert has_phantom_mark(tmp_path / "phantom.avi")
    assert not has_phantom_mark(tmp_path / "real.avi")
    assert not has_phantom_mark(tmp_path / "gone.avi")
    table, layout = tmp_path / "recordings.csv", LAYOUTS.get("table")
    table.write_text("path,ef_percent\nphantom.avi,50\n")
    assert layout.is_phantom(table)
    assert layout.is_phantom(tmp_path, leave_out_faulty=True)
    table.write_text("path,ef_percent\nreal.avi,50\n")
    assert not layout.is_phantom(table)
    (tmp_path / "phantom.json").write_text("{}")
    assert is_phantom_root(table), "the card lies beside the table"


def test_a_broken_tree_is_told_whole(tmp_path: Path) -> None:
    (tmp_path / "Videos").mkdir()
    for name in ("a", "b", "stray"):
        (tmp_path / "Videos" / f"{name}.avi").write_bytes(b"RIFF")
    (tmp_path / "Videos" / "empty.avi").touch()
    (tmp_path / "FileList.csv").write_text(
        "FileName,EF,ESV,EDV,Split\na,50,90,100,TRAIN\nb,400,,,TRAIN\ngone,50,,,VAL\nempty,50,,,TEST\n"
    )
    (tmp_path / "VolumeTracings.csv").write_text("FileName,X1,Y1,X2,Y2,Frame\na,1,2,x,4,5\n")
    with pytest.raises(FaultyDatasetError) as raised:
        load_recordings("echonet", tmp_path)
    text = str(raised.value)
    for fact in (
        "b has EF '400'",
        "Videos/gone.avi (line 4)",
        "1 empty video (0 bytes):\n  Videos/empty.avi",
        "stray.avi",
        "VolumeTracings.csv: row that is not a name and finite numbers",
        "a: EF 50, but 100 (EDV - ESV) / EDV is 10.0",
    ):
        assert fact in text


def test_files_that_are_cut_off_are_left_out(phantom_root: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(phantom_root, tmp_path / "tree"))
    cut = sorted((root / "Videos").glob("*.avi"))[3]
    cut.write_bytes(cut.read_bytes()[:-500])
    recordings = load_recordings("echonet", root, leave_out_faulty=True)
    assert len(recordings) == 15
    assert list(recordings.left_out) == [cut.stem]
    assert "file that is cut off" in recordings.left_out[cut.stem][0]
    assert pickle.loads(pickle.dumps(recordings)).left_out == recordings.left_out


def test_an_option_that_is_not_given_is_its_default() -> None:
    assert LAYOUTS.get("camus").settings({"view": None, "fold": "3"}) == {
        "view": "A4C",
        "folds": "official",
        "fold": 3,
        "validation": "fold",
        "only_with_ef": True,
    }


def test_options_as_people_type_them() -> None:
    typed = ["columns=path=file,ef_percent=LVEF", "seed=3"]
    assert parse_options(typed) == {"columns": "path=file,ef_percent=LVEF", "seed": "3"}
    assert LAYOUTS.get("table").settings(parse_options(typed))["seed"] == 3
    for wrong in (["seed"], ["=3"], ["seed=1", "seed=2"]):
        with pytest.raises(DatasetError, match="is NAME=VALUE, each once"):
            parse_options(wrong)

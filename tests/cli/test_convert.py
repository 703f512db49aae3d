"""`coreecho convert`, as a user types it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cyclopts import App, CycloptsError

from coreecho.cli.convert import convert
from coreecho.datasets import load_recordings
from coreecho.errors import DatasetError
from coreecho.video.writing import write_mjpeg_avi

Type = Callable[..., tuple[int, str, str]]


@pytest.fixture
def coreecho(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Type:
    """Run `coreecho convert ...`; gives exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "160")
    app = App()
    app.command(convert)

    def type_in(*words: object) -> tuple[int, str, str]:
        code = app(["convert", *map(str, words)], result_action="return_value", exit_on_error=False)
        captured = capsys.readouterr()
        return int(code), captured.out, captured.err

    return type_in


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    speckle = np.random.default_rng(0).integers(0, 256, (12, 112, 112), dtype=np.uint8)
    for name in ("a", "b", "c"):
        write_mjpeg_avi(folder / f"{name}.avi", list(speckle), 50.0)
    return folder


def test_all_taken_ends_with_0(coreecho: Type, clips: Path, tmp_path: Path) -> None:
    code, out, _ = coreecho(clips, tmp_path / "out", "--frame-size", 64, "--fps", 25, "--mapping", tmp_path / "key.csv")
    assert (code, out) == (0, f"3 clips taken, 0 refused, 0 failed; the table is {tmp_path}/out/converted.csv\n")
    assert len(list((tmp_path / "out" / "Videos").iterdir())) == 3
    assert "a.avi" in (tmp_path / "key.csv").read_text()


def test_one_that_fails_ends_with_1_and_is_named_by_its_number(coreecho: Type, clips: Path, tmp_path: Path) -> None:
    (clips / "bad.avi").write_bytes(b"RIFF no clip")
    code, out, err = coreecho(clips, tmp_path / "out")
    assert code == 1
    assert out.startswith("3 clips taken, 0 refused, 1 failed")
    assert "Failed: source 3: not a video" in err
    # Given again it says the same.
    assert coreecho(clips, tmp_path / "out") == (code, out, err)
    assert "bad" not in out + err


def test_with_labels_it_is_ready_for_training(coreecho: Type, clips: Path, tmp_path: Path) -> None:
    labels = tmp_path / "ef.csv"
    labels.write_text("path,ef_percent,patient\na.avi,60,1\nb.avi,50,2\nc.avi,40,3\n")
    assert coreecho(clips, tmp_path / "out", "--labels", labels)[0] == 0
    recordings = load_recordings("echonet", tmp_path / "out")
    assert sorted(recording.ef_percent or 0 for recording in recordings) == [40, 50, 60]
    assert {recording.split for recording in recordings} == {"train", "val", "test"}


@pytest.mark.parametrize("flags", [["--frame-size", "113"], ["--fps", "0"], ["--workers", "0"]])
def test_flags_that_make_no_sense_are_refused(coreecho: Type, clips: Path, tmp_path: Path, flags: list[str]) -> None:
    with pytest.raises(CycloptsError):
        coreecho(clips, tmp_path / "out", *flags)
    assert not (tmp_path / "out").exists()


def test_a_still_is_refused_and_no_failure_and_the_terminal_names_it(
    coreecho: Type, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mjpeg_avi(clips / "flat.avi", [np.full((112, 112), 99, np.uint8)], 50.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    code, out, err = coreecho(clips, tmp_path / "out")
    assert (code, out[:34]) == (0, "3 clips taken, 1 refused, 0 failed")
    assert f"({clips}/flat.avi): a still" in err.replace("\n", "")
    assert "flat" not in (tmp_path / "out" / "converted.csv").read_text()
    # The same picture in every frame is a still, too.
    picture = np.random.default_rng(1).integers(0, 256, (112, 112), dtype=np.uint8)
    write_mjpeg_avi(clips / "flat.avi", [picture] * 20, 50.0)
    code, out, err = coreecho(clips, tmp_path / "again")
    assert (code, out[:34]) == (0, "3 clips taken, 1 refused, 0 failed")
    assert "a still: all 20 frames" in " ".join(err.split())


def test_a_conversion_that_is_done_is_not_refused(coreecho: Type, clips: Path, tmp_path: Path) -> None:
    """A signal may come between the last file and the end of the process; the same command was then refused."""
    command = (clips, tmp_path / "out", "--mapping", tmp_path / "key.csv", "--strict")
    (clips / "bad.avi").write_bytes(b"RIFF no clip")
    code, out, err = coreecho(*command)
    videos = sorted(path.name for path in (tmp_path / "out" / "Videos").iterdir())
    again = coreecho(*command)
    assert again[:2] == (code, out)
    assert err.endswith(again[2])
    assert sorted(path.name for path in (tmp_path / "out" / "Videos").iterdir()) == videos
    # Nothing in the data set leads to a name.
    seal = (tmp_path / "out" / ".converted").read_text()
    assert "a.avi" not in seal
    assert str(clips) not in seal
    # Another request, or one clip less, is another data set.
    with pytest.raises(DatasetError, match="is not an empty folder"):
        coreecho(clips, tmp_path / "out", "--fps", 25)
    (clips / "a.avi").unlink()
    with pytest.raises(DatasetError, match="is there already"):
        coreecho(*command)

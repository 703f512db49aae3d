"""What a command is asked to write is seen to before anything is computed; and models that are nearly named."""

from pathlib import Path

import pytest

from coreecho.errors import CheckpointError, CoReEchoError
from coreecho.files import fault_of_writing, make_folder
from coreecho.models.weights import weights_file
from coreecho.outputs import DOCUMENT, LOG, PAGE, TABLE, Kind, Output, check_outputs
from coreecho.shipped import meant_default
from coreecho.trust import append_to_log

DICOM = bytes(128) + b"DICM" + b"\n, a clip\n"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.dcm"
    path.write_bytes(DICOM)
    return path


def test_a_folder_or_a_missing_one_is_told_with_its_option(tmp_path: Path) -> None:
    check_outputs(Output("--csv", tmp_path / "ef.csv", TABLE), Output("--page", None, PAGE))
    with pytest.raises(CoReEchoError, match="is a folder: give `--csv` the name of a file"):
        check_outputs(Output("--csv", tmp_path, TABLE))
    with pytest.raises(CoReEchoError, match=r"folder of .*ef\.html does not exist: .* `--page`"):
        check_outputs(Output("--page", tmp_path / "gone" / "ef.html", PAGE))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "loss"), [(TABLE, "write over it"), (LOG, "add to it"), (DOCUMENT, "write over it")])
def test_a_clip_is_never_written_over_though_no_input(clip: Path, kind: Kind, loss: str) -> None:
    with pytest.raises(CoReEchoError, match=rf"clip\.dcm exists and is not .*would {loss}.*{kind.example}"):
        check_outputs(Output("--out", clip, kind))


def test_an_input_is_never_an_output_by_whatever_name(tmp_path: Path, clip: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(clip)
    for path in (clip, link, tmp_path / ".." / tmp_path.name / "clip.dcm"):
        with pytest.raises(CoReEchoError, match="is one of the files to read, and `--csv` would write over it"):
            check_outputs(Output("--csv", path, TABLE), inputs=[tmp_path / "gone.avi", clip])
    assert clip.read_bytes() == DICOM


def test_two_outputs_are_never_one_file(tmp_path: Path) -> None:
    table = Output("--csv", tmp_path / "same.csv", TABLE)
    with pytest.raises(CoReEchoError, match=r"same\.csv would be written twice, by `--csv` and by `--monitor`"):
        check_outputs(table, Output("--monitor", tmp_path / ".." / tmp_path.name / "same.csv", LOG))


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("ef.xlsx", TABLE, "`--out` writes a table, as CSV text.*ef.csv; spreadsheets open that"),
        ("ef.csv", PAGE, "`--out` writes an HTML page, .*page.html"),
        ("page", PAGE, "page.html"),
        ("ef.csv", DOCUMENT, ""),
    ],
)
def test_a_name_that_says_another_kind_is_refused(tmp_path: Path, name: str, kind: Kind, words: str) -> None:
    output = Output("--out", tmp_path / name, kind)
    if not words:
        check_outputs(output)
        return
    with pytest.raises(CoReEchoError, match=words):
        check_outputs(output)


def test_what_coreecho_wrote_may_be_written_again_whatever_its_name(tmp_path: Path) -> None:
    for name, text in {"ef.table": "file,status\na.dcm,measured\n", "empty": "", "notes.txt": "Mine"}.items():
        (tmp_path / name).write_text(text)
        check_outputs(Output("--csv", tmp_path / name, TABLE))
    append_to_log(tmp_path / "monitor", {"ef_percent": 55.0, "clip_sd": 1.0})
    check_outputs(Output("--monitor", tmp_path / "monitor", LOG))
    # After a program that died while writing.
    (tmp_path / "torn").write_text('{"ef_percent": 5')
    append_to_log(tmp_path / "torn", {"ef_percent": 55.0})
    check_outputs(Output("--monitor", tmp_path / "torn", LOG))
    (tmp_path / "notes").write_text("Seen on Monday, by M.\n")
    with pytest.raises(CoReEchoError, match="exists and is not a table"):
        check_outputs(Output("--csv", tmp_path / "notes", TABLE))


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder of the kernel's is there on Linux alone")
def test_a_folder_that_takes_no_file_is_known_by_trying(tmp_path: Path) -> None:
    with pytest.raises(CoReEchoError, match=r"folder of /proc/x\.csv cannot be written to \("):
        check_outputs(Output("--csv", Path("/proc/x.csv"), TABLE))
    with pytest.raises(CoReEchoError, match=r"/proc/self cannot be written to: .*Give another `--out`"):
        make_folder(Path("/proc/self"))
    assert fault_of_writing(tmp_path / "out") == ""
    assert list(tmp_path.iterdir()) == []


def test_a_slip_in_the_name_of_the_model_that_ships_is_asked_about() -> None:
    assert meant_default("defalt") == " Did you mean `default`, the model that ships with coreecho?"
    assert meant_default("runs/echonet") == ""
    with pytest.raises(CheckpointError, match=r"defualt: there is no such file or folder\. Did you mean `default`"):
        weights_file("defualt")

"""What is answered before anything heavy is imported, and how."""

import subprocess
import sys
from pathlib import Path

import pytest

from coreecho.cli.main import app
from coreecho.cli.typed import by_todays_names, refuse_unknown_options
from coreecho.errors import CheckpointError, UsageError
from coreecho.experiments.seed_runs import parse_seeds, seed_folder, seeds_in


@pytest.mark.parametrize("typed", ["train --help", "train demo --data . --lr 3", "predict no.dcm --model no"])
def test_pytorch_is_not_imported_to_answer(typed: str) -> None:
    code = (
        "import sys\nfrom coreecho.cli.main import main\n"
        f"sys.argv = ['coreecho', *{typed.split()!r}]\n"
        "try: main()\nexcept SystemExit as end: print('code', end.code or 0)\n"
        "print('heavy', [name for name in ('torch', 'scipy', 'pandas', 'av') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "heavy []" in done.stdout, done.stdout[-500:] + done.stderr[-500:]
    assert ("code 0" if "--help" in typed else "code 2") in done.stdout


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("train demo --lr 1", "--learning-rate"),
        ("train demo --bs=4", "--batch-size"),
        ("train demo --stage1-epoch 3", "--stage1-epochs"),
        ("train demo --epochs 3", ".*--stage1-epochs"),
        ("predict a.avi --modle run", "--model"),
        ("store build echonet . --frame-siz 3", "--frame-size"),
    ],
)
def test_a_slip_names_the_option_that_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"Did you mean {meant}"):
        refuse_unknown_options(app, typed.split())


@pytest.mark.parametrize(
    "typed", ["", "--help", "train --help", "store", "train demo --learning_rate 1", "nothing --x"]
)
def test_what_there_is_passes(typed: str) -> None:
    refuse_unknown_options(app, typed.split())


def test_choices_are_taken_in_any_capitals(tmp_path: Path) -> None:
    (tmp_path / "run.json").touch()
    _, bound, _ = app.parse_args(["evaluate", str(tmp_path), "--split", "TEST", "--precision", "FP32"])
    assert bound.arguments["split"] == "test"
    assert bound.arguments["precision"] == "fp32"


def test_one_missing_file_of_several_is_no_reason_to_refuse_the_others(tmp_path: Path) -> None:
    (tmp_path / "run.json").touch()
    app.parse_args(["predict", str(tmp_path), "no.dcm", "--model", str(tmp_path)])
    with pytest.raises(UsageError, match=r"no\.dcm: there is no such file"):
        app.parse_args(["predict", "no.dcm", "--model", str(tmp_path)])


def test_seeds_are_ranges_or_lists(tmp_path: Path) -> None:
    assert parse_seeds("0:5") == [0, 1, 2, 3, 4]
    assert parse_seeds("1,2,7") == [1, 2, 7]
    for number in (10, 2):
        seed_folder(tmp_path, number).mkdir()
        (seed_folder(tmp_path, number) / "run.json").touch()
    assert list(seeds_in(tmp_path)) == [2, 10]


def test_a_folder_of_seeds_is_no_run_and_says_which_it_holds(tmp_path: Path) -> None:
    for number in (3, 4):
        seed_folder(tmp_path, number).mkdir()
        (seed_folder(tmp_path, number) / "run.json").touch()
    with pytest.raises(CheckpointError, match=r"runs of several seeds.*seed-3"):
        app.parse_args(["evaluate", str(tmp_path)])
    app.parse_args(["compare", str(tmp_path), str(tmp_path / "seed-3")])


@pytest.mark.parametrize("text", ["5:5", "1,1", "a", "", "0:2000", "-1"])
def test_other_texts_are_no_seeds(text: str) -> None:
    with pytest.raises(Exception, match="`0:5` for 0 to 4"):
        parse_seeds(text)


def test_a_former_name_of_an_option_is_taken_where_it_was_one() -> None:
    assert by_todays_names(["phantom", "echonet", "x", "--studies=3"]) == ["phantom", "echonet", "x", "--recordings=3"]
    assert by_todays_names(["predict", "x", "--studies"]) == ["predict", "x", "--studies"]
    assert by_todays_names([]) == []

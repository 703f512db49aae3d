import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coreecho.cli.doctor import doctor
from coreecho.errors import DatasetError, RecipeError


def test_a_clean_tree_is_one_line_and_exit_code_0(phantom_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("echonet", phantom_root, workers=1) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert ": clean; 16 recordings of simulated hearts" in out
    assert out.endswith("Besides 1 remark, which `--remarks` shows.\n")


def test_remarks_are_asked_for(phantom_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("echonet", phantom_root, remarks=True, workers=1) == 0
    assert "Remark: 16 clips (100.0 %) of fewer than 144 frames" in capsys.readouterr().out


def test_faults_are_listed_and_exit_code_1(
    phantom_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = Path(shutil.copytree(phantom_root, tmp_path / "tree"))
    clip = sorted((tree / "Videos").glob("*.avi"))[0]
    clip.write_bytes(clip.read_bytes()[:4000])
    assert doctor("echonet", tree, workers=1) == 1
    out = capsys.readouterr().out
    assert "1 clip that cannot be read, is cut off or damaged:" in out
    assert clip.name in out
    assert doctor("echonet", tree, json=True, workers=1) == 1
    content = json.loads(capsys.readouterr().out)
    assert content["is_clean"] is False
    assert content["faults"]["clips that cannot be read, are cut off or damaged"]


def test_a_page_is_written(phantom_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("echonet", phantom_root, html=tmp_path / "page.html", workers=1) == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


# Commands one after the other: what is asked is how each is told, and a process takes a second to start.
NAMES = r"""
import sys
from coreecho.cli.main import main

root = sys.argv[1]
for words in (root,), (root, "--json"), (root + "/gone\udcfc",):
    sys.argv = ["coreecho", "doctor", "echonet", *words]
    try:
        main()
    except SystemExit as ended:
        print(f"ended with {ended.code}", flush=True)
"""


def test_names_that_are_not_utf8_end_no_command(phantom_root: Path, tmp_path: Path) -> None:
    """As a user types it, in a terminal of Windows' letters."""
    root = Path(shutil.copytree(phantom_root, tmp_path / "Herz\udce4"))
    (root / "Videos" / "M\udcfcller.avi").write_bytes(b"RIFF")
    done = subprocess.run(
        [sys.executable, "-c", NAMES, str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUNBUFFERED": "1"},
        check=True,
    )
    assert b"Traceback" not in done.stdout
    page, code, document, code_of_json, refusal, code_of_refusal, _ = re.split(rb"ended with (\d)", done.stdout)
    assert (code, code_of_json, code_of_refusal) == (b"1", b"1", b"2")
    for shown, expected in (
        (page, rb"M\xfcller.avi"),
        (document, rb"M\\xfcller.avi"),
        (refusal, rb"gone\udcfc"),
    ):
        assert expected in shown.replace(b"\n", b"")


def test_takes_checks_and_options_of_ones_own(phantom_root: Path) -> None:
    with pytest.raises(RecipeError, match=r"The check of the doctor 'math:nothing' cannot be imported"):
        doctor("echonet", phantom_root, check=["math:nothing"])
    with pytest.raises(DatasetError, match=r"echonet has no option folds"):
        doctor("echonet", phantom_root, option=["folds=blocks"])

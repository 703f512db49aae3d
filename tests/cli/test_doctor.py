import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coreecho.cli.doctor import doctor


def test_a_clean_tree_is_one_line_and_exit_code_0(phantom_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("echonet", phantom_root, workers=1) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert ": clean; 16 recordings of simulated hearts" in out


def test_remarks_are_asked_for(phantom_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("echonet", phantom_root, remarks=True, workers=1) == 0
    assert "Remark: 16 clips (100.0 %) have fewer than 144 frames" in capsys.readouterr().out


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


def test_names_that_are_not_utf8_end_no_command(phantom_root: Path, tmp_path: Path) -> None:
    """As a user types it, in a terminal of Windows' letters."""
    root = Path(shutil.copytree(phantom_root, tmp_path / "Herz\udce4"))
    (root / "Videos" / "M\udcfcller.avi").write_bytes(b"RIFF")
    program = "import sys; from coreecho.cli.main import main; main()"
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    for arguments, code, expected in (
        (["doctor", "echonet", str(root)], 1, rb"M\xfcller.avi"),
        (["doctor", "echonet", str(root), "--json"], 1, rb"M\\xfcller.avi"),
        (["doctor", "echonet", str(root / "gone\udcfc")], 2, rb"gone\udcfc"),
    ):
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        assert done.returncode == code, done.stderr
        assert expected in (done.stdout + done.stderr).replace(b"\n", b"")
        assert b"Traceback" not in done.stderr

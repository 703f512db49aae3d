"""`coreecho phantom echonet`, as a user types it."""

import subprocess
import sys


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from coreecho.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "phantom", *arguments], capture_output=True, text=True, timeout=300, check=False
    )


def test_writes_a_cohort_twice_in_the_same_folder(tmp_path) -> None:
    arguments = ("echonet", str(tmp_path / "hearts"), "--studies", "4", "--seed", "1", "--workers", "2")
    arguments += ("--min-frames", "20", "--max-frames", "20", "--difficulty", "easy")
    first = _run(*arguments)
    assert first.returncode == 0, first.stderr
    assert len(list((tmp_path / "hearts" / "Videos").glob("*.avi"))) == 4
    assert "4 simulated studies" in first.stderr.replace("\n", " ")
    again = _run(*arguments)
    assert again.returncode == 0, again.stderr


def test_a_wrong_scanner_is_named_without_a_traceback(tmp_path) -> None:
    result = _run("echonet", str(tmp_path / "hearts"), "--scanner", "Z")
    assert result.returncode != 0
    assert "Traceback" not in result.stderr + result.stdout
    assert '"Z"' in (result.stderr + result.stdout).replace("'", '"')


def test_a_foreign_folder_is_refused_with_advice(tmp_path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    result = _run("echonet", str(tmp_path), "--studies", "3")
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "not empty" in result.stderr.replace("\n", " ")

"""`coreecho phantom`, as a user types it."""

import json

import pytest


def test_writes_a_cohort_twice_in_the_same_folder(tmp_path, run) -> None:
    arguments = ("echonet", str(tmp_path / "hearts"), "--recordings", "4", "--seed", "1", "--workers", "1")
    arguments += ("--min-frames", "20", "--max-frames", "20", "--difficulty", "easy")
    first = run("phantom", *arguments)
    assert first.returncode == 0, first.stderr
    assert len(list((tmp_path / "hearts" / "Videos").glob("*.avi"))) == 4
    assert "4 simulated recordings" in first.stderr.replace("\n", " ")
    again = run("phantom", *arguments)
    assert again.returncode == 0, again.stderr


def test_a_wrong_scanner_is_named_without_a_traceback(tmp_path, run) -> None:
    result = run("phantom", "echonet", str(tmp_path / "hearts"), "--scanner", "Z")
    assert result.returncode != 0
    assert "Traceback" not in result.stderr + result.stdout
    assert '"Z"' in (result.stderr + result.stdout).replace("'", '"')


def test_a_foreign_folder_is_refused_with_advice(tmp_path, run) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    result = run("phantom", "echonet", str(tmp_path), "--recordings", "3")
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "not empty" in result.stderr.replace("\n", " ")


@pytest.mark.parametrize(("layout", "scanner"), [("camus", "C"), ("hmc-qu", "B")])
def test_other_layouts_keep_their_scanner_whatever_else_is_chosen(tmp_path, run, layout: str, scanner: str) -> None:
    result = run(
        "phantom", layout, str(tmp_path / "hearts"), "--recordings", "1", "--difficulty", "easy", "--workers", "1"
    )
    assert result.returncode == 0, result.stderr
    settings = json.loads((tmp_path / "hearts" / "phantom.json").read_text())["settings"]
    assert (settings["scanner"], settings["difficulty"]) == (scanner, "easy")


def test_other_layouts_refuse_what_they_would_not_heed(tmp_path, run) -> None:
    """Their frames and overlays follow the layout."""
    result = run("phantom", "hmc-qu", str(tmp_path / "hearts"), "--min-frames", "20")
    assert result.returncode != 0
    assert "--min-frames" in result.stderr + result.stdout

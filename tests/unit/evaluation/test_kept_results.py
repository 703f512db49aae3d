"""Figures that take minutes are kept while what they were made from holds."""

from dataclasses import replace
from pathlib import Path

import pytest

from coreecho.datasets import Recording
from coreecho.evaluation.kept_results import data_fingerprint, find_kept, fingerprint_of, write_kept


class Store:
    """Frames of a recording, by their hash alone."""

    def __init__(self, digest: str) -> None:
        self._digest = digest

    def digest(self, _: str) -> str:
        return self._digest


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    (tmp_path / "a.avi").write_bytes(b"twelve bytes")
    return Recording(id="a", path=tmp_path / "a.avi", ef_percent=55.0, labels={"gls_percent": -18.0})


def test_a_replaced_video_of_the_same_size_is_noticed(recording: Recording, tmp_path: Path) -> None:
    """The size of a file once stood for what it shows."""
    before = data_fingerprint(tmp_path, [recording], Store("one"))
    assert data_fingerprint(tmp_path, [recording], Store("one")) == before
    assert data_fingerprint(tmp_path, [recording], Store("other")) != before


@pytest.mark.parametrize(
    "changes",
    [{"ef_percent": 54.0}, {"edv_ml": 100.0}, {"patient": "p1"}, {"labels": {"gls_percent": -17.0}}, {"has_mi": True}],
)
def test_a_changed_label_is_noticed(recording: Recording, tmp_path: Path, changes: dict[str, object]) -> None:
    before = data_fingerprint(tmp_path, [recording], Store("one"))
    assert data_fingerprint(tmp_path, [replace(recording, **changes)], Store("one")) != before


def test_a_document_holds_while_its_files_and_its_origin_do(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n")
    fingerprint = fingerprint_of(weights="abc")
    write_kept(tmp_path / "figures.json", {"mean": 1.5}, fingerprint=fingerprint, files=["table.csv"])
    kept = find_kept(tmp_path / "figures.json", fingerprint=fingerprint)
    assert kept is not None
    assert kept["mean"] == 1.5
    assert find_kept(tmp_path / "figures.json", fingerprint=fingerprint_of(weights="other")) is None
    (tmp_path / "table.csv").write_text("a,c\n")
    assert find_kept(tmp_path / "figures.json", fingerprint=fingerprint) is None

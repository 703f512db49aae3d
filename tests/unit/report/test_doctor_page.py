import base64
import io
import re
import shutil
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from coreecho.datasets.doctor import examine
from coreecho.datasets.doctor_clips import ClipJob, examine_clip
from coreecho.errors import DatasetError
from coreecho.report.doctor_page import render_doctor_page, round_numbers, write_page
from coreecho.tasks import EF, TASKS


class Outline(HTMLParser):
    """All tags with their attributes, and whether each that opens also closes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "rect", "line", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "line"):
            assert self.open.pop() == tag


def test_a_clean_page_stands_alone(phantom_root: Path, tmp_path: Path) -> None:
    write_page(examine("echonet", phantom_root, has_thumbnails=True, workers=1), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    outline = Outline(page)
    assert outline.open == []
    names = [tag for tag, _ in outline.tags]
    assert "script" not in names
    assert "link" not in names
    pictures = [attributes for tag, attributes in outline.tags if tag == "img"]
    assert len(pictures) == 16
    assert all(str(picture["src"]).startswith("data:image/png;base64,") and picture["alt"] for picture in pictures)
    assert "http" not in page.replace("http-equiv", "")
    assert "Phantom data: simulated hearts" in page
    assert ": clean; 16 recordings" in page
    # EF and grey levels; all phantoms have the same length, so that needs no chart.
    assert names.count("svg") >= 2
    assert "Frames of a clip: 24 frames in all 16 clips" in page
    for box, drawing in re.findall(r'<svg viewBox="([^"]+)"(.*?)</svg>', page, flags=re.DOTALL):
        left, _, width, _ = map(float, box.split())
        # A digit of 12 pixels is about 7 wide: no label of the axis, not that of an end, leaves the picture.
        for x, text in re.findall(r'<text x="([\d.]+)" y="126" text-anchor="middle">([^<]+)<', drawing):
            assert left <= float(x) - 3.5 * len(text)
            assert float(x) + 3.5 * len(text) <= left + width
    # Grey levels: 0, 100 and 200 stand at their places on the axis.
    assert all(re.search(rf'text-anchor="middle">{tick}</text>', page) for tick in (0, 100, 200))


def test_every_number_has_its_histogram_and_every_diagnosis_its_counts(
    phantom_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = examine("echonet", phantom_root, has_thumbnails=True, workers=1)
    recordings = [
        replace(each, has_mi=place < 3, labels={"age": 40 + place, "strain_percent": -10 - place, "a&b": 1})
        for place, each in enumerate(found.recordings)
    ]
    monkeypatch.setitem(TASKS._shipped, "strain", f"{__name__}:Strain")
    page = render_doctor_page(replace(found, recordings=recordings))
    captions = re.findall(r"<figcaption>([^<]*), 16 clips</figcaption>|<p>([^<]*)</p>", page)
    said = [chart or sentence for chart, sentence in captions]
    # In the words of the tasks, that from outside among them; what no task reads, by its name.
    assert "Strain of the wall: median -17.5 % (-25 to -10)" in said
    assert "16 clips: 13 without an infarction, 3 with an infarction" in said
    assert "age: median 47.5 (40 to 55)" in said
    assert any(text.startswith("Ejection fraction: median") for text in said)
    assert any(text.startswith("edv_ml: median") for text in said)
    assert "a&amp;b: 1 in all 16 clips" in said
    assert page.count("strain_percent") == 0
    assert "true strain -10.0 %" in page
    assert page.count("<br>with an infarction") == 3


@dataclass(frozen=True, kw_only=True)
class Strain(EF):
    """A task from outside, whose label a table has."""

    name: ClassVar[str] = "strain"
    label: str = "strain_percent"
    title: str = "Strain of the wall"
    noun: str = "strain"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (6.7, 80.1, [20, 40, 60, 80]),
        (0, 255, [0, 100, 200]),
        (48, 50, [48, 49, 50]),
        (0.01, 0.1, [0.02, 0.04, 0.06, 0.08, 0.1]),
        (28, 1002, [200, 400, 600, 800, 1000]),
    ],
)
def test_an_axis_has_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert round_numbers(low, high) == pytest.approx(expected)


def test_names_from_the_data_set_are_escaped(tmp_path: Path) -> None:
    nasty = "<script>alert('x')</script>"
    frames = np.random.default_rng(0).integers(1, 256, (20, 32, 32), dtype=np.uint8)
    # A sector: as wide as it is deep.
    np.save(tmp_path / "a.npy", frames * (np.abs(np.arange(32) - 16) < np.arange(32)[:, None] / 2))
    table = {"id": [nasty, f"{nasty}2"], "path": ["a.npy", "<b>gone</b>.npy"], "label": [50, 50]}
    pd.DataFrame(table).to_csv(tmp_path / "recordings.csv")
    page = render_doctor_page(examine("table", tmp_path, has_thumbnails=True, workers=1))
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt;gone&lt;/b&gt;.npy" in page


def test_every_case_is_on_the_page(phantom_root: Path, tmp_path: Path) -> None:
    tree = Path(shutil.copytree(phantom_root, tmp_path / "tree"))
    table = tree / "VolumeTracings.csv"
    ghosts = [f"0XGHOST{number}.avi,1,2,3,4,5" for number in range(30) for _ in range(2)]
    table.write_text(table.read_text() + "\n".join(ghosts) + "\n")
    page = render_doctor_page(examine("echonet", tree, workers=1))
    assert page.count("0XGHOST") == 30
    assert "><summary>30 tracings without a video" in page
    assert "<img" not in page


def screen(num_frames: int = 20) -> np.ndarray:
    """A whole screen, 240 x 320: speckle that changes inside a sector, and bright still text in a corner."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:240, :320]
    angle, radius = np.arctan2(columns - 160, rows - 10), np.hypot(columns - 160, rows - 10)
    sector = (np.abs(angle) < 0.65) & (radius < 215) & (radius > 5)
    frames = np.where(sector, rng.integers(30, 220, (num_frames, 240, 320)), 0).astype(np.uint8)
    frames[:, 5:25, 5:90] = 255
    return frames


def test_a_thumbnail_shows_the_sector_and_no_burned_in_text(tmp_path: Path) -> None:
    np.save(tmp_path / "screen.npy", screen())
    facts = examine_clip(ClipJob(recording_id="s", path=tmp_path / "screen.npy", has_thumbnail=True))
    assert facts.thumbnail is not None
    picture = np.asarray(Image.open(io.BytesIO(facts.thumbnail)))
    assert max(picture.shape) == 96
    assert picture[50:, 30:66].mean() > 60
    # The text lay in the upper left corner, outside of the sector.
    assert picture[:20, :25].max() < 40


def test_a_screen_without_a_sector_is_not_shown(tmp_path: Path) -> None:
    still = np.repeat(screen(1), 20, axis=0)
    np.save(tmp_path / "still.npy", still)
    facts = examine_clip(ClipJob(recording_id="s", path=tmp_path / "still.npy", has_thumbnail=True))
    assert facts.error is None
    assert facts.thumbnail is None


def test_many_clips_are_shown_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phantom_root: Path) -> None:
    monkeypatch.setattr("coreecho.report.doctor_page.MAX_THUMBNAILS", 5)
    page = render_doctor_page(examine("echonet", phantom_root, has_thumbnails=True, workers=1))
    assert page.count("<img") == 5
    assert "5 of 16, those with faults first" in page
    data = re.findall(r"base64,([^\"]+)", page)
    assert {Image.open(io.BytesIO(base64.b64decode(each))).size for each in data} == {(96, 96)}


def test_a_page_that_cannot_be_written_is_an_error(phantom_root: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"page\.html: the page cannot be written"):
        write_page(examine("echonet", phantom_root, workers=1), tmp_path / "gone" / "page.html")


def test_names_that_are_not_utf8_are_written_out(phantom_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "Herz\udce4"
    shutil.copytree(phantom_root, root)
    (root / "Videos" / "M\udcfcller.avi").write_bytes(b"RIFF")
    write_page(examine("echonet", root, workers=1), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "M\\xfcller.avi" in page
    assert "Herz\\xe4: 1 fault; " in page

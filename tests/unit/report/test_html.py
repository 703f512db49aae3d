"""The page as a whole: what it holds, what it must not hold, and that equal runs give equal bytes."""

import base64
import hashlib
import os
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from weakref import WeakKeyDictionary

import pytest

from coreecho.errors import CheckpointError, CoReEchoError, RecipeError
from coreecho.evaluation.protocol import Protocol
from coreecho.names import printable
from coreecho.report.html import write_report
from coreecho.representation import continuity_comparison, run_continuity
from coreecho.saliency import run_lv_focus
from coreecho.training.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("rough_pictures")
# The training split of the phantoms has most recordings; few resamples, since no test reads the intervals.
PROTOCOL = Protocol(split="train", clips=2, resamples=50)


class Page(HTMLParser):
    """Tags, attributes and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.captions: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "caption":
            self.captions.append("")

    def handle_data(self, data):
        self.texts.append(data)
        if self.tags and self.tags[-1][0] == "caption":
            self.captions[-1] += data.strip()

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


def write(path: Path, *runs, **options) -> Page:
    options = {"protocol": PROTOCOL, "cases": 2, "hearts": 0, "map_method": "pca"} | options
    write_report(runs, path, **options)
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def first_run(folder, make_run):
    return make_run(folder / "rnc")


@pytest.fixture(scope="module")
def one(folder, first_run):
    return write(folder / "one.html", first_run)


@pytest.fixture(scope="module")
def two(folder, first_run, make_run):
    second = make_run(folder / "plain", seed=1, objective="l1", learning_rate=0.002)
    return write(folder / "two.html", first_run, second)


def test_page_needs_nothing_beside_it(two):
    tags = Counter(name for name, _ in two.tags)
    assert tags["script"] == tags["link"] == tags["iframe"] == tags["object"] == tags["base"] == 0
    (policy,) = [meta["content"] for meta in two.all("meta") if "http-equiv" in meta]
    style = two.html.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert not any("style" in attributes for _, attributes in two.tags)
    for _, attributes in two.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "srcset", "href", "action", "data", "poster"):
                assert value.startswith(("data:image/", "#"))
    assert not re.search(r"https?://|//www|@import|url\(", two.html)


def test_size_is_bounded(two):
    assert len(two.html) < 1_500_000


def test_says_what_the_figures_are_and_are_not(one):
    assert "Phantom results." in one.text
    assert "say nothing about patients" in one.text
    assert "Not a medical device." in one.text
    assert "95 % intervals in parentheses: percentile bootstrap over recordings, 50 resamples, seed 0." in one.text
    assert "TRAIN split, 2 clips a recording" in one.text
    assert "the run is not finished" in one.text


def test_two_runs_stand_side_by_side(two):
    assert "A · rnc" in two.text
    assert "B · plain" in two.text
    assert "B − A, paired" in two.text
    (caption,) = [caption for caption in two.captions if caption.startswith("Settings in which")]
    assert caption == "Settings in which the recipes differ"
    table = two.html.split(f"<caption>{caption}")[1].split("</table>")[0]
    settings = re.findall(r'<th scope="row">(\w+)', table)
    assert settings == ["seed", "objective", "learning_rate"]
    assert re.findall(r'data-column="[AB] · \w+">([^<]+)', table) == ["0", "1", "rnc_l1", "l1", "0.0001", "0.002"]
    assert len([tag for tag in two.all("div") if tag.get("class") == "case"]) == 8
    # As the hearts that it is told of: how good it is comes first, and what only whoever repeats it needs comes last.
    headings = re.findall(r"<h2 id=\"([a-z]+)-title", two.html)
    assert headings[0] == "summary"
    assert headings[-1] == "details"
    assert headings.index("cases") < headings.index("training")
    assert two.html.index("SHA-256") > two.html.index('id="details"')
    assert "It does not show that the number is right" in two.text


def test_one_run_is_called_by_its_name(one):
    assert "A · rnc" not in one.text
    assert "paired" not in one.text
    assert "<title>CoReEcho report: rnc</title>" in one.html


def test_everything_can_be_reached_without_seeing(two):
    images = two.all("img")
    assert images
    assert all(len(image["alt"]) > 20 and int(image["width"]) > 0 for image in images)
    assert all(svg["aria-label"] for svg in two.all("svg"))
    assert len(two.captions) == len(two.all("table"))
    assert all(two.captions)
    assert all("scope" in cell for cell in two.all("th"))
    levels = [int(name[1]) for name, _ in two.tags if re.fullmatch("h[1-6]", name)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = {attributes["id"] for _, attributes in two.tags if "id" in attributes}
    named = {link["href"].removeprefix("#") for link in two.all("a")}
    assert named <= ids


def test_same_runs_give_the_same_bytes(folder, first_run, one):
    # Here predictions and embeddings are read from the run's folder ...
    assert write(folder / "again.html", first_run).html == one.html
    # ... and here they are made anew.
    elsewhere = folder / "elsewhere" / first_run.path.name
    shutil.copytree(first_run.path, elsewhere, ignore=shutil.ignore_patterns("evaluation", "explain"))
    assert write(folder / "third.html", RunFolder.open(elsewhere)).html == one.html


def test_what_takes_minutes_is_not_measured_twice(folder, first_run, make_run, two, monkeypatch):
    """Of the runs of `two`; once the weights are others, it is measured anew."""

    def refuse(*_, **__):
        raise AssertionError("measured again")

    monkeypatch.setattr(run_lv_focus, "lv_focus_of_recordings", refuse)
    monkeypatch.setattr(run_continuity, "order_figures", refuse)
    monkeypatch.setattr(continuity_comparison, "paired_differences", refuse)
    second = RunFolder.open(folder / "plain")
    assert write(folder / "two-again.html", first_run, second).html == two.html
    other = folder / "other-weights" / first_run.path.name
    shutil.copytree(first_run.path, other)
    shutil.copy(second.best_weights, other / "best.safetensors")
    with pytest.raises(AssertionError, match="measured again"):
        write(folder / "other.html", RunFolder.open(other))


def test_holds_no_path(folder, two):
    assert str(folder) not in two.html
    assert str(folder.parent) not in two.html


def test_hostile_names_are_only_text(tmp_path, make_run, hostile_root):
    # Where a system allows it, with a sequence that a terminal obeys.
    folder = "<b onclick=alert(2)>" + ("\x1b[31m" if os.name == "posix" else "")
    run = make_run(tmp_path / folder, root=hostile_root, name="<i>recipe</i>")
    page = write(tmp_path / "page.html", run, cases=12)
    assert not page.all("script")
    assert not page.all("b")
    assert not page.all("i")
    assert "<script>alert(1)<script>&\"'" in page.text
    assert printable(folder) in page.text
    assert "<i>recipe</i>" in page.text
    assert "\x1b" not in page.html


def rules_of(style: str, media: str) -> str:
    """The rules of a style sheet for one medium."""
    start = style.index(f"@media {media} {{")
    depth, end = 0, start
    for end in range(style.index("{", start), len(style)):
        depth += {"{": 1, "}": -1}.get(style[end], 0)
        if depth == 0:
            break
    return style[start:end]


def test_a_phone_is_told_its_own_width(one):
    (viewport,) = [meta["content"] for meta in one.all("meta") if meta.get("name") == "viewport"]
    assert viewport == "width=device-width, initial-scale=1"


def test_nothing_is_wider_than_a_phone(two):
    """Columns shrink to the screen, pictures to their column, and wide tables to one block a row."""
    style = two.html.split("<style>")[1].split("</style>")[0]
    assert not re.search(r"(?<!max-)(?<!min-)\bwidth: *\d+(rem|px)", style.replace("width: 1px", ""))
    for columns in re.findall(r"grid-template-columns: ([^;]+);", style.split("@media print")[0]):
        assert "minmax(min(100%," in columns
    narrow = rules_of(style, "(max-width: 40rem)")
    assert "table.stack td" in narrow
    assert 'content: attr(data-column) ": "' in narrow
    # Every cell below a header says which run it is of, once the header is gone.
    tables = re.findall(r'<table class="stack[^"]*">(.*?)</table>', two.html, flags=re.DOTALL)
    assert tables
    assert all("data-column=" in cell for table in tables for cell in re.findall(r"<td[^>]*>", table))


def test_paper_gets_all_that_a_screen_shows_and_nothing_that_plays(two):
    style = two.html.split("<style>")[1].split("</style>")[0]
    printed = rules_of(style, "print")
    assert re.search(r"@page \{ size: A4;", printed)
    assert re.search(r"\.film \.moving \{ display: none; \}", printed)
    assert re.search(r"\.film \.still \{ display: block; \}", printed)
    assert re.search(r"nav, \.hold, #hold \{ display: none; \}", printed)
    assert "details::details-content { content-visibility: visible;" in printed
    assert re.search(r"tr, figure, [^{]*\{ break-inside: avoid; \}", printed)
    assert len(re.findall('class="still"', two.html)) == len(re.findall('class="moving"', two.html)) > 0


def test_continuity_is_shown_with_its_picture(two):
    assert "Order of the embeddings" in two.captions
    assert any(caption.startswith("What the embeddings are made of") for caption in two.captions)
    assert [image["alt"] for image in two.all("img")][-1].startswith("What the embeddings of B · plain are made of")


def test_continuity_of_two_runs_has_its_paired_difference(one, two):
    for caption in ("Order of the embeddings", "What the embeddings are made of"):
        table = two.html.split(f"<caption>{caption}")[1].split("</table>")[0]
        assert '<th scope="col">B − A, paired</th>' in table
        cells = re.findall(r'data-column="B − A, paired">(.*?)</td>', table)
        assert len(cells) == len(re.findall('<th scope="row">', table))
        assert all(re.match(r"−?\d+\.\d\d|n/a", cell) for cell in cells)
    assert "The difference resamples the same recordings for both runs" in two.text
    assert "B − A" not in one.text


def test_a_split_too_small_for_some_measures_has_a_page_all_the_same(folder, first_run):
    page = write(folder / "val.html", first_run, protocol=Protocol(split="val", clips=1, resamples=5), cases=1)
    assert "It could not be measured: Continuity compares recordings and needs at least 3 of them, got 2." in page.text
    assert "What lies near what" not in page.text
    assert "VAL split, 1 clip a recording" in page.text


def test_shows_only_what_is_wanted(folder, first_run, one):
    assert "LV focus" in one.text
    assert "Typical cases, and where it errs most" in one.text
    page = write(folder / "short.html", first_run, cases=0, lv_focus=False)
    assert "LV focus" not in page.text
    assert "Typical cases, and where it errs most" not in page.text


def test_an_encoder_without_a_grid_has_a_page_without_maps(folder, first_run, monkeypatch):
    monkeypatch.setattr("coreecho.saliency.encoder_levels._modules_of_levels", lambda encoder: {})
    monkeypatch.setattr("coreecho.saliency.encoder_levels._MEASURED", WeakKeyDictionary())
    page = write(folder / "gridless.html", first_run, cases=1)
    assert "The network of rnc has no grid of the clip that a map could lie on." in page.text
    assert "its network has no grid of the clip that a map could be drawn on" in page.text


@pytest.mark.parametrize("count", [0, 3])
def test_refuses_any_number_of_runs_but_one_and_two(tmp_path, make_run, count):
    runs = [make_run(tmp_path / f"run{number}") for number in range(count)]
    with pytest.raises(RecipeError, match=f"one run or two side by side, got {count}"):
        write_report(runs, tmp_path / "page.html")


def test_refuses_what_cannot_be_written_before_it_predicts(tmp_path, make_run):
    run = make_run(tmp_path / "run")
    with pytest.raises(CoReEchoError, match="the folder that is to hold it is missing"):
        write_report([run], tmp_path / "nowhere" / "page.html")
    assert not (run.path / "evaluation").exists()


def test_run_without_an_epoch_says_so(tmp_path, make_run):
    run = make_run(tmp_path / "run")
    (run.path / "metrics.csv").unlink()
    with pytest.raises(CheckpointError, match="finished no epoch yet"):
        write_report([run], tmp_path / "page.html")

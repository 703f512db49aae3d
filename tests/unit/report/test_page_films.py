"""Films of the worst cases: what they show, what they must not show, and how large they are."""

import base64
import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from jinja2 import Environment, PackageLoader
from PIL import Image

from coreecho.models import build_model
from coreecho.models.echo_model import ModelInput
from coreecho.report import page_films
from coreecho.report.page_films import Case, shown_cases, why_colourless
from coreecho.saliency.video_explanation import VideoExplanation
from coreecho.tasks import EF, MI, Task

SIZE, FRAMES = 64, 40
INPUT = ModelInput(num_frames=4, stride=4, frame_size=32)


def frames_of(video: Image.Image) -> list[np.ndarray]:
    pictures = []
    for number in range(video.n_frames):
        video.seek(number)
        pictures.append(np.asarray(video.convert("RGB")).astype(int))
    return pictures


def opened(uri: str) -> Image.Image:
    media_type, _, content = uri.partition(";base64,")
    assert media_type == "data:image/webp"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def moving_disc(size: int = 32, num_frames: int = FRAMES) -> np.ndarray:
    """A disc of noise that changes, and beside it a bright label that does not."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    disc = (y - size / 2) ** 2 + (x - size / 2) ** 2 < (size * 0.35) ** 2
    frames = (rng.integers(40, 200, size=(num_frames, size, size)) * disc).astype(np.uint8)
    frames[:, : size // 8, : size // 4] = 255
    return frames


class Store:
    def __init__(self, frames: np.ndarray) -> None:
        self._frames = frames

    def frames(self, recording: str) -> np.ndarray:
        return self._frames

    def fps(self, recording: str) -> float:
        return 50.0


def a_run(frames: np.ndarray, *, size: int = 32, title: str = "run"):
    predictions = pd.DataFrame(
        {
            "recording": ["near", "low", "high", "other high"],
            "ef_true": [50.0, 50.0, 50.0, 50.0],
            "ef_predicted": [51.0, 38.0, 60.0, 60.0],
            "clip_sd": [1.0, 2.0, np.nan, 1.0],
            "num_clips": [3, 3, 1, 3],
        }
    )
    model_input = ModelInput(num_frames=4, stride=4, frame_size=size)
    return SimpleNamespace(
        title=title,
        has_maps=True,
        task=EF(),
        evaluation=SimpleNamespace(predictions=predictions, worth=None),
        subject=SimpleNamespace(seen=lambda show_progress: Store(frames)),
        model=build_model("uniformer_xs", model_input, last_bias=55.0).eval(),
    )


def worst_cases(run, other, *, count: int, show_progress: bool) -> list[Case]:
    typical, largest = shown_cases(run, other, worst=count, show_progress=show_progress)
    assert "Typical" in typical.name
    return list(largest.cases)


def test_typical_cases_have_errors_in_the_middle_of_all_and_are_not_the_worst_ones():
    run = a_run(moving_disc())
    run.evaluation.predictions = pd.DataFrame(
        {
            "recording": list("abcde"),
            "ef_true": 50.0,
            "ef_predicted": [50.0, 52.0, 53.0, 54.5, 70.0],
            "clip_sd": 1.0,
            "num_clips": 3,
        }
    )
    typical, largest = shown_cases(run, None, worst=1, show_progress=False)
    assert [case.recording for case in typical.cases] == ["c"]
    assert typical.name == "Typical: errors in the middle of all (3.0 EF points off)"
    assert [case.recording for case in largest.cases] == ["e"]


def test_the_largest_errors_come_first_and_equal_ones_by_name():
    cases = worst_cases(a_run(moving_disc()), None, count=3, show_progress=False)
    assert [case.recording for case in cases] == ["low", "high", "other high"]
    assert cases[0].facts[:3] == ("true EF 50.0 %", "predicted 38.0 %", "error −12.0 EF points")
    assert cases[0].facts[3] == "its 3 clips differ by 2.0 (SD, no interval)"
    assert len(cases[1].facts) == 3


def test_tells_what_the_other_run_says():
    run = a_run(moving_disc())
    (case,) = worst_cases(run, a_run(moving_disc(), title="B · other"), count=1, show_progress=False)
    assert case.facts[-1] == "B · other predicted 38.0 %"


def test_film_plays_and_the_still_is_one_of_its_frames():
    (case,) = worst_cases(a_run(moving_disc()), None, count=1, show_progress=False)
    film = opened(case.film.moving)
    # 40 frames at 50 a second, every second one.
    assert (film.n_frames, film.size) == (20, (64, 32))
    assert film.info["loop"] == 0
    film.load()
    assert film.info["duration"] == 40
    assert opened(case.film.uri).size == film.size
    assert getattr(opened(case.film.uri), "n_frames", 1) == 1


def test_nothing_outside_the_sector_is_shown():
    frames = moving_disc()
    (case,) = worst_cases(a_run(frames), None, count=1, show_progress=False)
    label = frames[0] == 255
    for uri in (case.film.moving, case.film.uri):
        for picture in frames_of(opened(uri)):
            assert picture[:, :32][label].max() < 30
            assert picture[:, 32:][label].max() < 30


def test_no_film_where_no_sector_is_found():
    still = np.full((FRAMES, 32, 32), 90, dtype=np.uint8)
    (case,) = worst_cases(a_run(still), None, count=1, show_progress=False)
    assert case.film is None
    assert "low" in case.reason


def explained(maps: np.ndarray, starts: list[int], task: Task | None = None) -> VideoExplanation:
    """Of a video of 40 frames, every 4th sampled; maps (k, 4, 32, 32)."""
    return VideoExplanation(
        clip_maps=maps.astype(np.float32),
        clip_predictions=np.zeros(len(maps)),
        task=task or EF(),
        starts=tuple(starts),
        num_valid_frames=(4,) * len(maps),
        sampling=INPUT,
        num_frames=FRAMES,
        level="level1",
        grid=(2, 8, 8),
        evidence="positive",
    )


SECTOR = np.pad(np.ones((16, 16), dtype=bool), 8)
INSIDE, OUTSIDE = (slice(12, 20),) * 2, (slice(0, 4),) * 2


def test_colour_needs_no_reason():
    maps = np.zeros((1, 4, 32, 32))
    maps[0, 1][INSIDE] = 1
    assert why_colourless(explained(maps, [0]), range(16), SECTOR) == ""


def test_no_evidence_at_all_is_said():
    maps = np.zeros((2, 4, 32, 32))
    assert why_colourless(explained(maps, [0, 20]), range(16), SECTOR) == (
        "no evidence that raises the EF: the map is zero in 2 clips"
    )
    assert "no evidence that raises the probability of a myocardial infarction" in why_colourless(
        explained(maps, [0, 20], task=MI()), range(16), SECTOR
    )


def test_evidence_outside_the_sector_is_said():
    maps = np.zeros((1, 4, 32, 32))
    maps[0, 1][OUTSIDE] = 1
    reason = why_colourless(explained(maps, [0]), range(16), SECTOR)
    assert reason == "all evidence that raises the EF lies outside the ultrasound sector, which is not shown"


def test_evidence_in_frames_that_are_not_shown_is_said():
    maps = np.zeros((2, 4, 32, 32))
    maps[1, 1][INSIDE] = 1
    reason = why_colourless(explained(maps, [0, 20]), range(16), SECTOR)
    assert reason == "the evidence that raises the EF lies in frames of the video that are not in this film"
    reason = why_colourless(explained(maps[1:], [20]), range(16), SECTOR)
    assert reason == "the clips that the model saw lie in other frames than these, and so does what raises the EF"


def test_the_reason_stands_with_the_case():
    """A head that gives the same EF for every picture finds evidence in none."""
    run = a_run(moving_disc())
    torch.nn.init.zeros_(run.model.head[-1].weight)
    (case,) = worst_cases(run, None, count=1, show_progress=False)
    assert case.remark == "no evidence that raises the EF: the map is zero in 3 clips"
    page = Environment(loader=PackageLoader("coreecho.report", "templates"), autoescape=True)
    shown = page.get_template("parts.html").module.show_case(case)
    assert "No colour: no evidence that raises the EF" in shown


def test_large_films_are_made_small(monkeypatch):
    monkeypatch.setattr(page_films, "_MAX_BYTES", 10_000)
    (case,) = worst_cases(a_run(moving_disc(64), size=64), None, count=1, show_progress=False)
    assert (case.film.width, case.film.height) == (64, 32)
    assert len(case.film.moving) < 40_000


def test_film_covers_a_short_video_and_starts_at_its_first_frame():
    shown, fps = page_films.shown_frames(9, 30.0)
    assert shown == list(range(9))
    assert fps == pytest.approx(30)
    shown, fps = page_films.shown_frames(1000, 100.0)
    assert (shown[:3], len(shown), fps) == ([0, 4, 8], 63, pytest.approx(25))


def test_films_with_words_lose_frames_and_never_pixels(monkeypatch):
    monkeypatch.setattr(page_films, "_MAX_BYTES", 1)
    noise = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), dtype=np.uint8)
    film = page_films.film_of([Image.fromarray(frame) for frame in noise], 25.0, 4, "a film", is_lettered=True)
    assert (film.width, film.height) == (64, 64)
    with Image.open(io.BytesIO(base64.b64decode(film.moving.split(",")[1]))) as opened:
        assert opened.size == (64, 64)
        assert opened.n_frames == 2


@pytest.mark.parametrize(("largest", "chosen"), [(700, 0), (600, 1), (450, 3), (150, 6), (50, 6)])
def test_the_best_film_that_fits_is_found_in_few_tries(monkeypatch, largest, chosen):
    made = []

    def webp(images, fps, quality):
        made.append((len(images), quality))
        return bytes(100 * (7 - tries.index(made[-1])) if len(images) > 1 else 1)

    tries = [(12, 70), (12, 55), (12, 40), (12, 25), (6, 25), (4, 25), (3, 25)]
    monkeypatch.setattr(page_films, "_webp", webp)
    monkeypatch.setattr(page_films, "_MAX_BYTES", largest / page_films._LETTERED)
    images = [Image.new("RGB", (8, 8))] * 12
    film = page_films.film_of(images, 25.0, 0, "a film", is_lettered=True)
    assert len(base64.b64decode(film.moving.split(",")[1])) == 100 * (7 - chosen)
    assert len(made) <= 1 + 4

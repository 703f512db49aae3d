"""One page a patient shows what there is, and says what there is not."""

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

import coreecho
from coreecho.errors import UsageError
from coreecho.inference import Prediction, PredictionFailure, Predictor, combine_studies
from coreecho.inference.preparing import ClipFile
from coreecho.models.weights import load_model
from coreecho.report import patient_page
from coreecho.report.patient_clips import MOST_CLIPS, patient_clips
from coreecho.report.patient_page import PatientClip, write_patient_page
from coreecho.tasks import EF, MI, Scalar, Task
from coreecho.training.run_folder import RunFolder
from coreecho.trust.appraisal import NOT_CALIBRATED, NOT_OF_PATIENTS
from coreecho.ventricle import Beats
from coreecho.ventricle.beats import Beat, LeftOut
from coreecho.ventricle.segmentation import Segmentation
from coreecho.ventricle.volume import ventricle_curve
from coreecho.video.video import Video

PREDICTION = Prediction(
    file="folder/clip.dcm",
    value=47.6,
    clip_values=(44.0, 48.0, 50.8),
    clip_sd=3.4,
    ef_words="mildly abnormal (ASE/EACVI 2015)",
    clip_starts=(0, 7, 13),
    warnings=("the frame rate is far from the training's",),
    notes=("cropped to the sector",),
    fps=50.0,
    num_frames=100,
    model="a model",
)


def page_of(tmp_path: Path, *clips: PatientClip, task: Task | None = None) -> str:
    path = tmp_path / "page.html"
    write_patient_page(clips, path, model_name="a model", task=task or EF())
    return path.read_text(encoding="utf-8")


def test_a_number_alone_says_what_it_lacks(tmp_path: Path) -> None:
    page = page_of(tmp_path, PatientClip(result=PREDICTION, without=("No similar hearts: none are there.",)))
    for words in (
        "47.6 %",
        "No interval: this model has no calibration",
        "mildly abnormal",
        "ASE/EACVI 2015",
        "3 stretches of this clip gave 44.0 % to 50.8 %",
        "frame rate is far from",
        "<li>Cropped to the sector</li>",
        "Nothing here outlines the left ventricle",
        "No similar hearts: none are there.",
        "two experts, biplane Simpson",
        "Not a medical device",
    ):
        assert words in page
    # The folder of a file may be a patient's name.
    assert "folder/" not in page
    assert "<script" not in page
    assert "<img" not in page


def test_an_interval_is_shown_where_there_is_one(tmp_path: Path) -> None:
    worth = {"interval_low": 41.2, "interval_high": 54.9, "level": 0.9, "p_below_40": 0.03, "trust": "doubtful"}
    reasons = ("contrast lower than in the clips of the calibration",)
    page = page_of(tmp_path, PatientClip(result=replace(PREDICTION, **worth, reasons=reasons)))
    assert "41 to 55 % (90 % interval)" in page
    two = page_of(tmp_path, *(PatientClip(result=replace(PREDICTION, **worth, file=name)) for name in ("a", "b")))
    assert '47.6 %<span class="ends"> (90 % interval 41 to 55)</span>' in two
    assert "3 % that it is below 40 %" in page
    assert "<strong>doubtful</strong>; why stands below." in page
    assert "<h3>Why the trust is doubtful</h3>" in page
    assert "<li>contrast lower than in the clips of the calibration</li>" in page
    assert "Something of the clip, or its outline, is rare" in page
    for trust in ("good", "doubtful", "outside"):
        judged = page_of(tmp_path, PatientClip(result=replace(PREDICTION, trust=trust)))
        assert "Which view it is, is not judged." in judged, trust
    assert "No interval" not in page


def test_beats_volume_and_outline_are_shown_where_something_outlines(
    tmp_path: Path, sector_frames: Callable[..., NDArray[np.uint8]]
) -> None:
    frames = sector_frames(20, size=56)
    shares = np.zeros((20, 28, 28), dtype=np.float32)
    shares[:, 10:20, 10:18] = 1
    shares[10, 10:20, 10:13] = 0
    curve = ventricle_curve(shares > 0.5)
    segmented = Segmentation(
        file="clip.dcm",
        shares=shares,
        curves={"discs": curve, "area-length": curve},
        method="discs",
        beats=Beats(
            beats=(Beat(ed_frame=5, es_frame=10, edv=100.0, esv=45.0),),
            es_frames=(10,),
            contractions=np.array([7.0, 17.0]),
            rule="product",
            fps=10.0,
        ),
        fps=10.0,
        video=Video(frames, 10.0, "clip.dcm"),
        warnings=("the outline is cut off by the sector",),
        notes=(),
        model="a segmenter",
    )
    clip = ClipFile(Video(frames, 10.0, "clip.dcm"), 20, 10.0)
    page = page_of(tmp_path, PatientClip(result=PREDICTION, clip=clip, segmented=segmented))
    assert "<td>0.50 s</td><td>1.00 s</td><td>55 %</td>" in page
    assert "60 beats a minute" in page
    assert page.count("a segmenter") == 1
    assert "Left ventricles are outlined by a segmenter." in page
    assert page.index("End-diastole (ED), 0.50 s") < page.index("End-systole (ES), 1.00 s")
    # The film comes right after the number where the page is narrow.
    assert re.search(r"\.number \{ order: 1; \}\s*\.film-of \{ order: 2; \}", page)
    assert "cut off by the sector" in page
    assert page.count('class="chart"') == page.count('class="moving"') == 1
    film = film_in(page)
    assert "The clip, with the outline and below it the volume over time" in page
    assert film.n_frames == 20
    assert _line_of_film(film, 0) < _line_of_film(film, 10) < _line_of_film(film, 19), "in step with the film"
    long = replace(clip, video=Video(np.concatenate([frames] * 3), 20.0, "clip.dcm"))
    assert "The first 2.5 s of the clip; only" in page_of(tmp_path, PatientClip(result=PREDICTION, clip=long))
    alone = page_of(tmp_path, PatientClip(result=PREDICTION, clip=clip))
    assert 'class="chart"' not in alone
    assert alone.count('class="moving"') == 1


def film_in(page: str) -> WebPImageFile:
    """The first film of a page."""
    found = re.search(r'class="moving" src="data:image/webp;base64,([^"]+)"', page)
    assert found is not None
    film = Image.open(io.BytesIO(base64.b64decode(found[1])))
    assert isinstance(film, WebPImageFile)
    return film


def _line_of_film(film: WebPImageFile, frame: int) -> int:
    """Where across the strip below the picture the white line stands."""
    film.seek(frame)
    picture = np.asarray(film.convert("L"), dtype=np.float64)
    side = picture.shape[1]
    # Right of the words, from the strip's upper edge down.
    return int(picture[side + 4 : side + 40, 80:].mean(axis=0).argmax())


def test_a_failure_stands_among_the_others(tmp_path: Path) -> None:
    failed = PatientClip(result=PredictionFailure(file="a/still.dcm", error="a still picture"))
    page = page_of(tmp_path, PatientClip(result=PREDICTION), failed)
    assert "Ejection fraction of 1 clip; 1 without a number" in page
    assert "No EF: a still picture" in page


def test_another_task_has_no_words_of_the_guideline(tmp_path: Path) -> None:
    found = replace(
        PREDICTION, ef_words=None, task="mi", value_name="mi_probability", is_appraised=False, value=0.7, unit="",
        clip_sd=None,
    )  # fmt: skip
    page = page_of(tmp_path, PatientClip(result=found), task=MI())
    assert "70.0 %" in page
    assert "ASE/EACVI" not in page
    assert "No interval" not in page


class Strain(Scalar):
    """A number with limits of the clinic, that is no EF."""

    thresholds = (-20.0, -16.0)
    interval_edges = (-18.0,)


def test_a_number_with_limits_of_its_own_is_told_as_no_ef(tmp_path: Path) -> None:
    """Neither the variability of who reads an EF stands there, nor what calibrates one."""
    task = Strain("gls", "%")
    strain = replace(
        PREDICTION, task="strain", value_name="gls", is_appraised=False, value=-17.2, ef_words=None, notice=task.notice
    )
    page = page_of(tmp_path, PatientClip(result=strain), PatientClip(result=replace(strain, file="b.avi")), task=task)
    assert "-17.2 %" in page
    for words in ("Simpson", "No interval", '<th scope="col">Trust'):
        assert words not in page


def test_films_and_similar_hearts_of_a_run(run: RunFolder, bright_segmenter: Path, tmp_path: Path) -> None:
    path = run.recordings("train")[0].path
    predictor = Predictor(load_model(run.path))
    results = list(Predictor(load_model(run.path), seconds_a_file=None).predict_many([path]))
    clips = patient_clips(results, predictor, run.path)
    page = page_of(tmp_path, *clips)
    assert page.count('class="moving"') == 1
    assert "Similar hearts" in page
    assert "This very clip is among the recordings that were searched" in page
    assert "This clip is simulated: its number says nothing about a patient." in page
    assert "Clip 1 is simulated: its number" in page_of(tmp_path, *clips, PatientClip(result=PREDICTION))
    outlined = {str(path): coreecho.segment(path, model=bright_segmenter)}
    (clip,) = patient_clips(results, predictor, run.path, looks_for_similar=False, outlined=outlined)
    assert clip.segmented is outlined[str(path)]
    assert "Similar hearts were not looked for." in page_of(tmp_path, clip)


def test_a_page_is_of_one_patient(run: RunFolder) -> None:
    with pytest.raises(UsageError, match="one page a patient"):
        patient_clips([PREDICTION] * (MOST_CLIPS + 1), Predictor(load_model(run.path)), run.path)


def test_clips_of_one_name_are_told_apart_and_an_examination_has_its_number(tmp_path: Path) -> None:
    results = [
        replace(PREDICTION, file=f"day/{folder}/IM1", value=value) for folder, value in (("A", 40.0), ("B", 48.0))
    ]
    failure = PredictionFailure(file="day/B/IM2", error="a still", is_refused=True)
    path = tmp_path / "page.html"
    write_patient_page(
        [PatientClip(result=result) for result in (*results, failure)],
        path,
        model_name="a model",
        task=EF(),
        examinations=combine_studies([*results, failure], has_ids=False),
    )
    page = path.read_text(encoding="utf-8")
    for words in (
        "1. A/IM1",
        "2. B/IM1",
        "3. IM2",
        "of 2 clips; 1 without a number",
        "Examinations",
        "A: 40.0 %, the median",
    ):
        assert words in page, words


@pytest.mark.parametrize("note", [NOT_CALIBRATED, NOT_OF_PATIENTS])
def test_the_command_that_makes_an_interval_stands_apart_from_the_number(tmp_path: Path, note: str) -> None:
    doubted = replace(PREDICTION, trust="doubtful", reasons=("dull",), reason_notes=("usual: as most are",))
    assert "Usual: as most are." in page_of(tmp_path, PatientClip(result=doubted))
    page = page_of(tmp_path, PatientClip(result=replace(PREDICTION, interval_notes=(note, "another note"))))
    assert '<p class="facts">Another note.</p>' in page
    numbers, set_up = page.split("<footer>")
    assert f"N{note[1:].split('.')[0]}." in numbers
    assert "coreecho calibrate" not in numbers
    assert "coreecho calibrate MODEL" in set_up


def test_the_film_says_in_three_lines_what_it_is(
    tmp_path: Path, sector_frames: Callable[..., NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words below it are not as high as the heart: all else is on the page."""
    told: list[str] = []
    label = patient_page.label_pictures
    monkeypatch.setattr(
        patient_page, "label_pictures", lambda p, lines, **o: (told.extend(lines), label(p, lines, **o))[1]
    )
    clip = ClipFile(Video(sector_frames(8, size=56), 10.0, "clip.dcm"), 8, 10.0)
    phantoms = "a net trained on 9 simulated hearts (phantoms)"
    page_of(tmp_path, PatientClip(result=replace(PREDICTION, trust="outside", model=phantoms), clip=clip))
    page_of(tmp_path, PatientClip(result=PREDICTION, clip=clip))
    assert told == [
        "predicted EF 47.6 %, no interval; trust: outside",
        "research model, simulated hearts only",
        "predicted EF 47.6 %, no interval",
        "research model",
    ]


def test_what_holds_for_all_clips_is_said_once_and_their_median_comes_first(tmp_path: Path) -> None:
    of_all, of_one = "the model was trained on simulated hearts only", "short clip: 40 frames"
    rests_on, meaning = "90 % interval by the errors of 100 recordings", "usual: as most are"
    worth = {"interval_notes": (rests_on,), "reason_notes": (meaning,), "reasons": ("dull",)}
    clips = [
        replace(PREDICTION, file="1.dcm", value=60.0, trust="good", warnings=(of_all, of_one), **worth),
        replace(PREDICTION, file="2.dcm", value=50.0, trust="good", warnings=(of_all,), **worth),
        replace(PREDICTION, file="3.dcm", value=20.0, trust="doubtful", warnings=(of_all,), **worth),
    ]
    page = page_of(tmp_path, *(PatientClip(result=clip) for clip in clips))
    assert "All clips together: 55.0 %, the median of 2 of 3 clips that were measured." in page
    assert "are 50.0 % and 60.0 %: that is no interval, and a median of clips has none." in page
    assert "Used: 1. 1.dcm, 2. 2.dcm. Left out, as not trusted: 3. 3.dcm." in page
    assert re.findall(r"<td>(used|left out)</td>", page) == ["used", "used", "left out"]
    for words in (of_all, rests_on, meaning):
        assert page.casefold().count(words.casefold()) == 1, words
    assert page.index(of_all[1:]) < page.index("1. 1.dcm</h2>") < page.index(of_one)
    assert "50.0 %, by the only trusted one of 2 clips that were measured" in page_of(
        tmp_path, *(PatientClip(result=clip) for clip in clips[1:])
    )
    # A list of them leads to each.
    assert re.findall(r'href="#(clip-\d)"', page) == re.findall(r'section id="(clip-\d)"', page)
    alone = page_of(tmp_path, PatientClip(result=clips[0]))
    assert "together" not in alone.split("</style>")[1]
    assert of_all in alone


def test_contractions_that_are_no_beats_are_named(
    tmp_path: Path, sector_frames: Callable[..., NDArray[np.uint8]]
) -> None:
    shares = np.zeros((20, 28, 28), dtype=np.float32)
    shares[:, 10:20, 10:18] = 1
    curve = ventricle_curve(shares > 0.5)
    beats = Beats((), (3,), np.zeros(0), "product", 10.0, left_out=(LeftOut(3, "the clip ends within it"),))
    segmented = Segmentation(
        file="clip.dcm",
        shares=shares,
        curves={"discs": curve, "area-length": curve},
        method="discs",
        beats=beats,
        fps=10.0,
        video=Video(sector_frames(20, size=56), 10.0, "clip.dcm"),
        warnings=PREDICTION.warnings,
        notes=(),
        model="a segmenter",
    )
    page = page_of(tmp_path, PatientClip(result=PREDICTION, segmented=segmented))
    assert "A beat about 0.30 s was left out: the clip ends within it." in page
    # What the number and its outline both warn of is said once.
    assert page.count("the frame rate is far from the training") == 1

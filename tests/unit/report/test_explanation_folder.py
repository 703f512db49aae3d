import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray
from tests.shared.weights import small_card

from coreecho.errors import CoReEchoError, RecipeError, VideoError
from coreecho.inference import Predictor
from coreecho.inference.engine import predict_video
from coreecho.models.card import TrainedOn
from coreecho.models.echo_model import EchoModel
from coreecho.models.segmenter import load_segmenter
from coreecho.phantom.avi import write_mjpeg_avi
from coreecho.report import explanation_folder, overlay
from coreecho.report.explanation_folder import Film, write_explanation
from coreecho.saliency.file_explanation import FileExplanation
from coreecho.saliency.file_explanation import explain_file as explain
from coreecho.trust import Appraisal
from coreecho.video import read_video, resize_frames
from coreecho.video.temporal import resample_time

Frames = Callable[..., NDArray[np.uint8]]


def explain_file(model: EchoModel, path: Path, out: Path, *, film: Film = "mp4", **options: Any) -> FileExplanation:
    """Explain, and write the folder."""
    explained = explain(model, path, **options)
    write_explanation(explained, out, film=film)
    return explained


@pytest.fixture
def clip(tmp_path: Path, sector_frames: Frames) -> Path:
    path = tmp_path / "JANE DOE.avi"
    write_mjpeg_avi(path, sector_frames(24), 50)
    return path


def test_writes_the_folder(model: EchoModel, clip: Path, tmp_path: Path, assert_png: Callable[[Path], None]) -> None:
    out = tmp_path / "out"
    explained = explain_file(model, clip, out, film="both", clips=2)
    assert sorted(path.name for path in out.iterdir()) == [
        "contact_sheet.png", "explanation.json", "map.npz", "overlay.gif", "overlay.mp4",
    ]  # fmt: skip
    assert_png(out / "contact_sheet.png")
    with np.load(out / "map.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["video_map"], explained.explanation.video_map())
        assert archive["video_map"].shape == (24, 56, 56)
        assert archive["clip_maps"].shape == (2, 6, 56, 56)
        assert str(archive["level"]) == "level2"
    document = json.loads((out / "explanation.json").read_text())
    # As in the document of `coreecho predict`.
    assert "beat" not in document
    predicted = predict_video(model, explained.clip.frames, explained.explanation.starts)
    assert document["ef_percent"] == pytest.approx(predicted.value, rel=1e-5)
    assert (document["target"], document["output"]) == ("ef", "predicted EF")
    assert "EF points per cell" in document["map"]
    assert document["is_phantom"] is True
    assert "not a medical device" in document["notice"]
    assert document["warnings"] == ["nothing is known of the data that this model was trained on"]
    # Files are often named after patients.
    assert not any(b"JANE" in path.read_bytes() for path in out.iterdir())


def texts_on_pictures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written below films and over sheets."""
    written: list[str] = []
    label, sheet = explanation_folder.label_pictures, explanation_folder.contact_sheet

    def note_lines(pictures: NDArray[np.uint8], lines: list[str], **options: bool) -> object:
        written.extend(lines)
        return label(pictures, lines, **options)

    def note_title(*arguments: object, title: str, **options: object) -> None:
        written.append(title)
        sheet(*arguments, title=title, **options)

    monkeypatch.setattr(explanation_folder, "label_pictures", note_lines)
    monkeypatch.setattr(explanation_folder, "contact_sheet", note_title)
    return written


def test_of_an_infarction_the_logit_is_explained(
    mi_model: EchoModel, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = texts_on_pictures(monkeypatch)
    explained = explain_file(mi_model, clip, tmp_path, clips=2)
    logits = predict_video(mi_model, explained.clip.frames, explained.explanation.starts).clip_values
    document = json.loads((tmp_path / "explanation.json").read_text())
    assert document["output"] == "predicted probability of a myocardial infarction"
    assert document["explained"] == "logit of a myocardial infarction"
    assert document["mi_logit"] == pytest.approx(logits.mean(), rel=1e-4)
    assert document["mi_probability"] == pytest.approx(1 / (1 + np.exp(-logits.mean())), rel=1e-4)
    assert document["clip_mi_probability"] == pytest.approx(1 / (1 + np.exp(-logits)), rel=1e-4)
    assert "logits per cell" in document["map"]
    assert document["meaning"] == "bright: what raises the probability of a myocardial infarction"
    with np.load(tmp_path / "map.npz", allow_pickle=False) as archive:
        assert (str(archive["target"]), str(archive["output"])) == ("mi", document["output"])
        np.testing.assert_allclose(archive["clip_predictions"], logits, rtol=1e-4)
    # An impossible EF, such as -0.5, would be warned of; a logit is not one.
    assert document["warnings"] == ["nothing is known of the data that this model was trained on"]
    percent = 100 * document["mi_probability"]
    assert sum(f"predicted probability of a myocardial infarction {percent:.1f} %" in text for text in written) == 2
    assert not any("EF" in text for text in [*written, json.dumps(document)])


def test_the_sheet_says_what_the_film_says(
    model: EchoModel, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a clip without the mark of a simulated heart, by a model that learned from simulated ones."""
    with_card(model, fps_range=(50.0, 50.0))
    drawn: list[Figure] = []
    film: list[str] = []
    save, label = overlay.save_figure, explanation_folder.label_pictures
    monkeypatch.setattr(overlay, "save_figure", lambda figure, path: (drawn.append(figure), save(figure, path)))
    monkeypatch.setattr(
        explanation_folder, "label_pictures", lambda p, lines, **o: (film.extend(lines), label(p, lines, **o))[1]
    )
    real = explain(model, clip)
    real = replace(real, clip=replace(real.clip, video=replace(real.clip.video, is_phantom=False)))
    real = replace(real, warnings=real.clip.warnings(model, real.explanation.prediction))
    write_explanation(real, tmp_path, film="mp4", appraisal=Appraisal(trust="doubtful"))
    caution = "the model was trained on simulated hearts only"
    assert any(caution in warning for warning in real.warnings)
    sheet = " ".join(text.get_text() for text in drawn[0].findobj(Text))
    for told in (sheet, " ".join(film)):
        assert f"Caution: {caution}" in told
        assert "Model: uniformer_xs, a test" in told
        assert f"{real.explanation.predicted}, no interval; trust: doubtful" in told
        # A span beside the number would be taken for one.
        assert re.search(
            r"3 stretches of this clip gave \S+ % to \S+ %\. Stretches that agree may all be wrong",
            " ".join(told.split()),
        )
    assert "not a medical device" in sheet
    assert "simulated hearts (phantoms)" not in sheet


def test_a_whole_beat_is_shown_as_it_was_resampled(beat_model: EchoModel, clip: Path, tmp_path: Path) -> None:
    explained = explain_file(beat_model, clip, tmp_path, beat="all")
    document = json.loads((tmp_path / "explanation.json").read_text())
    assert document["clip_starts"] == [0]
    assert (document["num_frames"], document["file_num_frames"]) == (6, 24)
    # 24 frames at 50 a second last as long as 6 at 12.5.
    assert (document["fps"], document["file_fps"]) == (12.5, 50)
    assert document["beat"] == [0, 23]
    frames, _ = explained.shown_frames()
    np.testing.assert_array_equal(frames, resample_time(explained.clip.frames, 6, "spline"))
    with np.load(tmp_path / "map.npz", allow_pickle=False) as archive:
        assert archive["video_map"].shape == (6, 56, 56)
        np.testing.assert_array_equal(archive["video_map"], archive["clip_maps"][0])


def test_the_beat_is_the_one_that_is_said(beat_model: EchoModel, clip: Path, tmp_path: Path) -> None:
    explained = explain_file(beat_model, clip, tmp_path, beat=(15, 4))
    document = json.loads((tmp_path / "explanation.json").read_text())
    assert document["beat"] == [15, 4]
    predicted = Predictor(beat_model)(clip, beat=(15, 4))
    assert document["mi_probability"] == pytest.approx(predicted.mi_probability, rel=1e-4)
    assert document["warnings"] == list(predicted.warnings)
    whole = explain_file(beat_model, clip, tmp_path, beat="all")
    np.testing.assert_array_equal(explained.clip.frames, whole.clip.frames[4:16][::-1])
    with pytest.raises(RecipeError, match="This model looks at one beat"):
        explain_file(beat_model, clip, tmp_path)


def test_other_models_take_no_beat(model: EchoModel, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="leave the beat out"):
        explain_file(model, clip, tmp_path, beat=(4, 15))


def with_card(model: EchoModel, *, fps_range: tuple[float, float]) -> EchoModel:
    trained_on = TrainedOn(
        dataset="echonet",
        is_phantom=True,
        num_recordings=10,
        fps_range=fps_range,
        label_range=(0.0, 100.0),
        recipe="tiny",
        epoch=0,
        best_validation=10.0,
    )
    model.card = small_card(model.model_input, trained_on=trained_on)
    return model


def test_a_file_is_explained_at_the_training_s_frame_rate(model: EchoModel, clip: Path, tmp_path: Path) -> None:
    """At 50 frames a second, of a model trained at 25: every second frame is seen, as by `predict`."""
    with_card(model, fps_range=(25.0, 25.0))
    explained = explain_file(model, clip, tmp_path, clips=2)
    document = json.loads((tmp_path / "explanation.json").read_text())
    note = "resampled from 50 to 25 frames per second, the rate of the training"
    assert note in document["notes"]
    assert (document["num_frames"], document["fps"]) == (12, 25)
    assert (document["file_num_frames"], document["file_fps"]) == (24, 50)
    predicted = Predictor(model, clips=2)(clip)
    assert note in predicted.notes
    assert document["ef_percent"] == pytest.approx(predicted.ef_percent, rel=1e-5)
    assert document["warnings"] == list(predicted.warnings) == []
    np.testing.assert_array_equal(explained.clip.frames, resize_frames(read_video(clip).frames, 56)[::2])
    with np.load(tmp_path / "map.npz", allow_pickle=False) as archive:
        assert archive["video_map"].shape == (12, 56, 56)


def test_a_clip_without_a_sector_is_refused(model: EchoModel, tmp_path: Path) -> None:
    path = tmp_path / "flicker.avi"
    # The whole picture moves: a still would be refused as one.
    write_mjpeg_avi(path, [np.full((56, 56), 60 + 60 * (n % 2), dtype=np.uint8) for n in range(20)], 50)
    with pytest.raises(VideoError, match="no ultrasound sector found"):
        explain_file(model, path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_settings_are_checked_before_reading(model: EchoModel, tmp_path: Path, clip: Path) -> None:
    with pytest.raises(RecipeError, match="clips: expected at least 1, got 0"):
        explain_file(model, tmp_path / "absent.avi", tmp_path, clips=0)
    (tmp_path / "taken").write_text("")
    with pytest.raises(CoReEchoError, match="Give another `--out`"):
        explain_file(model, clip, tmp_path / "taken")


def test_of_a_file_it_is_told_how_much_of_the_map_lies_in_the_outlined_ventricle(
    model: EchoModel, bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path
) -> None:
    heart = bright_heart()
    np.save(tmp_path / "heart.npy", heart.frames)
    segmenter = load_segmenter(bright_segmenter)
    found = explain(model, tmp_path / "heart.npy", clips=2, segmenter=segmenter)
    assert found.focus is not None
    maps, size = found.explanation.video_map(), model.model_input.frame_size
    is_seen = np.isfinite(maps[:, 0, 0])
    masks = resize_frames(heart.masks.astype(np.uint8) * 255, size) >= 128
    # The share of the energy, over all the frames that the clips see and not those sampled alone.
    assert found.focus.energy_in_lv == pytest.approx(maps[is_seen][masks[is_seen]].sum() / maps[is_seen].sum(), rel=0.1)
    assert found.focus.lv_share_of_sector == pytest.approx(
        masks.sum() / (found.clip.sector.sum() * len(masks)), rel=0.1
    )
    assert found.focus.lv_focus == pytest.approx(found.focus.energy_in_lv / found.focus.lv_share_of_sector)
    write_explanation(found, tmp_path / "out", film="gif")
    document = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert document["lv_focus"] == found.focus.lv_focus
    assert document["lv_outlined_by"] == segmenter.name
    assert f"LV focus {found.focus.lv_focus:.2f}: " in found.focus_words
    for value, words in (
        (0.3, "less at the"),
        (0.79, "less at the"),
        (0.88, "about as much at the"),
        (1.02, "about as much at the"),
        (1.2, "about as much at the"),
        (2.0, "more at the"),
    ):
        looked = replace(found, focus=replace(found.focus, lv_focus=value))
        assert f"LV focus {value:.2f}: the model looks {words} left ventricle" in looked.focus_words
    # A heart that is nowhere outlined has none, and says why.
    np.save(tmp_path / "dark.npy", np.minimum(heart.frames, 60))
    dark = explain(model, tmp_path / "dark.npy", clips=1, segmenter=segmenter)
    assert dark.focus_words == "LV focus is not defined: the traced LV holds no pixel"

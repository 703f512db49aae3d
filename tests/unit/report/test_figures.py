import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from coreecho.evaluation import compute_metrics
from coreecho.report import figures
from coreecho.tasks import MI, Scalar


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    true = rng.uniform(20, 80, 60)
    return pd.DataFrame({"ef_true": true, "ef_predicted": true + 2 + rng.normal(0, 4, 60)})


@pytest.fixture
def epochs():
    return pd.DataFrame(
        {
            "stage": [1, 1, 1, 2, 2],
            "epoch": [0, 1, 2, 0, 1],
            "train_loss": [9.0, 8.0, 7.0, 4.0, 3.5],
            "train_rnc": [3.0, 2.8, 2.6, np.nan, np.nan],
            "train_l1": [6.0, 5.2, 4.4, 4.0, 3.5],
            "val_mae": [8.0, 4.0, 6.0, 5.0, 4.5],
            "val_r2": [0.1, 0.8, 0.5, 0.6, 0.7],
            "learning_rate": [1e-4, 1e-4, 1e-5, 1e-4, 1e-4],
            "seconds": [1.0] * 5,
        }
    )


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, as objects."""
    kept: list[Figure] = []
    save = figures.save_figure

    def keep(figure, path):
        kept.append(figure)
        save(figure, path)

    monkeypatch.setattr(figures, "save_figure", keep)
    return kept


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def draw_all(predictions, epochs, folder, *, is_phantom):
    figures.scatter(predictions, folder / "scatter.png", is_phantom=is_phantom)
    figures.bland_altman(predictions, folder / "bland_altman.png", is_phantom=is_phantom)
    figures.learning_curves(epochs, folder / "learning_curves.png", is_phantom=is_phantom)


@pytest.mark.parametrize("is_phantom", [True, False])
def test_every_picture_says_what_it_is_not_and_whether_hearts_are_simulated(
    predictions, epochs, tmp_path, drawn, is_phantom
):
    draw_all(predictions, epochs, tmp_path, is_phantom=is_phantom)
    assert len(drawn) == 3
    for figure in drawn:
        words = "\n".join(texts(figure))
        assert "not a medical device" in words
        assert ("simulated hearts (phantoms)" in words) == is_phantom


def test_pictures_are_png_of_a_readable_size_and_the_same_twice(predictions, epochs, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        draw_all(predictions, epochs, tmp_path / name, is_phantom=True)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == ["bland_altman.png", "learning_curves.png", "scatter.png"]
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
        with Image.open(tmp_path / "first" / name) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) >= 400


def test_scatter_has_the_line_of_equality_the_thresholds_and_every_recording(predictions, tmp_path, drawn):
    figures.scatter(predictions, tmp_path / "scatter.png")
    axis = drawn[0].axes[0]
    np.testing.assert_allclose(axis.collections[0].get_offsets(), predictions[["ef_true", "ef_predicted"]])
    lines = [(line.get_xdata(), line.get_ydata()) for line in axis.lines]
    assert any(np.array_equal(x, y) and len(set(x)) == 2 for x, y in lines)
    upright = {x[0] for x, _ in lines if x[0] == x[-1]}
    assert {35, 40, 50} <= upright
    assert axis.get_xlim() == axis.get_ylim()
    mae = compute_metrics(predictions["ef_true"], predictions["ef_predicted"])["mae"].format()
    assert f"MAE {mae}" in "\n".join(texts(drawn[0]))


def test_scatter_shows_predictions_outside_the_possible_range(tmp_path, drawn):
    figures.scatter(pd.DataFrame({"ef_true": [10.0, 90.0], "ef_predicted": [-7.0, 104.0]}), tmp_path / "scatter.png")
    low, high = drawn[0].axes[0].get_xlim()
    assert low <= -7
    assert high >= 104


def test_bland_altman_draws_predicted_minus_true_over_the_mean(predictions, tmp_path, drawn):
    metrics = compute_metrics(predictions["ef_true"], predictions["ef_predicted"], resamples=100)
    figures.bland_altman(predictions, tmp_path / "bland_altman.png", metrics=metrics)
    axis = drawn[0].axes[0]
    difference = predictions["ef_predicted"] - predictions["ef_true"]
    expected = np.stack([(predictions["ef_predicted"] + predictions["ef_true"]) / 2, difference], axis=1)
    np.testing.assert_allclose(axis.collections[0].get_offsets(), expected)
    heights = {line.get_ydata()[0] for line in axis.lines}
    assert {metrics[key].estimate for key in ("bias", "agreement_low", "agreement_high")} <= heights
    words = texts(drawn[0])
    assert sum("95 % limit\nof agreement" in word for word in words) == 2
    # Beside the dots and not over one of them.
    assert axis.get_title(loc="left").startswith(f"n = {len(predictions)}, bands: 95 %")
    assert not any("slope" in word for word in words)


def test_bland_altman_says_that_low_ef_is_read_too_high(predictions, tmp_path, drawn):
    pulled = predictions.assign(ef_predicted=0.5 * predictions["ef_true"] + 0.5 * predictions["ef_true"].mean())
    figures.bland_altman(pulled, tmp_path / "bland_altman.png")
    said = " ".join(texts(drawn[0]))
    assert "Low EF read too high, high EF too low: slope −0.67" in said


def test_one_recording_is_drawn_without_limits_of_agreement(tmp_path, drawn):
    one = pd.DataFrame({"ef_true": [55.0], "ef_predicted": [57.0]})
    figures.bland_altman(one, tmp_path / "bland_altman.png")
    figures.scatter(one, tmp_path / "scatter.png")
    assert "bias\n+2.0" in texts(drawn[0])
    assert not any("limit" in text for text in texts(drawn[0]))
    assert "R² n/a" in "\n".join(texts(drawn[1]))


def test_learning_curves_mark_the_best_epoch_of_the_last_stage(epochs, tmp_path, drawn):
    figures.learning_curves(epochs, tmp_path / "learning_curves.png")
    words = texts(drawn[0])
    # Stage 1 reached 4.0, but the weights kept are the last stage's.
    assert "weights kept: 4.50" in words
    assert "weights kept: 0.70" in words
    assert {"stage 1", "stage 2", "Rank-N-Contrast"} <= set(words)
    star = drawn[0].axes[1].collections[0].get_offsets()
    np.testing.assert_allclose(star, [[5, 4.5]])


def test_learning_curves_of_a_run_with_one_epoch_and_no_contrastive_loss(epochs, tmp_path, drawn):
    first = epochs.iloc[:1].assign(train_rnc=np.nan, stage="stage1", val_mae=np.nan)
    figures.learning_curves(first, tmp_path / "learning_curves.png")
    words = texts(drawn[0])
    assert "stage 1" in words
    assert "Rank-N-Contrast" not in words
    assert not any(word.startswith("weights kept") for word in words)


def test_terms_and_validation_are_those_that_the_run_has(epochs, tmp_path, drawn):
    """Of a diagnosis, by an objective of which nothing is known here."""
    told = epochs.rename(columns={"train_rnc": "train_bce", "train_l1": "train_my_term"})
    told = told.drop(columns=["val_mae", "val_r2"]).assign(
        val_bce=[0.7, 0.2, 0.5, 0.6, 0.4], val_accuracy=0.5, val_calibration_error=0.1
    )
    figures.learning_curves(told, tmp_path / "learning_curves.png", task=MI())
    words = texts(drawn[0])
    assert {"cross-entropy", "my term", "Validation cross-entropy", "Validation calibration error"} <= set(words)
    # The lowest of the last stage, of the metric that the task selects by.
    assert "weights kept: 0.40" in words
    assert len([axis for axis in drawn[0].axes if axis.axison]) == 5
    # Who does not know the task takes the first that was validated, and no unit.
    figures.learning_curves(told, tmp_path / "learning_curves.png")
    assert "Validation cross-entropy" in texts(drawn[1])


def test_other_numbers_have_their_own_words_and_no_thresholds(tmp_path, drawn):
    volume = Scalar("edv_ml", "mL", 0, 500)
    rng = np.random.default_rng(0)
    true = rng.uniform(80, 240, 40)
    predictions = pd.DataFrame({"edv_ml_true": true, "edv_ml_predicted": true + rng.normal(0, 9, 40)})
    metrics = compute_metrics(true, predictions["edv_ml_predicted"], resamples=50)
    said = {"task": volume, "metrics": metrics, "model": "runs/edv", "cautions": ["trained on its test set"]}
    figures.scatter(predictions, tmp_path / "scatter.png", **said)
    figures.bland_altman(predictions, tmp_path / "bland_altman.png", **said)
    scatter, agreement = (texts(figure) for figure in drawn)
    assert {"True edv ml (mL)", "Predicted edv ml (mL)"} <= set(scatter)
    assert drawn[0].axes[0].get_xlim() == (0, 300)
    assert "Predicted − true edv ml (mL)" in agreement
    for words in (scatter, agreement):
        assert {"Model: runs/edv", "Caution: trained on its test set"} <= set(words)
        assert not any("EF" in word for word in words)


def test_a_dollar_in_a_name_begins_no_formula_and_what_is_no_letter_is_escaped(predictions, tmp_path, drawn):
    figures.scatter(predictions, tmp_path / "scatter.png", model="$x^$ \udcfc\x1b[2J")
    assert r"Model: $x^$ \xfc\x1b[2J" in texts(drawn[0])


def test_a_picture_that_cannot_be_drawn_leaves_the_old_one(predictions, tmp_path):
    path = tmp_path / "scatter.png"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="at least one recording"):
        figures.scatter(predictions.iloc[:0], path)
    assert [child.name for child in tmp_path.iterdir()] == ["scatter.png"]
    assert path.read_bytes() == b"old"


def test_refuses_what_cannot_be_drawn(predictions, epochs, tmp_path):
    path = tmp_path / "picture.png"
    with pytest.raises(ValueError, match="missing \\['ef_true'\\]"):
        figures.bland_altman(predictions.drop(columns="ef_true"), path)
    with pytest.raises(ValueError, match="finite EF"):
        figures.scatter(predictions.assign(ef_predicted=np.nan), path)
    with pytest.raises(ValueError, match="at least one epoch"):
        figures.learning_curves(epochs.iloc[:0], path)


def test_a_recording_is_not_hidden_by_the_words_in_its_corner():
    """A failing heart that is read as a sound one lies where the figures stand: upper left."""
    axis = Figure().subplots()
    figures._draw_recordings(axis, np.array([20.0]), np.array([80.0]))
    figures._text_box(axis, "n = 1")
    (words,), (dots,) = axis.texts, axis.collections
    assert words.get_zorder() < dots.get_zorder()

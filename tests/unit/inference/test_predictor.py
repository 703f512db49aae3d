import json
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from coreecho.errors import CheckpointError, RecipeError, VideoError
from coreecho.inference import preparing as preparing_module
from coreecho.inference.engine import predict_video
from coreecho.inference.files import PredictionFailure
from coreecho.inference.prediction import Prediction
from coreecho.inference.predictor import Predictor
from coreecho.inference.preparing import embed_file
from coreecho.models.building import build_model
from coreecho.models.model_input import ModelInput
from coreecho.models.weights import save_weights
from coreecho.tasks import Scalar
from coreecho.video import read_video
from coreecho.video.dicom_series import SERIES_NOTE
from coreecho.video.reader_process import read_resized
from coreecho.video.resizing import resize_frames
from coreecho.video.temporal import resample_fps


def test_predicts_the_mean_of_evenly_placed_clips(model, write_clip):
    path = write_clip("clip.avi", num_frames=20)
    prediction = Predictor(model)(path)
    # Twenty frames and clips that span seven: starts 0 to 13, so the first, the middle and the last.
    assert prediction.clip_starts == (0, 7, 13)
    frames = read_video(path).frames
    expected = predict_video(model, frames, [0, 7, 13]).clip_values
    np.testing.assert_allclose(prediction.clip_ef_percent, expected, rtol=1e-6)
    assert prediction.ef_percent == pytest.approx(float(np.mean(expected)))
    assert prediction.clip_sd == pytest.approx(statistics.stdev(map(float, expected)))
    assert (prediction.file, prediction.fps, prediction.num_frames) == (str(path), 50.0, 20)
    assert prediction.warnings == ()
    assert "not a medical device" in prediction.notice.lower()


def test_one_clip_is_the_middle_one_and_has_no_spread(model, write_clip):
    prediction = Predictor(model, clips=1)(write_clip("clip.avi", num_frames=20))
    assert prediction.clip_starts == (6,)
    assert prediction.clip_sd is None


def test_all_clips_cover_the_whole_video_in_steps_of_the_stride(model, write_clip):
    prediction = Predictor(model, clips="all", batch_size=2)(write_clip("clip.avi", num_frames=20))
    assert prediction.clip_starts == (0, 2, 4, 6, 8, 10, 12, 13)


def test_frames_are_brought_to_the_models_size(model, write_clip):
    path = write_clip("large.avi", size=64)
    prediction = Predictor(model, clips=1)(path)
    frames = resize_frames(read_video(path).frames, 32)
    assert prediction.ef_percent == pytest.approx(predict_video(model, frames, [6]).value)


def test_a_saved_model_predicts_the_same(model, write_clip, tmp_path):
    path = write_clip("clip.avi")
    save_weights(tmp_path / "best.safetensors", model, model.card)
    from_model = Predictor(model)(path)
    assert Predictor(tmp_path)(path) == from_model
    assert Predictor(tmp_path / "best.safetensors")(path) == from_model


def test_a_model_in_training_is_put_into_evaluation_mode(model, write_clip):
    path = write_clip("clip.avi")
    expected = Predictor(model)(path)
    model.train()
    assert Predictor(model)(path) == expected


def test_warnings_gather_what_speaks_against_the_ef(model, retrain, write_clip):
    retrain(model, is_phantom=True, label_range=(0.0, 1.0))
    # Five frames a second cannot be those of a heart, and are not resampled to 46.
    model.model_input = replace(model.model_input, stride=3)
    prediction = Predictor(model)(write_clip("clip.avi", num_frames=8, fps=5))
    text = "\n".join(prediction.warnings)
    assert len(prediction.warnings) == 4
    assert "short clip: 8 frames, the model looks at 10" in text
    assert "simulated hearts only: this EF of a real clip has no clinical meaning" in text
    assert "frame rate of 5 per second" in text
    assert "outside the 0.0 to 1.0 % of the training" in text


def test_too_few_frames_for_a_heartbeat_give_no_ef(model, write_clip):
    with pytest.raises(VideoError, match=r"still\.avi: has 7 frames; a heartbeat takes at least 8"):
        Predictor(model)(write_clip("still.avi", num_frames=7))


def test_a_clip_of_another_frame_rate_is_resampled_to_that_of_the_training(model, write_clip):
    path = write_clip("clip.avi", num_frames=20, fps=25)
    prediction = Predictor(model, clips=2)(path)
    assert prediction.notes == ("resampled from 25 to 46 frames per second, the rate of the training",)
    assert prediction.warnings == ()
    # 19 steps of 1/25 s are 34.96 of 1/46 s: 35 frames seen, so starts 0 and 28, the latter in frame 28 * 25 / 46.
    frames = resample_fps(read_video(path).frames, 25, 46)
    assert len(frames) == 35
    expected = predict_video(model, frames, [0, 28]).clip_values
    np.testing.assert_allclose(prediction.clip_ef_percent, expected, rtol=1e-6)
    assert prediction.clip_starts == (0, 15)
    assert (prediction.fps, prediction.num_frames) == (25.0, 20)


def test_the_median_of_the_training_is_aimed_at_where_it_is_known(model, retrain, write_clip):
    retrain(model, fps_median=50.0)
    prediction = Predictor(model)(write_clip("clip.avi", num_frames=20, fps=100))
    assert prediction.notes == ("resampled from 100 to 50 frames per second, the rate of the training",)


def test_a_phantom_is_known_by_its_file(model, retrain, write_clip):
    retrain(model, is_phantom=True)
    assert Predictor(model)(write_clip("clip.avi", is_phantom=True)).warnings == ()


def test_a_model_without_a_card_still_predicts(model, write_clip):
    model.card = None
    prediction = Predictor(model)(write_clip("clip.avi"))
    assert prediction.model == "a model without a card"
    assert prediction.warnings == ("nothing is known of the data that this model was trained on",)


def test_the_models_name_says_what_it_learned_from(model, retrain):
    assert Predictor(model).model_name == (
        "recipe tiny (uniformer_xs), weights of epoch 4 of its last stage, "
        "trained on 100 recordings of echonet (real hearts)"
    )
    assert Predictor(retrain(model, is_phantom=True)).model_name.endswith(
        "trained on 100 simulated hearts (phantoms), their files laid out as echonet's"
    )


def test_to_dict_is_json(model, write_clip):
    prediction = Predictor(model)(write_clip("clip.avi"))
    restored = json.loads(json.dumps(prediction.to_dict(), allow_nan=False))
    assert restored["clip_ef_percent"] == list(prediction.clip_ef_percent)
    assert restored["ef_percent"] == prediction.ef_percent


def test_a_file_that_is_no_clip_is_an_error(model, tmp_path):
    path = tmp_path / "clip.avi"
    path.write_bytes(b"no clip")
    with pytest.raises(VideoError, match=r"clip\.avi"):
        Predictor(model)(path)


def test_many_files_come_in_order_and_bad_ones_do_not_stop_the_others(model, write_clip, tmp_path):
    good = [write_clip(f"folder/{name}.avi", num_frames=10 + 2 * index) for index, name in enumerate("acegik")]
    broken = tmp_path / "folder" / "d.avi"
    broken.write_bytes(good[0].read_bytes()[:500])
    (tmp_path / "folder" / "FileList.csv").write_text("FileName\n")
    missing = tmp_path / "missing.avi"
    predictor = Predictor(model)
    other = write_clip("other.avi", num_frames=10)
    results = list(predictor.predict_many([tmp_path / "folder", missing, good[0], other]))
    names = ["a", "c", "d", "e", "g", "i", "k"]
    expected = [*(str(tmp_path / "folder" / f"{name}.avi") for name in names), str(missing), str(other)]
    # One that was given by its folder, too, is read once.
    assert [result.file for result in results] == expected
    failures = [result for result in results if isinstance(result, PredictionFailure)]
    assert [failure.file for failure in failures] == [str(broken), str(missing)]
    # In other batches, so alike but for rounding.
    assert results[0].ef_percent == pytest.approx(predictor(good[0]).ef_percent, rel=1e-5)
    assert results[-1].ef_percent == pytest.approx(results[0].ef_percent, rel=1e-5)


def test_a_fault_nobody_foresaw_is_one_files_failure(model, write_clip, monkeypatch):
    first, second = write_clip("a.avi"), write_clip("b.avi")

    def read_or_fall(path, size):
        if path == first:
            raise MemoryError("a picture of a million pixels")
        return read_resized(path, size)

    monkeypatch.setattr(preparing_module, "read_resized", read_or_fall)
    failure, prediction = Predictor(model, seconds_a_file=None).predict_many([first, second])
    assert failure == PredictionFailure(file=str(first), error="unexpected MemoryError: a picture of a million pixels")
    assert isinstance(prediction, Prediction)


def test_a_file_that_takes_too_long_is_given_up_and_takes_no_other_along(model, write_clip, monkeypatch):
    first, slow, last = write_clip("a.avi"), write_clip("slow.avi"), write_clip("z.avi")
    serve = (
        "import time, coreecho.video.reader_process as process; read = process.read_resized; "
        "process.read_resized = lambda path, size: time.sleep(60 * path.endswith('slow.avi')) or read(path, size); "
        "process.serve()"
    )
    monkeypatch.setattr("coreecho.video.reader_process._SERVE", serve)
    started = time.monotonic()
    results = list(Predictor(model, seconds_a_file=2).predict_many([first, slow, last]))
    assert time.monotonic() - started < 30
    assert [isinstance(result, Prediction) for result in results] == [True, False, True]
    assert results[1].error.startswith("given up: it was not read within 2 seconds")


def test_one_path_is_not_taken_for_a_list_of_letters(model, write_clip):
    path = write_clip("clip.avi")
    assert [result.file for result in Predictor(model, seconds_a_file=None).predict_many(str(path))] == [str(path)]


def test_stopping_half_way_leaves_no_reader_behind(model, write_clip):
    results = Predictor(model, clips=1).predict_many([write_clip(f"{number}.avi", num_frames=8) for number in range(6)])
    next(results)
    results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("coreecho-reader")]


def test_an_ef_that_is_no_number_is_an_error(model, write_clip):
    model.head[6].bias.data.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="the model's EF is nan, not a number"):
        Predictor(model)(write_clip("clip.avi"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clips": 0}, "clips: expected a number of at least 1, or 'all', got 0"),
        ({"clips": "every"}, "or 'all', got 'every'"),
        ({"batch_size": 0}, "batch_size: expected a whole number of at least 1, got 0"),
        ({"batch_size": "8"}, "batch_size: expected a whole number of at least 1, got '8'"),
        ({"axes": 3}, "axes: expected letters such as 'HWT', or None, got 3"),
        ({"calibration": 3}, "calibration: expected a file, or what `read_calibration` gave; got 3"),
        ({"seconds_a_file": "9"}, "seconds_a_file: expected more than 0, or None, got '9'"),
    ],
)
def test_refuses_settings_that_make_no_sense(model, options, message):
    with pytest.raises(RecipeError, match=message):
        Predictor(model, **options)


def test_a_frame_rate_that_is_no_number_is_named(model):
    with pytest.raises(RecipeError, match="fps: expected frames per second, a positive number or None; got 'a'"):
        Predictor(model)(np.zeros((20, 8, 8), dtype=np.uint8), fps="a")


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no-run"):
        Predictor(tmp_path / "no-run")


def test_one_predictor_serves_several_threads(model, write_clip):
    predictor = Predictor(model, seconds_a_file=None)
    paths = [write_clip(f"{number}.avi", num_frames=10 + number) for number in range(6)]
    expected = [predictor(path) for path in paths]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(predictor, paths * 4))
        many = list(pool.map(lambda _: list(predictor.predict_many(paths)), range(2)))
    assert together == expected * 4
    for results in many:
        assert [result.file for result in results] == [str(path) for path in paths]
        np.testing.assert_allclose([r.value for r in results], [e.value for e in expected], rtol=1e-5)


def test_files_fill_batches(model, write_clip, monkeypatch):
    """Three clips a file once made batches of three, whatever batch size was asked for."""
    sizes = []
    forward = type(model).forward

    def note(self, clips, num_valid_frames=None):
        sizes.append(len(clips))
        return forward(self, clips, num_valid_frames)

    monkeypatch.setattr(type(model), "forward", note)
    files = [write_clip(f"{number}.avi") for number in range(5)]
    assert len(list(Predictor(model, batch_size=6, seconds_a_file=None).predict_many(files))) == 5
    assert sizes == [6, 6, 3]


def test_a_record_says_what_was_read_and_nothing_that_does_not_apply(model, write_clip):
    record = Predictor(model)(write_clip("clip.avi")).to_dict()
    assert (record["task"], record["unit"], record["value"]) == ("ef", "%", record["ef_percent"])
    assert "beat" not in record
    assert "mi_probability" not in record


def test_any_number_is_predicted_in_its_unit(write_clip):
    task = Scalar("edv_ml", "mL", 0, 500)
    volume = build_model("uniformer_xs", ModelInput(num_frames=4, stride=2, frame_size=32), last_bias=120.0, task=task)
    prediction = Predictor(volume)(write_clip("clip.avi"))
    assert (prediction.task, prediction.unit) == ("scalar", "mL")
    assert prediction.value == pytest.approx(120, abs=30)
    assert prediction.ef_percent is None
    assert prediction.clip_sd is not None
    assert prediction.to_dict()["value"] == prediction.value


def test_a_series_of_single_frames_is_predicted_as_the_array_of_its_frames(model, write_single_frames, tmp_path):
    files = write_single_frames(tmp_path / "clip", 20)
    (result,) = Predictor(model, joins_series=True, seconds_a_file=30).predict_many([tmp_path / "clip"])
    assert result.num_frames == 20
    assert result.fps == 50
    assert SERIES_NOTE in result.notes
    assert result.file == f"{files[0]} and 19 more frames"
    frames = np.stack([pydicom.dcmread(file).pixel_array for file in files])
    assert result.value == pytest.approx(Predictor(model)(frames, fps=50).value)
    (failure,) = Predictor(model).predict_many([tmp_path / "clip"])
    assert "--series" in failure.error


@pytest.mark.parametrize("seconds", [None, 30])
def test_arrays_of_other_axes_are_read_where_these_are_named(model, tmp_path, seconds):
    frames = np.zeros((40, 48, 48), dtype=np.uint8)
    for number, frame in enumerate(frames):
        frame[10 : 30 + number % 9, 10:38] = 200
    np.save(tmp_path / "usual.npy", frames)
    np.save(tmp_path / "other.npy", np.ascontiguousarray(frames.transpose(1, 2, 0)))
    (expected,) = Predictor(model, seconds_a_file=seconds).predict_many([tmp_path / "usual.npy"])
    (refused,) = Predictor(model, seconds_a_file=seconds).predict_many([tmp_path / "other.npy"])
    assert "`--axes HWT`" in refused.error
    named = Predictor(model, seconds_a_file=seconds, axes="HWT")
    (read,) = named.predict_many([tmp_path / "other.npy"])
    assert (read.value, read.num_frames) == (expected.value, 40)
    assert named(tmp_path / "other.npy").value == expected.value


def test_a_black_clip_has_no_number(model, tmp_path):
    black = np.full((40, 32, 32), 5, dtype=np.uint8)
    np.save(tmp_path / "black.npy", black)
    (refused,) = Predictor(model).predict_many([tmp_path / "black.npy"])
    assert refused.error.startswith("its picture is black, and no number is read from a black clip")
    with pytest.raises(VideoError, match="array: its picture is black"):
        Predictor(model)(black)
    with pytest.raises(VideoError, match="its picture is black"):
        embed_file(model, tmp_path / "black.npy")


def test_a_study_of_many_views_is_predicted_file_by_file_at_any_depth(model, write_clip, tmp_path):
    # As MIMIC-IV-ECHO lies; files are told by content, not by name.
    study = "files/p10/p10002221/s94106955"
    names = [f"{study}/94106955_{number:04d}.dcm" for number in (1, 2, 11)]
    for name in names:
        write_clip(name)
    (tmp_path / study / "index.html").write_text("beside the clips")
    results = list(Predictor(model).predict_many([tmp_path]))
    assert [result.file for result in results] == [str(tmp_path / name) for name in names]
    assert all(np.isfinite(result.value) for result in results)

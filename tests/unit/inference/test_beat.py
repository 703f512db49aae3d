from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image
from tests.shared.weights import small_card

from coreecho.errors import RecipeError, VideoError
from coreecho.inference import PredictionFailure, Predictor, parse_beat
from coreecho.inference.beat import cautions_of_beat
from coreecho.inference.engine import predict_video
from coreecho.models.building import build_model
from coreecho.models.card import TrainedOn
from coreecho.models.echo_model import EchoModel, ModelInput
from coreecho.tasks import build_task
from coreecho.video import resize_frames, squash_frames
from coreecho.video.video import Video

SIZE = 32


@pytest.fixture
def whole_beat() -> Callable[..., EchoModel]:
    """Make an untrained model of one beat, whose card says what it learned from."""

    def make(dataset: str = "camus", *, target: str = "ef", time: str = "spline") -> EchoModel:
        torch.manual_seed(0)
        model_input = ModelInput(num_frames=8, time=time, stride=2, frame_size=SIZE)
        model = build_model(
            "uniformer_xs", model_input, last_bias=55.0 if target == "ef" else 0.2, task=build_task({"name": target})
        )
        trained_on = TrainedOn(
            dataset=dataset,
            is_phantom=False,
            num_recordings=100,
            fps_range=(40.0, 60.0),
            label_range=(0.0, 100.0) if target == "ef" else None,
            recipe="tiny",
            epoch=3,
            best_validation=4.5 if target == "ef" else None,
        )
        model.card = small_card(model_input, reads={"name": target}, source="a run", trained_on=trained_on)
        return model.eval()

    return make


@pytest.fixture
def frames() -> np.ndarray:
    """Twelve frames of noise that are higher than wide, as CAMUS's are."""
    return np.random.default_rng(0).integers(0, 256, (12, 50, 40), dtype=np.uint8)


@pytest.fixture
def nifti(tmp_path: Path, frames: np.ndarray) -> Path:
    path = tmp_path / "patient0001_4CH_half_sequence.nii.gz"
    nib.save(nib.Nifti1Image(np.ascontiguousarray(frames.T), np.eye(4)), path)
    return path


@pytest.fixture
def mhd(tmp_path: Path, frames: np.ndarray) -> Path:
    path = tmp_path / "patient0001_4CH_sequence.mhd"
    path.write_text(
        "ObjectType = Image\nNDims = 3\nDimSize = 40 50 12\nElementType = MET_UCHAR\n"
        "ElementDataFile = patient0001_4CH_sequence.raw\n"
    )
    path.with_suffix(".raw").write_bytes(frames.tobytes())
    return path


@pytest.mark.parametrize(
    ("beat", "taken"),
    [((2, 9), slice(2, 10)), ((9, 2), slice(9, 1, -1)), ("all", slice(None)), ((0, 11), slice(None))],
)
def test_a_camus_file_is_cut_squashed_and_interpolated(whole_beat, nifti, frames, beat, taken):
    model = whole_beat()
    prediction = Predictor(model, beat=beat)(nifti)
    expected = predict_video(model, squash_frames(frames[taken], SIZE), [0])
    assert prediction.ef_percent == pytest.approx(expected.value)
    assert prediction.beat == ((0, 11) if beat == "all" else beat)
    assert prediction.clip_starts == (prediction.beat[0],)
    assert prediction.num_frames == 12
    assert prediction.warnings == ()


def test_mhd_and_nifti_predict_the_same_and_a_folder_of_them_gives_no_failures(whole_beat, nifti, mhd):
    (nifti.parent / "Info_4CH.cfg").write_text("ED: 1\n")
    results = list(Predictor(whole_beat(), beat="all").predict_many(nifti.parent))
    assert [Path(result.file).name for result in results] == [nifti.name, mhd.name]
    assert results[0].ef_percent == results[1].ef_percent


def test_the_call_goes_before_the_predictor(whole_beat, nifti):
    predictor = Predictor(whole_beat(), beat=(0, 5))
    assert predictor(nifti, beat=(3, 9)) == Predictor(whole_beat())(nifti, beat=(3, 9))
    assert predictor(nifti).beat == (0, 5)


def test_a_model_of_another_table_sees_frames_that_keep_their_aspect(whole_beat, nifti, frames):
    model = whole_beat("table")
    expected = predict_video(model, resize_frames(frames[2:10], SIZE), [0])
    assert Predictor(model, beat=(2, 9))(nifti).ef_percent == pytest.approx(expected.value)


def test_a_stride_inside_a_beat_starts_where_the_file_says(whole_beat, tmp_path):
    # Twenty frames of which a beat of eighteen is taken; clips of eight frames at stride 2 span fifteen.
    noise = np.random.default_rng(0).integers(0, 256, (20, SIZE, SIZE), dtype=np.uint8)
    np.save(tmp_path / "clip.npy", noise)
    model = whole_beat(time="stride")
    prediction = Predictor(model, beat=(18, 1), clips=2)(tmp_path / "clip.npy")
    # Padded to sixteen frames and more: the starts 0 and 3 of the beat lie in frames 18 and 15.
    assert prediction.clip_starts == (18, 15)
    backward = noise[18:0:-1]
    assert prediction.ef_percent == pytest.approx(predict_video(model, backward, [0, 3]).value)


def test_an_infarction_is_a_probability_and_no_ef(whole_beat, nifti, frames):
    model = whole_beat(target="mi")
    prediction = Predictor(model, beat="all")(nifti)
    logit = predict_video(model, squash_frames(frames, SIZE), [0]).value
    assert prediction.mi_probability == pytest.approx(1 / (1 + np.exp(-logit)))
    assert prediction.ef_percent is None
    assert (prediction.clip_ef_percent, prediction.clip_sd) == ((), None)
    assert "this probability must not guide the care" in prediction.notice
    assert not [warning for warning in prediction.warnings if "EF" in warning]


def test_an_infarction_of_a_real_clip_by_a_model_of_phantoms_means_nothing(whole_beat, nifti):
    model = whole_beat(target="mi")
    model.card = replace(model.card, trained_on=replace(model.card.trained_on, is_phantom=True))
    (warning,) = Predictor(model, beat="all")(nifti).warnings
    assert warning == (
        "the model was trained on simulated hearts only: this finding of infarction of a real clip has no clinical "
        "meaning"
    )


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ("camus", "CAMUS: from end-diastole"),
        ("hmc-qu", "HMC-QU: one cardiac cycle"),
        ("table", "trained on clips of one beat each"),
    ],
)
def test_a_missing_beat_is_asked_for(whole_beat, nifti, dataset, words):
    predictor = Predictor(whole_beat(dataset))
    for predict in (predictor, lambda path: list(predictor.predict_many([path]))):
        with pytest.raises(RecipeError, match=words) as raised:
            predict(nifti)
        assert "`--beat FIRST:LAST`, or in Python beat=(first, last)" in str(raised.value)


def test_a_model_of_whole_videos_wants_no_beat(model, nifti):
    with pytest.raises(RecipeError, match="takes its clips from the whole video: leave the beat out"):
        Predictor(model, beat=(0, 5))
    with pytest.raises(RecipeError, match="leave the beat out"):
        Predictor(model)(nifti, beat="all")


@pytest.mark.parametrize("beat", [(3, 3), (-1, 4), (1, 2, 3), "some", (0.5, 3)])
def test_what_is_no_beat_is_refused(whole_beat, beat):
    with pytest.raises(RecipeError, match="two different frames, counted from 0"):
        Predictor(whole_beat(), beat=beat)


def test_a_beat_beyond_the_file_names_both(whole_beat, nifti):
    with pytest.raises(VideoError, match=r"from frame 4 to 12, counted from 0, and the file has 12 frames, 0 to 11"):
        Predictor(whole_beat(), beat=(4, 12))(nifti)
    (failure,) = Predictor(whole_beat(), beat=(4, 12)).predict_many([nifti])
    assert isinstance(failure, PredictionFailure)
    assert failure.error.startswith("the beat is said to run from frame 4 to 12")


def test_a_file_unlike_those_of_hmc_qu_is_warned_of(whole_beat, nifti):
    prediction = Predictor(whole_beat("hmc-qu", target="mi"), beat="all")(nifti)
    assert prediction.warnings == (
        "the model's clips were squashed and cut as HMC-QU's AVI files are, and this one was not",
    )


def test_beats_too_short_or_too_long_are_warned_of(whole_beat):
    def said(num_frames, fps):
        return cautions_of_beat(Video(np.zeros((num_frames, 8, 8), np.uint8), fps, "clip"), whole_beat())

    assert said(4, 50.0) == []
    assert said(3, None) == ["short beat: 3 frames, from which the model's 8 are interpolated"]
    assert said(151, 50.0) == ["the beat lasts 3.0 s: more than one heartbeat?"]


@pytest.mark.parametrize(("text", "beat"), [("3:21", (3, 21)), ("21:3", (21, 3)), ("all", "all")])
def test_beats_as_they_are_typed(text, beat):
    assert parse_beat(text) == beat


@pytest.mark.parametrize("text", ["3", "3-21", "-1:4", "a:b", "3:21:5", ""])
def test_beats_that_cannot_be_read(text):
    with pytest.raises(RecipeError, match="expected FIRST:LAST, two frames counted from 0 such as 3:21, or all"):
        parse_beat(text)


def test_a_beat_in_frames_of_a_file_that_was_resampled_is_refused(whole_beat, tmp_path, frames):
    path = tmp_path / "uneven.gif"
    pictures = [Image.fromarray(np.pad(frame, ((0, 0), (0, 10)))) for frame in frames]
    durations = [20, 20, 20, 60, 20, 20, 20, 20, 100, 20, 20, 20]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    for dataset in ("table", "camus", "hmc-qu"):
        with pytest.raises(VideoError, match=r"a beat by the file's frame numbers would be another one.*--beat all"):
            Predictor(whole_beat(dataset), beat=(2, 9))(path)
    assert Predictor(whole_beat("table"), beat="all")(path).beat == (0, 17)


def test_axes_are_named_of_a_beat_too(whole_beat, tmp_path, frames):
    np.save(tmp_path / "usual.npy", frames)
    np.save(tmp_path / "other.npy", np.ascontiguousarray(frames.transpose(1, 2, 0)))
    for dataset in ("table", "camus"):
        expected = Predictor(whole_beat(dataset), beat=(2, 9))(tmp_path / "usual.npy")
        assert Predictor(whole_beat(dataset), beat=(2, 9), axes="hwt")(tmp_path / "other.npy").value == expected.value


def test_a_black_beat_has_no_number(whole_beat, tmp_path, frames):
    frames[2:10] = 0
    np.save(tmp_path / "half.npy", frames)
    with pytest.raises(VideoError, match="its picture is black"):
        Predictor(whole_beat(), beat=(2, 9))(tmp_path / "half.npy")

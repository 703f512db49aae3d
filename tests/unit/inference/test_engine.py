import threading
import time

import numpy as np
import pytest
import torch

from coreecho.errors import RecipeError, VideoError
from coreecho.inference.engine import READER_THREADS, ClipRequest, predict_clips, predict_video, predict_videos
from coreecho.models import EchoModel, ModelInput, build_model
from coreecho.video import take_clip

INPUT = ModelInput(num_frames=4, stride=3, frame_size=32)


@pytest.fixture
def model() -> EchoModel:
    torch.manual_seed(0)
    return build_model("uniformer_xs", INPUT, last_bias=55.6)


def video(num_frames: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num_frames, 32, 32), dtype=np.uint8)


def test_the_mean_over_the_clips(model: EchoModel) -> None:
    frames, starts = video(30), [0, 5, 20]
    predicted = predict_video(model, frames, starts)
    clips = torch.from_numpy(np.stack([take_clip(frames, start, INPUT)[0] for start in starts]))
    with torch.inference_mode():
        expected = model.eval()(clips)
    np.testing.assert_allclose(predicted.clip_values, expected.prediction, rtol=1e-5)
    np.testing.assert_allclose(predicted.embeddings, expected.embeddings, rtol=1e-3, atol=1e-4)
    assert predicted.value == pytest.approx(float(expected.prediction.mean()), rel=1e-5)
    assert predicted.starts == (0, 5, 20)


def test_batch_size_does_not_matter(model: EchoModel) -> None:
    frames, starts = video(40), list(range(0, 25, 5))
    one, all_at_once = (predict_video(model, frames, starts, batch_size=size) for size in (1, 8))
    np.testing.assert_allclose(one.clip_values, all_at_once.clip_values, rtol=1e-5)
    assert one.embeddings.shape == (5, 160)


def test_frames_past_the_end_are_padding() -> None:
    torch.manual_seed(0)
    mean_model = build_model(
        "uniformer_xs", ModelInput(num_frames=4, stride=3, frame_size=32, padding="mean"), last_bias=50.0
    )
    short = video(5)
    predicted = predict_video(mean_model, short, [0])
    # Frames 0 and 3 lie in the video; the other two are the mean grey.
    clip = torch.zeros(1, 4, 32, 32)
    clip[0, :2] = torch.from_numpy(short[[0, 3]])
    with torch.inference_mode():
        expected = mean_model.eval()(clip, torch.tensor([2]))
    assert predicted.value == pytest.approx(float(expected.prediction[0]), rel=1e-5)


def test_the_model_is_left_as_it_came(model: EchoModel) -> None:
    model.train()
    model.encoder.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    predict_video(model, video(30), [0, 3])
    assert model.head.training
    assert not any(module.training for module in model.encoder.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_wrong_arguments(model: EchoModel) -> None:
    with pytest.raises(ValueError, match="at least one start and a batch size of at least 1, got 0, 8"):
        predict_video(model, video(30), [])
    with pytest.raises(ValueError, match="got 1, 0"):
        predict_video(model, video(30), [0], batch_size=0)
    with pytest.raises(ValueError, match=r"expects frames \(T, 32, 32\), got \(30, 16, 32\)"):
        predict_video(model, video(30)[:, :16], [0])
    with pytest.raises(VideoError):
        predict_video(model, video(30), [29])


def requests(lengths: list[int], starts: list[list[int]]) -> list[ClipRequest[int]]:
    videos = [np.random.default_rng(number).integers(0, 256, (t, 32, 32), np.uint8) for number, t in enumerate(lengths)]
    return [
        ClipRequest(number, lambda frames=frames, of_video=of_video: (frames, of_video))
        for number, (frames, of_video) in enumerate(zip(videos, starts, strict=True))
    ]


@pytest.fixture
def batch_sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batches that a model was fed."""
    sizes: list[int] = []
    forward = EchoModel.forward

    def note(self: EchoModel, clips: torch.Tensor, num_valid_frames: torch.Tensor) -> object:
        sizes.append(len(clips))
        return forward(self, clips, num_valid_frames)

    monkeypatch.setattr(EchoModel, "forward", note)
    return sizes


def test_batches_are_filled_across_videos(model: EchoModel, batch_sizes: list[int]) -> None:
    """At three clips a video, a batch size of 7 once fed the network 3, 3, 3, 3, 3."""
    list(predict_videos(model, requests([20] * 5, [[0, 4, 9]] * 5), batch_size=7))
    assert batch_sizes == [7, 7, 1]


def test_long_videos_are_taken_apart_and_short_ones_put_together(model: EchoModel, batch_sizes: list[int]) -> None:
    starts = [[0], list(range(11)), [], [3, 1], [2]]
    found = dict(predict_videos(model, requests([20, 20, 20, 20, 20], starts), batch_size=4))
    assert batch_sizes == [4, 4, 4, 3]
    # A video without clips is passed over.
    assert [(key, list(of_video.starts)) for key, of_video in found.items()] == [
        (key, starts[key]) for key in (0, 1, 3, 4)
    ]


def test_neighbours_in_a_batch_change_nothing(model: EchoModel) -> None:
    given = requests([20, 30, 9], [[0, 5], [1, 20, 7], [0]])
    together = dict(predict_videos(model, given, batch_size=6))
    for request in given:
        alone = predict_video(model, *request.read(), batch_size=1)
        np.testing.assert_allclose(together[request.key].clip_values, alone.clip_values, rtol=1e-5)
        np.testing.assert_allclose(together[request.key].embeddings, alone.embeddings, rtol=1e-5, atol=1e-5)


def test_a_clip_comes_with_output_and_embedding_of_one_pass(model: EchoModel) -> None:
    model.eval()
    clips = list(predict_clips(model, requests([20, 20], [[0, 5], [2]])))
    assert [(clip.key, clip.start, clip.is_last) for clip in clips] == [(0, 0, False), (0, 5, True), (1, 2, True)]
    for clip in clips:
        with torch.inference_mode():
            head = model.read_embeddings(torch.from_numpy(clip.embedding)[None])
        assert clip.output == pytest.approx(float(head[0]), rel=1e-6)


def test_no_more_than_a_few_videos_wait(model: EchoModel) -> None:
    opened: list[int] = []

    def read(number: int) -> tuple[np.ndarray, list[int]]:
        opened.append(number)
        return video(20), [0, 1]

    given = [ClipRequest(number, lambda number=number: read(number)) for number in range(100)]
    clips = predict_clips(model, given, batch_size=2)
    next(clips)
    deadline = time.monotonic() + 10
    while len(opened) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    # Read ahead while the first clips are looked at; but not all of them.
    assert 6 <= len(opened) <= 16
    clips.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(READER_THREADS)]


def test_between_two_clips_the_model_is_the_callers(model: EchoModel) -> None:
    model.train()
    clips = predict_clips(model, requests([20], [[0, 1, 2]]), batch_size=1)
    next(clips)
    assert model.training
    assert not torch.is_inference_mode_enabled()
    clips.close()


def test_what_reading_raises_comes_to_the_caller(model: EchoModel) -> None:
    def read() -> tuple[np.ndarray, list[int]]:
        raise OSError("the disk is gone")

    clips = predict_videos(model, [*requests([20], [[0]]), ClipRequest(1, read)], batch_size=1)
    assert next(clips)[0] == 0
    with pytest.raises(OSError, match="the disk is gone"):
        next(clips)


def test_bfloat16_is_right_to_about_three_digits(model: EchoModel) -> None:
    frames = video(30)
    exact, rough = (predict_video(model, frames, [0, 9], precision=kind) for kind in ("fp32", "bf16"))
    assert not np.array_equal(exact.embeddings, rough.embeddings)
    np.testing.assert_allclose(rough.clip_values, exact.clip_values, rtol=2e-2)
    with pytest.raises(RecipeError, match="precision: expected fp32 or bf16, got 'fp8'"):
        predict_video(model, frames, [0], precision="fp8")


def test_videos_of_another_size_are_refused(model: EchoModel) -> None:
    small = ClipRequest(1, lambda: (np.zeros((20, 16, 16), np.uint8), [0]))
    with pytest.raises(ValueError, match=r"expects frames \(T, 32, 32\), got \(20, 16, 16\)"):
        list(predict_videos(model, [*requests([20], [[0]]), small]))

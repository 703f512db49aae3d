import numpy as np
import pytest
import torch

from coreecho.errors import VideoError
from coreecho.models import EchoModel, ModelInput, build_model, predict_video
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
    with pytest.raises(ValueError, match=r"expects grey clips \(B, 4, 32, 32\), got \(1, 4, 16, 32\)"):
        predict_video(model, video(30)[:, :16], [0])
    with pytest.raises(VideoError):
        predict_video(model, video(30), [29])

import pytest
import torch

from coreecho.models import EchoModel, ModelInput, build_model

INPUT = ModelInput(num_frames=8, stride=2, frame_size=32)


@pytest.fixture(scope="module")
def model() -> EchoModel:
    torch.manual_seed(0)
    return build_model("uniformer_xs", INPUT, last_bias=55.6).eval()


def grey_clips(batch: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (batch, 8, 32, 32), dtype=torch.uint8, generator=generator)


def test_output(model: EchoModel) -> None:
    output = model(grey_clips(3))
    assert output.embeddings.shape == (3, 160)
    assert output.prediction.shape == (3,)
    assert torch.equal(output.embeddings, model.embed(grey_clips(3)))
    assert torch.equal(output.prediction, model.read_embeddings(output.embeddings))


def test_every_channel_is_normalised_by_its_own_mean_and_std(model: EchoModel) -> None:
    clips = grey_clips(2)
    normalised = model.normalise(clips)
    assert normalised.shape == (2, 3, 8, 32, 32)
    for channel in range(3):
        mean, std = 255 * INPUT.mean[channel], 255 * INPUT.std[channel]
        torch.testing.assert_close(normalised[:, channel], (clips - mean) / std, rtol=1e-5, atol=1e-5)


def test_floating_point_clips_are_on_the_same_scale(model: EchoModel) -> None:
    torch.testing.assert_close(model.normalise(grey_clips(1).float()), model.normalise(grey_clips(1)))


def test_black_padding_is_zero_before_normalising(model: EchoModel) -> None:
    normalised = model.normalise(torch.full((2, 8, 32, 32), 200, dtype=torch.uint8), torch.tensor([8, 5]))
    black = [-mean / std for mean, std in zip(INPUT.mean, INPUT.std, strict=True)]
    assert normalised[1, :, 5:].amax(dim=(1, 2, 3)).tolist() == pytest.approx(black)
    assert normalised[1, :, 5:].amin(dim=(1, 2, 3)).tolist() == pytest.approx(black)
    assert normalised[1, :, :5].min() > 3
    assert normalised[0].min() > 3


def test_mean_padding_is_zero_after_normalising() -> None:
    mean_model = build_model("uniformer_xs", ModelInput(num_frames=8, frame_size=32, padding="mean"), last_bias=50.0)
    normalised = mean_model.normalise(torch.full((2, 8, 32, 32), 200, dtype=torch.uint8), torch.tensor([8, 5]))
    assert not normalised[1, :, 5:].any()
    assert normalised[1, :, :5].min() > 3


def test_frames_past_the_end_never_matter(model: EchoModel) -> None:
    clips = grey_clips(2)
    valid = torch.tensor([6, 3])
    other = clips.clone()
    other[0, 6:], other[1, 3:] = 77, 131
    with torch.inference_mode():
        assert torch.equal(model.embed(clips, valid), model.embed(other, valid))


def test_bfloat16_does_not_round_the_ef(model: EchoModel) -> None:
    with torch.inference_mode():
        expected = model(grey_clips(4))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = model(grey_clips(4))
    assert found.embeddings.dtype == torch.float32
    assert found.prediction.dtype == torch.float32
    # Steps of bfloat16 at 55 are 0.25.
    assert (found.prediction - expected.prediction).abs().max() < 0.1
    assert bool(((found.prediction * 4) % 1 != 0).any())


def test_state_holds_published_entries_only(model: EchoModel) -> None:
    assert {name.split(".")[0] for name in model.state_dict()} == {"encoder", "head"}


@pytest.mark.parametrize("shape", [(2, 7, 32, 32), (2, 8, 32, 40), (8, 32, 32), (2, 1, 8, 32, 32)])
def test_other_clips_than_the_model_was_trained_on_are_refused(model: EchoModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expects grey clips \(B, 8, 32, 32\), got"):
        model.embed(torch.zeros(shape))

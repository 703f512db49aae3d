import pytest
import torch

from coreecho.errors import RecipeError
from coreecho.models import build_encoder, build_model
from coreecho.models.colearning import CoLearning
from coreecho.models.model_input import ModelInput


@pytest.mark.parametrize(("name", "count"), [("colearning", 3_224_621), ("colearning_xs", 81_973)])
def test_it_has_as_many_parameters_as_is_said_of_it(name: str, count: int) -> None:
    with torch.device("meta"):
        assert sum(each.numel() for each in build_encoder(name).parameters()) == count


def test_each_frame_has_its_outlines_and_its_motion_from_both_ends() -> None:
    torch.manual_seed(0)
    encoder = CoLearning((4, 6, 8, 10)).eval()
    torch.nn.init.normal_(encoder.motion_branch.last.weight)
    # No multiple of the 16 times that frames are shrunk.
    clips = torch.randn(2, 3, 5, 36, 44)
    with torch.inference_mode():
        read = encoder.outputs(clips)
        embedded = encoder(clips)
    assert read.logits.shape == (2, 2, 5, 36, 44)
    assert read.fields.shape == (2, 2, 5, 2, 36, 44)
    assert embedded.shape == (2, encoder.embedding_dim)
    torch.testing.assert_close(embedded[:, -1], read.ef_fraction)
    # From ED to ED, and from ES to ES, nothing moves; all else does.
    still = read.fields.abs().amax(dim=(0, 3, 4, 5)) == 0
    assert still.tolist() == [[True] + [False] * 4, [False] * 4 + [True]]


def test_ef_is_read_by_the_usual_head() -> None:
    shape = ModelInput(num_frames=4, frame_size=32, time="spline")
    model = build_model("colearning_xs", shape, last_bias=0.0, head="fraction").eval()
    clips = torch.randint(0, 256, (2, 4, 32, 32), dtype=torch.uint8)
    with torch.inference_mode():
        expected = model.encoder.outputs(model.normalise(clips)).ef_fraction  # type: ignore[operator]
        torch.testing.assert_close(model(clips).prediction, 100 * expected)


def test_another_number_of_levels_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"cannot be made from widths=\[4, 6\]: expected the widths of 4 levels"):
        build_encoder("coreecho.models.colearning:CoLearning", widths=[4, 6])

import pytest
from torch import nn

from coreecho.errors import RecipeError
from coreecho.models import SIZES, ModelInput, UniFormer, UniFormerSettings, build_model
from coreecho.models.registry import build_encoder, name_of


def dropouts(module: nn.Module) -> set[float]:
    return {layer.p for layer in module.modules() if isinstance(layer, nn.Dropout)}


def test_dropout_and_bias_go_where_they_belong() -> None:
    model = build_model("uniformer_xs", ModelInput(), last_bias=55.6, dropout=0.2, head_dropout=0.3)
    assert dropouts(model.encoder) == {0.2}
    assert dropouts(model.head) == {0.3}
    assert model.head.state_dict()["6.bias"].tolist() == pytest.approx([55.6])


def test_size_has_its_own_dropout_and_the_head_the_authors() -> None:
    model = build_model("uniformer_xs", ModelInput(), last_bias=0.0)
    assert dropouts(model.encoder) == {SIZES["xs"].dropout}
    assert dropouts(model.head) == {0.4}


def test_published_sizes_have_the_published_dropout() -> None:
    assert SIZES["small"].dropout == SIZES["base"].dropout == 0.1


def test_encoder_is_recognised_whatever_the_dropout() -> None:
    assert name_of(build_encoder("uniformer_xs", dropout=0.25)) == "uniformer_xs"


def test_unnamed_encoder_is_said_to_be_one() -> None:
    with pytest.raises(RecipeError, match="is none of uniformer_xs,"):
        name_of(UniFormer(UniFormerSettings(depths=(1, 1, 1, 1), widths=(8, 8, 64, 64))))


def test_unknown_encoder_names_the_known_ones() -> None:
    with pytest.raises(
        RecipeError, match="no encoder 'uniformer_huge'; the encoders are uniformer_xs, uniformer_small, uniformer_base"
    ):
        build_model("uniformer_huge", ModelInput(), last_bias=50.0)

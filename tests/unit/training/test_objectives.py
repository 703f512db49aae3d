import numpy as np
import pytest
import torch
from torch import Tensor

from coreecho.errors import RecipeError
from coreecho.losses import rank_n_contrast_loss
from coreecho.models.building import build_model
from coreecho.models.echo_model import EchoModel, ModelInput
from coreecho.tasks import EF, MI, Scalar
from coreecho.training.loop import Learner
from coreecho.training.objectives import (
    OBJECTIVES,
    Objective,
    Refining,
    build_objective,
    objective_class,
    prediction_loss,
)
from coreecho.training.recipe import Recipe

INPUT = ModelInput(num_frames=4, stride=1, frame_size=32)
LABELS = torch.tensor([20.0, 35.0, 55.0, 70.0])


def model() -> EchoModel:
    torch.manual_seed(0)
    return build_model("uniformer_xs", INPUT, last_bias=50.0, dropout=0.0, head_dropout=0.0)


def batch(views: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Clips of four recordings, their valid frames and labels."""
    torch.manual_seed(1)
    clips = torch.randint(0, 256, (4 * views, 4, 32, 32), dtype=torch.uint8)
    return clips, torch.full((4 * views,), 4), LABELS.repeat_interleave(views)


def learner(recipe: Recipe, objective: Objective | None = None) -> Learner:
    return Learner(model(), objective or build_objective(recipe))


def gradients(learner: Learner, loss: Tensor) -> dict[str, Tensor]:
    loss.backward()
    return {name: p.grad for name, p in learner.model.named_parameters() if p.grad is not None and p.grad.any()}


def parts(names: dict[str, Tensor]) -> set[str]:
    return {name.split(".")[0] for name in names}


def test_coreecho_is_equation_1() -> None:
    terms = learner(Recipe(input=INPUT, temperature=2.0))(*batch())
    clips, _, labels = batch()
    embeddings, predicted = model()(clips)
    assert list(terms) == ["rnc", "l1"]
    torch.testing.assert_close(terms["rnc"], rank_n_contrast_loss(embeddings, labels, 2.0))
    torch.testing.assert_close(terms["l1"], (predicted - labels).abs().mean())


def test_the_stop_gradient_parts_encoder_and_head() -> None:
    whole, alone = learner(Recipe(input=INPUT)), learner(Recipe(input=INPUT))
    terms = whole(*batch())
    from_both = gradients(whole, terms["rnc"] + terms["l1"])
    from_l1 = gradients(alone, alone(*batch())["l1"])
    assert parts(from_l1) == {"head"}
    assert {name for name in from_both if name.startswith("head")} == from_l1.keys()
    assert parts(from_both) == {"encoder", "head"}
    for name, gradient in from_l1.items():
        torch.testing.assert_close(from_both[name], gradient)


@pytest.mark.parametrize("objective", ["l1", "mse", "huber", "bce"])
def test_a_baseline_is_its_loss_alone_and_end_to_end(objective: str) -> None:
    learns = learner(Recipe(input=INPUT, objective=objective, stage2=False))
    clips, valid, labels = batch()
    labels = (labels > 50).float()
    terms = learns(clips, valid, labels)
    torch.testing.assert_close(terms, {objective: prediction_loss(objective, model()(clips).prediction, labels)})
    assert parts(gradients(learns, terms[objective])) == {"encoder", "head"}


def test_contrast_alone_does_not_touch_the_head_until_stage_2() -> None:
    recipe = Recipe(input=INPUT, objective="rnc")
    first = learner(recipe)
    terms = first(*batch())
    assert list(terms) == ["rnc"]
    assert parts(gradients(first, terms["rnc"])) == {"encoder"}
    assert not any(each.requires_grad for each in first.model.head.parameters())
    # What it validates says nothing of the encoder: its last epoch is what stage 2 begins from.
    assert not first.objective.selects
    second = Learner(first.model, Refining(recipe))
    assert second.objective.selects
    second.model.zero_grad()
    assert parts(gradients(second, second(*batch(1))["l1"])) == {"head"}


@pytest.mark.parametrize("objective", ["l1", "mse", "huber"])
def test_probing_is_the_same_loss_on_an_encoder_that_stays_as_it_is(objective: str) -> None:
    probing = learner(Recipe(input=INPUT, trained="head", objective=objective, views="one_clip", stage2=False))
    before = {name: value.clone() for name, value in probing.model.encoder.state_dict().items()}
    terms = probing(*batch(1))
    assert list(terms) == [objective]
    assert parts(gradients(probing, terms[objective])) == {"head"}
    # Its batch statistics as well, though the whole is in training mode.
    assert probing.training
    assert all(torch.equal(value, before[name]) for name, value in probing.model.encoder.state_dict().items())


def test_stage_2_is_l1_for_the_head_alone_with_one_view() -> None:
    refining = learner(Recipe(input=INPUT), Refining(Recipe(input=INPUT)))
    assert refining.objective.num_views == 1
    terms = refining(*batch(1))
    assert list(terms) == ["l1"]
    assert parts(gradients(refining, terms["l1"])) == {"head"}
    assert not refining.model.encoder.training
    assert refining.model.head.training


@pytest.mark.parametrize(("views", "number"), [("two_clips", 2), ("same_clip", 2), ("one_clip", 1)])
def test_views_are_the_recipes(views: str, number: int) -> None:
    assert build_objective(Recipe(views=views)).num_views == number  # type: ignore[arg-type]


def test_an_objective_says_which_tasks_it_teaches() -> None:
    recipe = Recipe()
    fits = {
        name: [objective_class(name)(recipe).fits(task) for task in (EF(), MI(), Scalar("edv_ml"))]
        for name in ("rnc_l1", "l1", "mse", "huber", "bce")
    }
    assert fits == {
        "rnc_l1": [True, False, True],
        "l1": [True, False, True],
        "mse": [True, False, True],
        "huber": [True, False, True],
        "bce": [False, True, False],
    }


def test_prediction_losses_are_their_formulas() -> None:
    predicted, labels = torch.tensor([50.0, 61.0, 30.0]), torch.tensor([53.0, 60.0, 20.0])
    assert prediction_loss("l1", predicted, labels).item() == pytest.approx((3 + 1 + 10) / 3)
    assert prediction_loss("mse", predicted, labels).item() == pytest.approx((9 + 1 + 100) / 3)
    near = torch.tensor([53.0, 60.5, 20.0])
    assert prediction_loss("huber", predicted, near).item() == pytest.approx((2.5 + 0.125 + 9.5) / 3)
    logits, has_mi = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, 0.0])
    probability = 1 / (1 + np.exp(-logits.numpy()))
    expected = -np.mean([np.log(probability[0]), np.log(1 - probability[1]), np.log(1 - probability[2])])
    assert prediction_loss("bce", logits, has_mi).item() == pytest.approx(expected)
    # Of logits as they are: no infinity where the probability is 0 or 1 to the last bit.
    assert torch.isfinite(prediction_loss("bce", torch.tensor([500.0, -500.0]), torch.tensor([0.0, 1.0])))


def test_no_unknown_loss_stands_for_another() -> None:
    with pytest.raises(KeyError):
        prediction_loss("l2", torch.zeros(1), torch.zeros(1))


def test_what_a_name_of_another_package_stands_for_must_be_an_objective() -> None:
    with pytest.raises(RecipeError, match=r"objective is 'os:system', expected a class derived from .*Objective"):
        Recipe(objective="os:system")
    assert set(OBJECTIVES.names()) >= {"rnc_l1", "rnc", "l1", "mse", "bce"}


class OneTerm(Objective):
    """An objective as another package writes it."""

    loss = "l1"

    def terms(self, model: EchoModel, clips: Tensor, num_valid_frames: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {"mine": self.embed(model, clips, num_valid_frames).square().mean()}


def test_another_packages_objective_is_had_by_its_import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coreecho.losses.OneTerm", OneTerm, raising=False)
    recipe = Recipe(input=INPUT, objective="coreecho.losses:OneTerm", stage2=False)
    assert list(learner(recipe)(*batch())) == ["mine"]

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from coreecho.datasets.clip_dataset import ClipBatch
from coreecho.losses import rank_n_contrast_loss
from coreecho.models.building import build_model
from coreecho.models.echo_model import EchoModel, ModelInput
from coreecho.training.recipe import Recipe, find_recipe
from coreecho.training.stages import Stage, Stage1, Stage2, prediction_loss

INPUT = ModelInput(num_frames=4, stride=1, frame_size=32)


def model() -> EchoModel:
    torch.manual_seed(0)
    return build_model("uniformer_xs", INPUT, last_bias=50.0, dropout=0.0, head_dropout=0.0)


def batch(views: int = 2) -> ClipBatch:
    torch.manual_seed(1)
    return ClipBatch(
        clips=torch.randint(0, 256, (4, views, 4, 32, 32), dtype=torch.uint8),
        num_valid_frames=torch.full((4, views), 4),
        label=torch.tensor([20.0, 35.0, 55.0, 70.0]),
        recording=torch.arange(4),
    )


def gradients(stage: Stage, loss: Tensor) -> dict[str, Tensor]:
    loss.backward()
    return {name: p.grad for name, p in stage.model.named_parameters() if p.grad is not None and p.grad.any()}


def test_stage1_is_equation_1() -> None:
    stage = Stage1(model(), Recipe(input=INPUT, temperature=2.0), steps_per_epoch=1)
    losses = stage.training_step(batch(), 0)
    oracle = model()
    embeddings, ef = oracle(batch().clips.flatten(0, 1))
    labels = torch.tensor([20.0, 20, 35, 35, 55, 55, 70, 70])
    rnc = rank_n_contrast_loss(embeddings, labels, 2.0)
    l1 = (ef - labels).abs().mean()
    torch.testing.assert_close(losses["rnc"], rnc.detach())
    torch.testing.assert_close(losses["l1"], l1.detach())
    torch.testing.assert_close(losses["loss"], rnc + l1)


def test_the_stop_gradient_parts_encoder_and_head() -> None:
    whole = Stage1(model(), Recipe(input=INPUT), steps_per_epoch=1)
    from_both = gradients(whole, whole.training_step(batch(), 0)["loss"])
    alone = Stage1(model(), Recipe(input=INPUT), steps_per_epoch=1)
    terms = alone.losses(batch().clips.flatten(0, 1), torch.full((8,), 4), batch().label.repeat_interleave(2))
    from_l1 = gradients(alone, terms["l1"])
    assert all(name.startswith("head") for name in from_l1)
    assert {name for name in from_both if name.startswith("head")} == from_l1.keys()
    assert any(name.startswith("encoder") for name in from_both)
    for name, gradient in from_l1.items():
        torch.testing.assert_close(from_both[name], gradient)


def test_the_l1_baseline_trains_the_encoder_by_l1() -> None:
    stage = Stage1(model(), Recipe(input=INPUT, objective="l1"), steps_per_epoch=1)
    losses = stage.training_step(batch(), 0)
    assert losses.keys() == {"loss", "l1"}
    assert any(name.startswith("encoder") for name in gradients(stage, losses["loss"]))


def test_stage2_trains_the_head_alone() -> None:
    stage = Stage2(model(), Recipe(input=INPUT), steps_per_epoch=1)
    trained = gradients(stage, stage.training_step(batch(views=1), 0)["loss"])
    assert trained
    assert all(name.startswith("head") for name in trained)
    groups = stage.configure_optimizers().param_groups
    assert sum(len(group["params"]) for group in groups) == len(list(stage.model.head.parameters()))


def test_the_step_schedule_is_the_papers() -> None:
    stage = Stage1(model(), Recipe(), steps_per_epoch=10)
    assert [stage.learning_rate_factor(step) for step in (0, 149, 150, 249)] == [1.0, 1.0, 0.1, 0.1]


def test_the_cosine_schedule_warms_up_and_ends_near_zero() -> None:
    stage = Stage1(model(), Recipe(schedule="cosine", warmup_steps=9, stage1_epochs=10), steps_per_epoch=10)
    assert stage.learning_rate_factor(0) == pytest.approx(0.1)
    assert stage.learning_rate_factor(50) == pytest.approx(0.5)
    assert stage.learning_rate_factor(99) == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.99)))


def test_stage2_keeps_its_rate() -> None:
    stage = Stage2(model(), Recipe(schedule="cosine", warmup_steps=9), steps_per_epoch=10)
    assert {stage.learning_rate_factor(step) for step in range(50)} == {1.0}


def test_prediction_losses_are_their_formulas() -> None:
    predicted, labels = torch.tensor([50.0, 61.0, 30.0]), torch.tensor([53.0, 60.0, 20.0])
    assert prediction_loss("l1", predicted, labels).item() == pytest.approx((3 + 1 + 10) / 3)
    assert prediction_loss("mse", predicted, labels).item() == pytest.approx((9 + 1 + 100) / 3)
    logits, has_mi = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, 0.0])
    probability = 1 / (1 + np.exp(-logits.numpy()))
    expected = -np.mean([np.log(probability[0]), np.log(1 - probability[1]), np.log(1 - probability[2])])
    assert prediction_loss("bce", logits, has_mi).item() == pytest.approx(expected)
    # Of logits as they are: no infinity where the probability is 0 or 1 to the last bit.
    assert torch.isfinite(prediction_loss("bce", torch.tensor([500.0, -500.0]), torch.tensor([0.0, 1.0])))


@pytest.mark.parametrize("objective", ["l1", "mse", "bce"])
def test_a_baseline_is_its_loss_alone_and_end_to_end(objective: str) -> None:
    recipe = Recipe.from_mapping(
        {"num_frames": 4, "stride": 1, "frame_size": 32, "objective": objective, "stage2": False}, source="test"
    )
    stage = Stage1(model(), recipe, steps_per_epoch=1)
    clips, labels = batch().clips.flatten(0, 1), (batch().label.repeat_interleave(2) > 50).float()
    losses = stage.losses(clips, torch.full((8,), 4), labels)
    predicted = model()(clips).prediction
    torch.testing.assert_close(losses, {objective: prediction_loss(objective, predicted, labels)})  # type: ignore[arg-type]
    reached = gradients(stage, losses[objective])
    assert {name.split(".")[0] for name in reached} == {"encoder", "head"}


def test_contrast_alone_does_not_touch_the_head_until_stage_2() -> None:
    recipe = Recipe(input=INPUT, objective="rnc")
    first = Stage1(model(), recipe, steps_per_epoch=1)
    losses = first.training_step(batch(), 0)
    assert losses.keys() == {"loss", "rnc"}
    assert {name.split(".")[0] for name in gradients(first, losses["loss"])} == {"encoder"}
    num_trained = sum(len(group["params"]) for group in first.configure_optimizers().param_groups)
    assert num_trained == len(list(first.model.encoder.parameters()))
    # What it validates says nothing of the encoder: its last epoch is what stage 2 begins from.
    assert first.selection is None
    second = Stage2(first.model, recipe, steps_per_epoch=1)
    assert second.selection == "val_mae"
    second.model.zero_grad()
    trained = gradients(second, second.training_step(batch(views=1), 0)["loss"])
    assert {name.split(".")[0] for name in trained} == {"head"}


def test_probing_trains_the_head_alone_whatever_the_loss() -> None:
    recipe = Recipe(input=INPUT, trained="head", objective="mse", views="one_clip", stage2=False)
    stage = Stage1(model(), recipe, steps_per_epoch=1)
    stage.train()
    before = {name: value.clone() for name, value in stage.model.encoder.state_dict().items()}
    stage.model.encoder.eval()
    trained = gradients(stage, stage.training_step(batch(views=1), 0)["loss"])
    assert {name.split(".")[0] for name in trained} == {"head"}
    assert all(torch.equal(value, before[name]) for name, value in stage.model.encoder.state_dict().items())
    assert sum(len(group["params"]) for group in stage.configure_optimizers().param_groups) == len(
        list(stage.model.head.parameters())
    )


def test_infarctions_are_selected_by_cross_entropy() -> None:
    recipe = Recipe(input=INPUT, objective="bce", stage2=False)
    assert Stage1(model(), recipe, steps_per_epoch=1).selection == "val_bce"


@pytest.mark.parametrize("name", ["echocotr", "r2plus1d"])
def test_the_step_schedule_decays_every_fifteen_epochs(name: str) -> None:
    recipe = Recipe.from_yaml(find_recipe(name))
    stage = Stage1(model(), recipe, steps_per_epoch=10)
    assert stage.num_steps == 450
    rates = [stage.learning_rate_factor(step) for step in range(450)]
    assert [step for step in range(1, 450) if rates[step] != rates[step - 1]] == [150, 300]
    assert sorted(set(rates), reverse=True) == pytest.approx([1.0, 0.1, 0.01])


def test_a_constant_schedule_is_constant() -> None:
    stage = Stage1(model(), Recipe.from_yaml(find_recipe("camus-probe")), steps_per_epoch=3)
    assert {stage.learning_rate_factor(step) for step in range(300)} == {1.0}

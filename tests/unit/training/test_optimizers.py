import pytest
import torch
from torch import nn

from coreecho.training.madgrad import MADGRAD
from coreecho.training.optimizers import build_optimizer
from coreecho.training.recipe import Recipe, find_recipe


@pytest.mark.parametrize(
    ("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD), ("madgrad", MADGRAD)]
)
def test_an_optimiser_is_chosen_with_its_settings(name: str, kind: type[torch.optim.Optimizer]) -> None:
    recipe = Recipe.from_mapping(
        {"optimizer": name, "learning_rate": 0.03, "weight_decay": 0.02, "momentum": 0.7}, source="test"
    )
    parameter = nn.Parameter(torch.zeros(2))
    optimizer = build_optimizer(recipe, [parameter])
    assert type(optimizer) is kind
    [group] = optimizer.param_groups
    assert group["params"] == [parameter]
    assert (group["lr"], group["weight_decay"]) == (0.03, 0.02)
    if name == "adamw":
        # The appendix's; the recipe's momentum is not of AdamW.
        assert group["betas"] == (0.9, 0.999)
    else:
        assert group["momentum"] == 0.7


@pytest.mark.parametrize(
    ("recipe", "kind", "rate", "momentum", "decay"),
    [
        ("echonet", torch.optim.AdamW, 1e-4, None, 1e-4),
        ("echocotr", torch.optim.AdamW, 1e-4, None, 1e-4),
        ("r2plus1d", torch.optim.SGD, 1e-4, 0.9, 1e-4),
        ("hmc-qu-probe", MADGRAD, 1e-5, 0.9, 0.0),
        ("camus-fine-tune", torch.optim.AdamW, 1e-4, None, 1e-4),
    ],
)
def test_shipped_recipes_have_the_published_optimisers(
    recipe: str, kind: type[torch.optim.Optimizer], rate: float, momentum: float | None, decay: float
) -> None:
    optimizer = build_optimizer(Recipe.from_yaml(find_recipe(recipe)), [nn.Parameter(torch.zeros(1))])
    [group] = optimizer.param_groups
    assert type(optimizer) is kind
    assert (group["lr"], group["weight_decay"], group.get("momentum")) == (rate, decay, momentum)


def test_weight_decay_of_adamw_is_apart_from_the_gradient() -> None:
    parameter = nn.Parameter(torch.ones(1))
    recipe = Recipe(learning_rate=0.1, weight_decay=0.5)
    optimizer = build_optimizer(recipe, [parameter])
    parameter.grad = torch.zeros(1)
    optimizer.step()
    assert parameter.item() == pytest.approx(1 - 0.1 * 0.5)

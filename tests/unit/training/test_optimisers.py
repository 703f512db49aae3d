import pytest
import torch
from torch import nn

from coreecho.errors import RecipeError
from coreecho.training.madgrad import MADGRAD
from coreecho.training.optimisers import build_optimiser
from coreecho.training.recipe import Recipe
from coreecho.training.recipe_files import find_recipe


@pytest.mark.parametrize(
    ("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD), ("madgrad", MADGRAD)]
)
def test_an_optimiser_is_chosen_with_its_settings(name: str, kind: type[torch.optim.Optimizer]) -> None:
    recipe = Recipe.from_mapping(
        {"optimizer": name, "learning_rate": 0.03, "weight_decay": 0.02, "momentum": 0.7}, source="test"
    )
    parameter = nn.Parameter(torch.zeros(2))
    optimizer = build_optimiser(recipe, [parameter])
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
        ("hmc-qu-probe", MADGRAD, 1.1e-5, 0.9, 0.0),
        ("camus-fine-tune", torch.optim.AdamW, 1e-4, None, 1e-4),
    ],
)
def test_shipped_recipes_have_the_published_optimisers(
    recipe: str, kind: type[torch.optim.Optimizer], rate: float, momentum: float | None, decay: float
) -> None:
    optimizer = build_optimiser(Recipe.from_yaml(find_recipe(recipe)), [nn.Parameter(torch.zeros(1))])
    [group] = optimizer.param_groups
    assert type(optimizer) is kind
    assert (group["lr"], group["weight_decay"], group.get("momentum")) == (rate, decay, momentum)


def test_weight_decay_of_adamw_is_apart_from_the_gradient() -> None:
    parameter = nn.Parameter(torch.ones(1))
    recipe = Recipe(learning_rate=0.1, weight_decay=0.5)
    optimizer = build_optimiser(recipe, [parameter])
    parameter.grad = torch.zeros(1)
    optimizer.step()
    assert parameter.item() == pytest.approx(1 - 0.1 * 0.5)


def test_any_optimiser_of_pytorch_is_had_by_its_import_path() -> None:
    recipe = Recipe(optimizer="torch.optim:NAdam", learning_rate=0.02, weight_decay=0.5)
    [group] = build_optimiser(recipe, [nn.Parameter(torch.zeros(1))]).param_groups
    assert (group["lr"], group["weight_decay"]) == (0.02, 0.5)


def test_what_is_no_optimiser_is_refused_with_the_recipe() -> None:
    with pytest.raises(RecipeError, match=r"optimizer is 'torch.nn:Linear', expected a class derived from torch.optim"):
        Recipe(optimizer="torch.nn:Linear")
    with pytest.raises(RecipeError, match=r"optimizer is 'torch.optim:LBFGS', which computes the loss several times"):
        Recipe(optimizer="torch.optim:LBFGS")
    assert Recipe(optimizer="torch.optim:RAdam").optimizer == "torch.optim:RAdam"


def test_a_step_of_the_hmc_qu_recipes_is_that_of_the_package_that_the_paper_used() -> None:
    """MADGRAD as packaged adds its eps, 1e-6, to the learning rate, which the paper gives as 1e-5."""
    start = torch.tensor([0.3, -2.0], dtype=torch.float64)
    gradient = torch.tensor([0.5, -0.01], dtype=torch.float64)
    recipe = Recipe.from_yaml(find_recipe("hmc-qu-probe"))
    parameter = nn.Parameter(start.clone())
    optimizer = build_optimiser(recipe, [parameter])
    gradient_sum, square_sum, expected = torch.zeros_like(start), torch.zeros_like(start), start.clone()
    for step in range(3):
        parameter.grad = gradient.clone()
        optimizer.step()
        weight = (1e-5 + 1e-6) * (step + 1) ** 0.5
        gradient_sum += weight * gradient
        square_sum += weight * gradient**2
        expected = 0.9 * expected + 0.1 * (start - gradient_sum / (square_sum ** (1 / 3) + 1e-6))
    torch.testing.assert_close(parameter.detach() - start, expected - start, rtol=1e-9, atol=0)

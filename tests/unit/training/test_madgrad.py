import io
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from coreecho.training.madgrad import MADGRAD

Vector = NDArray[np.float64]


def algorithm_1(gradients: list[Vector], x0: Vector, lr: float, momentum: float, decay: float, eps: float) -> Vector:
    """Defazio & Jelassi 2022, Algorithm 1, line by line; gradients of the loss without its penalty."""
    s, nu, x, c = np.zeros_like(x0), np.zeros_like(x0), x0.copy(), 1 - momentum
    for k, loss_gradient in enumerate(gradients):
        g = loss_gradient + decay * x
        lam = lr * np.sqrt(k + 1)
        s = s + lam * g
        nu = nu + lam * g * g
        z = x0 - s / (np.cbrt(nu) + eps)
        x = (1 - c) * x + c * z
    return x


def run(gradients: list[Vector], x0: Vector, dtype: torch.dtype = torch.float64, **settings: float) -> Vector:
    parameter = nn.Parameter(torch.tensor(x0, dtype=dtype))
    optimiser = MADGRAD([parameter], **settings)
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient, dtype=dtype)
        optimiser.step()
    return parameter.detach().double().numpy()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("eps", [1e-6, 1e-2])
def test_twenty_steps_are_those_of_the_algorithm(momentum: float, decay: float, eps: float) -> None:
    rng = np.random.default_rng(0)
    x0 = rng.normal(size=(4, 3))
    gradients = [rng.normal(size=(4, 3)) * 10 ** rng.uniform(-4, 1) for _ in range(20)]
    expected = algorithm_1(gradients, x0, 1e-2, momentum, decay, eps)
    settings = {"lr": 1e-2, "momentum": momentum, "weight_decay": decay, "eps": eps}
    np.testing.assert_allclose(run(gradients, x0, **settings), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(run(gradients, x0, torch.float32, **settings), expected, rtol=1e-4, atol=1e-5)
    assert np.abs(expected - x0).max() > 0.05


def test_first_step_by_hand() -> None:
    # lambda = 0.008, s = 0.008, nu = 0.008 and its cube root 0.2: z = 1 - 0.008 / 0.2 = 0.96, a tenth of the way to it.
    (moved,) = run([np.array([1.0])], np.array([1.0]), lr=0.008, momentum=0.9, eps=1e-12)
    assert moved == pytest.approx(0.996, abs=1e-9)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_finds_the_lowest_point_of_a_badly_scaled_bowl(momentum: float) -> None:
    target, stiffness = torch.tensor([3.0, -2.0, 0.5]), torch.tensor([100.0, 1.0, 0.1])
    parameter = nn.Parameter(torch.zeros(3))
    optimiser = MADGRAD([parameter], lr=0.05, momentum=momentum)

    def loss() -> float:
        optimiser.zero_grad()
        value = (stiffness * (parameter - target).square()).sum()
        value.backward()
        return value.item()

    first = optimiser.step(loss)
    for _ in range(1000):
        optimiser.step(loss)
    assert first == pytest.approx(904.025)
    torch.testing.assert_close(parameter.detach(), target, rtol=0, atol=0.02)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 1))


def train(model: nn.Module, optimiser: MADGRAD, first: int, last: int) -> None:
    for step in range(first, last):
        inputs = torch.randn(16, 4, generator=torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        (model(inputs).squeeze(1) - inputs.sum(1)).square().mean().backward()
        optimiser.step()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_resumed_steps_are_the_same_to_the_last_bit(momentum: float) -> None:
    settings: dict[str, Any] = {"lr": 1e-2, "momentum": momentum, "weight_decay": 1e-3}
    through = network()
    train(through, MADGRAD(through.parameters(), **settings), 0, 12)

    before = network()
    optimiser = MADGRAD(before.parameters(), **settings)
    train(before, optimiser, 0, 5)
    file = io.BytesIO()
    torch.save({"model": before.state_dict(), "optimiser": optimiser.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    after = network()
    after.load_state_dict(saved["model"])
    # The settings come with the state.
    resumed = MADGRAD(after.parameters(), lr=1.0)
    resumed.load_state_dict(saved["optimiser"])
    train(after, resumed, 5, 12)
    for name, value in through.state_dict().items():
        assert torch.equal(after.state_dict()[name], value), name


def test_parameters_without_a_gradient_stay_and_gradients_are_left_as_they_were() -> None:
    moving, frozen = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    moving.grad = torch.tensor([1.0, 0.0])
    optimiser = MADGRAD([{"params": [moving]}, {"params": [frozen], "lr": 1.0}], lr=0.1, weight_decay=0.5)
    optimiser.step()
    assert frozen.tolist() == [1.0, 1.0]
    assert moving.max() < 1
    assert moving.grad.tolist() == [1.0, 0.0]


def test_a_zero_gradient_moves_nothing() -> None:
    assert run([np.zeros(2)] * 3, np.array([1.0, -1.0]), lr=0.1).tolist() == [1.0, -1.0]


def test_the_learning_rate_may_change_between_steps() -> None:
    parameter = nn.Parameter(torch.ones(1))
    optimiser = MADGRAD([parameter], lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=1, gamma=0.0)
    parameter.grad = torch.ones(1)
    optimiser.step()
    schedule.step()
    moved = parameter.item()
    optimiser.step()
    # Of a learning rate of 0 the sums stay, and momentum goes on towards the same point.
    target = 1 - 0.1 / (0.1 ** (1 / 3) + 1e-6)
    assert moved == pytest.approx(0.9 + 0.1 * target)
    assert parameter.item() == pytest.approx(0.9 * moved + 0.1 * target)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": -1.0}, "expects lr to be at least 0, got -1.0"),
        ({"lr": 1.0, "momentum": 1.0}, "expects momentum to be at least 0 and below 1, got 1.0"),
        ({"lr": 1.0, "weight_decay": -0.1}, "expects weight_decay to be at least 0, got -0.1"),
        ({"lr": 1.0, "eps": 0.0}, "expects eps to be above 0, got 0.0"),
        ({"lr": float("nan")}, "expects lr to be at least 0, got nan"),
    ],
)
def test_settings_out_of_range(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MADGRAD([nn.Parameter(torch.ones(1))], **settings)


def test_half_precision_and_sparse_gradients_are_refused() -> None:
    with pytest.raises(ValueError, match=r"float32 or float64, got torch\.bfloat16"):
        MADGRAD([nn.Parameter(torch.ones(1, dtype=torch.bfloat16))], lr=0.1)
    table = nn.Embedding(3, 2, sparse=True)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match="dense gradients"):
        MADGRAD(table.parameters(), lr=0.1).step()

"""Two processes take the same step as one: same loss, same gradients of encoder and head, same batch statistics."""

import copy
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from coreecho.models.building import build_model
from coreecho.models.echo_model import EchoModel, ModelInput
from coreecho.training.distributed import GlobalBatchNorm, gather_rows, share_batch_statistics
from coreecho.training.loop import Learner
from coreecho.training.objectives import build_objective
from coreecho.training.recipe import Recipe

NUM_CLIPS = 8
WORLD_SIZE = 2
OBJECTIVES = ("rnc_l1", "l1")


def recipe(objective: str) -> Recipe:
    model_input = ModelInput(num_frames=4, stride=1, frame_size=32)
    return Recipe(encoder="uniformer_xs", objective=objective, dropout=0.0, head_dropout=0.0, input=model_input)


def model_and_batch(objective: str) -> tuple[EchoModel, tuple[Tensor, Tensor, Tensor]]:
    settings = recipe(objective)
    torch.manual_seed(0)
    model = build_model("uniformer_xs", settings.input, last_bias=50.0, dropout=0.0, head_dropout=0.0)
    clips = torch.randint(0, 256, (NUM_CLIPS, 4, 32, 32), dtype=torch.uint8)
    return model, (clips, torch.full((NUM_CLIPS,), 4), torch.rand(NUM_CLIPS) * 60 + 20)


class Step(nn.Module):
    """One forward pass to the loss."""

    def __init__(self, model: EchoModel, settings: Recipe) -> None:
        super().__init__()
        self.learner = Learner(model, build_objective(settings))

    def forward(self, clips: Tensor, num_valid_frames: Tensor, labels: Tensor) -> Tensor:
        return torch.stack(list(self.learner(clips, num_valid_frames, labels).values())).sum()


def gradients(model: EchoModel) -> dict[str, Tensor]:
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def one_of_two(rank: int, port: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=WORLD_SIZE)
    torch.save(normalise_half(rank), folder / f"statistics-{rank}.pt")
    for objective in OBJECTIVES:
        torch.save(step_half(rank, objective), folder / f"{objective}-{rank}.pt")
    dist.destroy_process_group()


def step_half(rank: int, objective: str) -> dict[str, object]:
    model, batch = model_and_batch(objective)
    share_batch_statistics(model, on_gpu=False)
    step = DistributedDataParallel(Step(model, recipe(objective)))
    share = slice(rank * NUM_CLIPS // WORLD_SIZE, (rank + 1) * NUM_CLIPS // WORLD_SIZE)
    loss = step(*(part[share] for part in batch))
    loss.backward()
    mean_loss = loss.detach().clone()
    dist.all_reduce(mean_loss)
    rows = gather_rows(torch.arange(rank + 1))
    return {
        "loss": mean_loss / WORLD_SIZE,
        "gradients": gradients(model),
        "buffers": dict(model.named_buffers()),
        "rows": rows,
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[dict[str, Any]]]:
    """What two processes that find each other made of each job of this file: they start slowly, so once for all."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    processes = [
        subprocess.Popen([sys.executable, __file__, str(rank), str(port), str(folder)]) for rank in range(WORLD_SIZE)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    return lambda job: [torch.load(folder / f"{job}-{rank}.pt", weights_only=True) for rank in range(WORLD_SIZE)]


# Channels of the clips of both processes: constant, little spread beside the mean, common, and large.
CHANNELS = {"constant": (12.0, 0.0), "narrow": (10.0, 0.01), "common": (0.0, 1.0), "large": (-3000.0, 0.5)}


def values_of_channels() -> Tensor:
    """(10, 4, 3, 5, 5)."""
    generator = torch.Generator().manual_seed(2)
    noise = torch.randn(10, len(CHANNELS), 3, 5, 5, generator=generator, dtype=torch.float64)
    mean, spread = torch.tensor(list(CHANNELS.values()), dtype=torch.float64).T
    return (noise * spread.view(1, -1, 1, 1, 1) + mean.view(1, -1, 1, 1, 1)).float()


def normalise_half(rank: int) -> dict[str, object]:
    """Shares of 3 and 7 clips: the processes' numbers of values differ as well."""
    layer = share_batch_statistics(nn.Sequential(nn.BatchNorm3d(len(CHANNELS))), on_gpu=False)
    share = values_of_channels()[:3] if rank == 0 else values_of_channels()[3:]
    share.requires_grad_(True)
    output = layer(share)
    (output**3).sum().backward()
    return {"output": output.detach(), "gradient": share.grad, "buffers": dict(layer.named_buffers())}


def test_statistics_of_two_processes_keep_their_digits(results: Callable[[str], list[dict[str, Any]]]) -> None:
    found = results("statistics")
    plain = nn.BatchNorm3d(len(CHANNELS)).double()
    values = values_of_channels().double().requires_grad_(True)
    expected = plain(values)
    (expected**3).sum().backward()
    assert values.grad is not None
    output = torch.cat([result["output"] for result in found]).double()
    spread = dict(zip(CHANNELS, output.std((0, 2, 3, 4)).tolist(), strict=True))
    assert spread["constant"] == pytest.approx(0, abs=1e-2)
    # 0.01 / sqrt(0.01^2 + eps)
    assert spread["narrow"] == pytest.approx(0.953, abs=0.01)
    torch.testing.assert_close(output, expected.detach(), rtol=0, atol=2e-3)
    gradient = torch.cat([result["gradient"] for result in found]).double()
    for channel in (1, 2, 3):
        scale = float(values.grad[:, channel].abs().max())
        torch.testing.assert_close(gradient[:, channel], values.grad[:, channel], rtol=0, atol=5e-3 * scale)
    for result in found:
        torch.testing.assert_close(result["buffers"]["0.running_var"].double(), plain.running_var, rtol=1e-3, atol=1e-6)
        torch.testing.assert_close(
            result["buffers"]["0.running_mean"].double(), plain.running_mean, rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_two_processes_equal_one(objective: str, results: Callable[[str], list[dict[str, Any]]]) -> None:
    model, batch = model_and_batch(objective)
    loss = Step(model, recipe(objective))(*batch)
    loss.backward()
    expected = gradients(model)
    assert any(name.startswith("encoder") for name in expected)
    for result in results(objective):
        torch.testing.assert_close(result["loss"], loss.detach(), rtol=1e-5, atol=1e-5)
        assert result["gradients"].keys() == expected.keys()
        for name, gradient in expected.items():
            scale = float(gradient.abs().max())
            torch.testing.assert_close(
                result["gradients"][name], gradient, rtol=1e-3, atol=1e-4 * scale + 1e-6, msg=name
            )
        for name, buffer in model.named_buffers():
            torch.testing.assert_close(result["buffers"][name], buffer, rtol=1e-4, atol=1e-5, msg=name)
        assert result["rows"].tolist() == [0, 0, 1]


def test_alone_a_global_batch_norm_is_the_layer_it_replaces() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv3d(2, 3, 1), nn.BatchNorm3d(3))
    shared = share_batch_statistics(copy.deepcopy(plain), on_gpu=False)
    assert isinstance(shared[1], GlobalBatchNorm)  # type: ignore[index]
    assert shared.state_dict().keys() == plain.state_dict().keys()
    x = torch.randn(4, 2, 3, 3, 3)
    torch.testing.assert_close(shared(x), plain(x))
    torch.testing.assert_close(shared.state_dict(), plain.state_dict())


if __name__ == "__main__":
    # The test starts this file once for each process.
    one_of_two(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))

"""Two processes take the same step as one: same loss, same gradients of encoder and head, same batch statistics."""

import copy
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from coreecho.models.building import build_model
from coreecho.models.echo_model import EchoModel, ModelInput
from coreecho.training.distributed import GlobalBatchNorm, gather_rows, share_batch_statistics
from coreecho.training.recipe import Recipe
from coreecho.training.stages import Stage1

NUM_CLIPS = 8
WORLD_SIZE = 2


def recipe(objective: str) -> Recipe:
    settings = {"encoder": "uniformer_xs", "objective": objective, "dropout": 0.0, "head_dropout": 0.0}
    model_input = ModelInput(num_frames=4, stride=1, frame_size=32)
    return Recipe(input=model_input, **settings)  # type: ignore[arg-type]


def model_and_batch(objective: str) -> tuple[EchoModel, tuple[Tensor, Tensor, Tensor]]:
    settings = recipe(objective)
    torch.manual_seed(0)
    model = build_model("uniformer_xs", settings.input, last_bias=50.0, dropout=0.0, head_dropout=0.0)
    clips = torch.randint(0, 256, (NUM_CLIPS, 4, 32, 32), dtype=torch.uint8)
    return model, (clips, torch.full((NUM_CLIPS,), 4), torch.rand(NUM_CLIPS) * 60 + 20)


class Step(nn.Module):
    """One forward pass to the loss, as Lightning runs it under DistributedDataParallel."""

    def __init__(self, stage: Stage1) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, clips: Tensor, num_valid_frames: Tensor, ef_percent: Tensor) -> Tensor:
        return torch.stack(list(self.stage.losses(clips, num_valid_frames, ef_percent).values())).sum()


def gradients(model: EchoModel) -> dict[str, Tensor]:
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def one_of_two(rank: int, port: int, objective: str, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=WORLD_SIZE)
    model, batch = model_and_batch(objective)
    share_batch_statistics(model)
    step = DistributedDataParallel(Step(Stage1(model, recipe(objective), steps_per_epoch=1)))
    share = slice(rank * NUM_CLIPS // WORLD_SIZE, (rank + 1) * NUM_CLIPS // WORLD_SIZE)
    loss = step(*(part[share] for part in batch))
    loss.backward()
    mean_loss = loss.detach().clone()
    dist.all_reduce(mean_loss)
    rows = gather_rows(torch.arange(rank + 1))
    result = {
        "loss": mean_loss / WORLD_SIZE,
        "gradients": gradients(model),
        "buffers": dict(model.named_buffers()),
        "rows": rows,
    }
    torch.save(result, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("objective", ["rnc_l1", "l1"])
def test_two_processes_equal_one(objective: str, tmp_path: Path) -> None:
    model, batch = model_and_batch(objective)
    loss = Step(Stage1(model, recipe(objective), steps_per_epoch=1))(*batch)
    loss.backward()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    start = [sys.executable, __file__]
    arguments = [str(port), objective, str(tmp_path)]
    processes = [subprocess.Popen([*start, str(rank), *arguments]) for rank in range(WORLD_SIZE)]
    assert [process.wait() for process in processes] == [0, 0]
    expected = gradients(model)
    assert any(name.startswith("encoder") for name in expected)
    for rank in range(WORLD_SIZE):
        result = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
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
    shared = share_batch_statistics(copy.deepcopy(plain))
    assert isinstance(shared[1], GlobalBatchNorm)  # type: ignore[index]
    assert shared.state_dict().keys() == plain.state_dict().keys()
    x = torch.randn(4, 2, 3, 3, 3)
    torch.testing.assert_close(shared(x), plain(x))
    torch.testing.assert_close(shared.state_dict(), plain.state_dict())


if __name__ == "__main__":
    # The test starts this file once for each process.
    one_of_two(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])

"""The mean of several networks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from coreecho.datasets.clip_dataset import ClipBatch
from coreecho.errors import CheckpointError
from coreecho.models import ModelInput, build_model, load_model, read_weights, save_weights
from coreecho.models.segmenter_card import card_from_json
from coreecho.training import RunFolder
from coreecho.training.averaging import average_runs, average_weights, recompute_batch_statistics

INPUT = ModelInput(num_frames=4, stride=2, frame_size=32)


def batch_of(clips: torch.Tensor) -> ClipBatch:
    count, views = clips.shape[:2]
    return ClipBatch(clips, torch.full((count, views), 4), torch.zeros(count), torch.arange(count))


def test_the_mean_is_that_of_each_number() -> None:
    states = [
        {"w": torch.tensor([1.0, 4.0]), "n": torch.tensor(7)},
        {"w": torch.tensor([3.0, 0.5]), "n": torch.tensor(9)},
    ]
    mean = average_weights(states)
    assert torch.equal(mean["w"], torch.tensor([2.0, 2.25]))
    assert mean["w"].dtype == torch.float32
    assert mean["n"] == 7
    same = average_weights([states[0]] * 3)
    assert all(torch.equal(same[name], value) for name, value in states[0].items())


def test_networks_of_other_forms_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"Weights 3 .* 1 of another shape: w"):
        average_weights([{"w": torch.zeros(2)}, {"w": torch.zeros(2)}, {"w": torch.zeros(3)}])
    with pytest.raises(CheckpointError, match="No weights are given"):
        average_weights([])


def test_statistics_are_those_of_the_batches() -> None:
    """Of the first normalisation, whose inputs depend on no other: the means over batches of mean and variance."""
    torch.manual_seed(0)
    model = build_model("uniformer_xs", INPUT, last_bias=50.0).eval()
    first = next(module for module in model.modules() if isinstance(module, nn.BatchNorm3d))
    others = {name: value.clone() for name, value in model.state_dict().items() if "running" not in name}
    seen: list[torch.Tensor] = []
    hook = first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    batches = [batch_of(torch.randint(0, 255, (3, 2, 4, 32, 32), dtype=torch.uint8)) for _ in range(3)]

    def look(batch: ClipBatch) -> None:
        model(batch.clips.flatten(0, 1), batch.num_valid_frames.flatten())

    assert recompute_batch_statistics(model, batches, look) == 3
    hook.remove()
    means = torch.stack([each.mean((0, 2, 3, 4)) for each in seen]).mean(0)
    variances = torch.stack([each.transpose(0, 1).flatten(1).var(1) for each in seen]).mean(0)
    assert first.running_mean is not None
    assert first.running_var is not None
    torch.testing.assert_close(first.running_mean, means)
    torch.testing.assert_close(first.running_var, variances)
    assert not any(module.training for module in model.modules())
    assert first.momentum == 0.1
    # Nothing else has moved, but for the count of the batches.
    now = model.state_dict()
    assert all(torch.equal(now[name], value) for name, value in others.items() if "num_batches" not in name)


def test_runs_are_averaged(
    run_of_every_recipe: Mapping[str, RunFolder], copy_of_run: Callable[[str], RunFolder], tmp_path: Path
) -> None:
    run, other = run_of_every_recipe["demo"], copy_of_run("demo")
    state, card = read_weights(run.best_weights)
    moved = load_model(run.best_weights)
    with torch.no_grad():
        moved.head.get_parameter(next(name for name, _ in moved.head.named_parameters())).add_(1.0)
    save_weights(other.best_weights, moved, card)
    mean, mean_card = average_runs([run, other], batches=1)
    name = next(name for name, _ in moved.named_parameters() if name.startswith("head."))
    torch.testing.assert_close(mean[name], state[name] + 0.5)
    assert "mean of the weights of 2 trainings" in mean_card.source
    assert mean_card.trained_on is not None
    assert mean_card.trained_on.best_validation is None
    assert "epoch" not in mean_card.trained_on.weights_in_words
    assert card_from_json(mean_card.to_json()) == mean_card
    epoch, best = card.trained_on.epoch, card.trained_on.best_validation
    assert replace(mean_card.trained_on, epoch=epoch, best_validation=best) == card.trained_on
    alone, own_card = average_runs([run])
    assert own_card == card
    assert all(torch.equal(value, state[name]) for name, value in alone.items())

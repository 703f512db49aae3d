"""What holds on a GPU with CUDA as it does on the CPU: `COREECHO_TEST_GPU=1 pytest -m gpu`."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.shared.stops import StopAfter

from coreecho.inference import Predictor
from coreecho.models import ModelInput, build_model
from coreecho.training import Hardware, Recipe, resume, train

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_that_was_stopped_ends_with_the_same_weights(
    phantom_root: Path, tmp_path: Path, tiny_recipe: Recipe, precision: str
) -> None:
    hardware = Hardware(device="gpu", precision=precision)
    whole = train(tiny_recipe, data=phantom_root, out=tmp_path / "whole", hardware=hardware)
    stopped = train(tiny_recipe, data=phantom_root, out=tmp_path / "run", hardware=hardware, stop=StopAfter(3))
    assert not stopped.is_finished
    run = resume(tmp_path / "run")
    weights, expected = load_file(run.best_weights), load_file(whole.best_weights)
    assert [name for name in expected if not weights[name].equal(expected[name])] == []


def test_predictions_are_those_of_the_cpu() -> None:
    torch.manual_seed(0)
    frames = np.random.default_rng(0).integers(0, 255, (64, 112, 112), dtype=np.uint8)
    model = build_model("uniformer_xs", ModelInput(num_frames=8, stride=5, frame_size=56), last_bias=55.0)
    expected = Predictor(model, device="cpu")(frames, fps=50).ef_percent
    # Convolutions there may round their inputs to TF32, which has ten bits.
    assert Predictor(model, device="gpu")(frames, fps=50).ef_percent == pytest.approx(expected, abs=0.1)

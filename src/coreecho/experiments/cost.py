"""What a plan costs: measured on this machine with a few clips of each model, not guessed from its size."""

import time
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from coreecho.experiments.jobs import Job
from coreecho.experiments.runs import Execution
from coreecho.inference import find_device
from coreecho.models.echo_model import EchoOutput
from coreecho.training.objectives import build_objective
from coreecho.training.recipe import Recipe

_WARM_UP, _MEASURED = 1, 1
# Enough to keep a small model busy; a large one takes its time with any number. Batch normalisation needs two.
_CLIPS_OF_SMALL, _CLIPS_OF_LARGE = 16, 2
_PARAMETERS_OF_SMALL = 2_000_000


def estimate_seconds(jobs: Iterable[Job], runs: Path, execution: Execution) -> dict[str, float]:
    """Estimate how long what is left of each job takes, by its name; the loading of clips is not counted."""
    speeds: dict[tuple[object, ...], tuple[float, float]] = {}
    seconds = {}
    for job in jobs:
        recipe = job.recipe(runs)
        key = (recipe.encoder, recipe.input.num_frames, recipe.input.frame_size)
        if key not in speeds:
            speeds[key] = _seconds_per_clip(recipe, execution)
        training, seeing = speeds[key]
        work = job.work(runs)
        seconds[job.name] = job.share_left(runs) * (work.trained_clips * training + work.seen_clips * seeing)
    return seconds


def _seconds_per_clip(recipe: Recipe, execution: Execution) -> tuple[float, float]:
    """Seconds for one clip forward and backward, and forward alone."""
    device = find_device(execution.device)
    network, pictures_of_clip = build_objective(recipe).blank()
    network = network.to(device)
    is_small = sum(parameter.numel() for parameter in network.parameters()) < _PARAMETERS_OF_SMALL
    num_clips = _CLIPS_OF_SMALL if is_small else _CLIPS_OF_LARGE
    clips = pictures_of_clip.to(device).repeat(num_clips, 1, 1, 1)
    is_rounded = execution.hardware is not None and execution.hardware.is_mixed
    with torch.autocast(device.type, torch.bfloat16, enabled=is_rounded):
        training = _time(network, clips, is_training=True) / num_clips
    # Trained models are tested in float32.
    return training, _time(network, clips, is_training=False) / num_clips


def _time(network: nn.Module, clips: torch.Tensor, *, is_training: bool) -> float:
    """Seconds for all clips."""
    network.train(is_training)
    start = 0.0
    for repetition in range(_WARM_UP + _MEASURED):
        if repetition == _WARM_UP:
            _wait(clips.device)
            start = time.perf_counter()
        with torch.set_grad_enabled(is_training):
            given = network(clips)
            output = given.prediction if isinstance(given, EchoOutput) else given
            if is_training:
                output.sum().backward()
    _wait(clips.device)
    return (time.perf_counter() - start) / _MEASURED


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)

"""The state of a run: what is saved and how it comes back.

A state is the model, the optimiser, the stage, the step and the history. Everything else (clips, crops, order,
dropout, learning rate) is a function of the recipe and the step, so nothing else has to be saved.
"""

import io
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from coreecho.errors import CheckpointError
from coreecho.files import write_whole
from coreecho.training.stages import StageName


@dataclass(kw_only=True)
class RunState:
    """Where a run stands.

    model: state dict of the EchoModel. optimizer: state dict of AdamW, None before a stage's first step.
    step: optimiser steps of `stage` that are done. history: one row for each finished epoch.
    sums: sums of the loss terms over the steps of the unfinished epoch.
    """

    stage: StageName
    step: int
    model: dict[str, Tensor]
    optimizer: dict[str, Any] | None
    history: list[dict[str, Any]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)


def save_state(path: Path, state: RunState) -> None:
    """Write the state in one step.

    Raises:
        OSError: as the file system gives it; the older state is then still there.
    """
    # torch.save to memory first: to a file it hides a full disk behind a RuntimeError.
    buffer = io.BytesIO()
    # The fields as they are, not `asdict`, which would copy every tensor.
    torch.save({name: getattr(state, name) for name in RunState.__dataclass_fields__}, buffer)
    write_whole(path, buffer.getvalue())


def load_state(path: Path) -> RunState:
    """Read a state; nothing in the file is executed.

    Raises:
        CheckpointError: missing, damaged, or not a state of this version.
    """
    try:
        return RunState(**torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path} is missing: the run has saved no state yet, so it can only start anew."
        ) from error
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, TypeError) as error:
        raise CheckpointError(f"{path} is not a state of a run that this version can read: {error}") from error

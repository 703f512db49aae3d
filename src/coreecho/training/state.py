"""The state of a run: what is saved and how it comes back.

A state is the model, the optimiser, the stage, the step and the history. Everything else (clips, crops, order,
dropout, learning rate) is a function of the recipe and the step, so nothing else has to be saved.
"""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from coreecho.errors import CheckpointError
from coreecho.files import write_whole
from coreecho.models.pickles import read_pickle
from coreecho.training.stages import StageName


@dataclass(kw_only=True)
class RunState:
    """Where a run stands.

    model: state dict of the EchoModel. optimizer: state dict of the optimiser, None before a stage's first step.
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
        state = RunState(**read_pickle(path))
        if fault := _fault_of(state):
            raise TypeError(fault)
        return state
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path} is missing: the run has saved no state yet, so it can only start anew."
        ) from error
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a state of a run that this version can read: {str(error).removesuffix('.')}. Take the file "
            "from a copy of the run, or train anew with another `--out`."
        ) from error


def _fault_of(state: RunState) -> str | None:
    """What in a state is of another kind than was saved."""
    if state.stage not in get_args(StageName):
        return f"stage is {state.stage!r}"
    if isinstance(state.step, bool) or not isinstance(state.step, int) or state.step < 0:
        return f"step is {state.step!r}"
    if not isinstance(state.model, dict) or not all(isinstance(value, Tensor) for value in state.model.values()):
        return "model holds no weights"
    if not isinstance(state.optimizer, dict | None) or not isinstance(state.sums, dict):
        return "optimizer or sums is no table"
    if not isinstance(state.history, list) or not all(isinstance(row, dict) for row in state.history):
        return "history is no list of epochs"
    return None

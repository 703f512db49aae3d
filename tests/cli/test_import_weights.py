import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from coreecho.models import ModelInput, build_model, initialise_encoder, load_model

Run = Callable[..., Any]


def published(folder: Path) -> tuple[Path, Path]:
    """A Kinetics checkpoint and one of CoReEcho, in their published layouts."""
    torch.manual_seed(0)
    model = build_model("uniformer_xs", ModelInput(), last_bias=55.6)
    encoder = model.encoder.state_dict()
    width = model.encoder.embedding_dim
    torch.save({**encoder, "head.weight": torch.randn(400, width), "head.bias": torch.randn(400)}, folder / "k400.pth")
    content = {
        "epoch": 21,
        "model": {"module.head.weight": torch.randn(1, width), "module.head.bias": torch.randn(1)}
        | {f"module.{name}": value for name, value in encoder.items()},
        "regressor": model.head.state_dict(),
        "best_error": np.float64(3.9),
    }
    torch.save(content, folder / "coreecho.pth")
    return folder / "k400.pth", folder / "coreecho.pth"


def test_what_was_loaded_skipped_and_missing_is_printed(tmp_path: Path, run: Run) -> None:
    kinetics, coreecho = published(tmp_path)
    done = run("import-weights", kinetics, tmp_path / "encoder.safetensors", "--licence", "MIT", "--source", "the hub")
    assert done.returncode == 0, done.stderr
    lines = re.findall(r"^ +(\S+) +(\d+) +(\w+)", done.stdout, flags=re.MULTILINE)
    rows = {part: (int(count), outcome) for part, count, outcome in lines}
    encoder = build_model("uniformer_xs", ModelInput(), last_bias=0.0).encoder
    assert sum(count for count, outcome in rows.values() if outcome == "loaded") == len(encoder.state_dict())
    assert "skipped: a classifier" in done.stdout
    assert "missing: the regression head" in done.stdout
    assert "source   the hub" in done.stdout
    assert "licence  MIT" in done.stdout
    report = initialise_encoder(
        build_model("uniformer_xs", ModelInput(), last_bias=0.0), tmp_path / "encoder.safetensors"
    )
    assert "the hub" in report

    done = run("import-weights", coreecho, tmp_path / "model.safetensors")
    assert done.returncode == 0, done.stderr
    assert "CC BY-NC 4.0" in done.stdout
    assert "missing" not in done.stdout
    model = load_model(tmp_path / "model.safetensors")
    assert model.card is not None
    assert model.card.kind == "model"


def test_a_file_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path: Path, run: Run) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    done = run("import-weights", tmp_path / "other.pth", tmp_path / "out.safetensors")
    assert done.returncode == 2
    assert "CheckpointError" in done.stderr
    assert "of no encoder that is known here" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.safetensors").exists()

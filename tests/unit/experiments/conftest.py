"""A data set with three folds, whose trainings take a second each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.shared.weights import small_card
from torch import nn

from coreecho.datasets import load_recordings
from coreecho.experiments import runs
from coreecho.experiments.data import Data
from coreecho.experiments.plan_inputs import PlanInputs
from coreecho.experiments.runs import Execution
from coreecho.experiments.scales import PAPER
from coreecho.models.weights import save_weights
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import Hardware

_SETTINGS: dict[str, Any] = {
    "encoder": "uniformer_xs",
    "objective": "mse",
    "views": "one_clip",
    "augmentation": "affine",
    "stage2": False,
    "stage1_epochs": 2,
    "batch_size": 2,
    "learning_rate": 1e-3,
    "validation_clips": 1,
    "num_frames": 4,
    "time": "spline",
    "frame_size": 32,
}


@pytest.fixture(scope="session")
def execution() -> Execution:
    return Execution(hardware=Hardware(device="cpu"))


@pytest.fixture
def make_recipe() -> Callable[..., Recipe]:
    """Two epochs of a small model that sees a whole beat; keywords change it."""
    return lambda **settings: Recipe.from_mapping(_SETTINGS | settings, source="test")


@pytest.fixture(scope="session")
def table_of_folds(phantom_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, str], Data]:
    """Writes the sixteen phantoms as a table, dealt into folds, with EF or infarctions (EF below 50)."""

    def write(num_folds: int = 3, label: str = "ef_percent") -> Data:
        root = tmp_path_factory.mktemp("table")
        lines = [f"path,id,patient,fold,{label}"]
        for place, recording in enumerate(load_recordings("echonet", phantom_root)):
            value = recording.ef_percent if label == "ef_percent" else int((recording.ef_percent or 0) < 57)
            lines.append(f"{recording.path},{place:03d},p{place},{place % num_folds + 1},{value}")
        (root / "recordings.csv").write_text("\n".join(lines) + "\n")
        return Data(dataset="table", root=root)

    return write


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders in which a training was begun, in order."""
    begun: list[Path] = []
    train = runs.train

    def counting(recipe: Recipe, *, out: Path, **given: Any) -> Any:
        begun.append(out)
        return train(recipe, out=out, **given)

    monkeypatch.setattr(runs, "train", counting)
    return begun


def _write_weights(path: Path, encoder: str) -> str:
    """A file that says which encoder it holds."""
    card = small_card(None, kind="encoder", encoder=encoder, head=None, reads=None)
    save_weights(path, nn.Linear(1, 1), card)
    return str(path)


@pytest.fixture
def real(tmp_path: Path) -> PlanInputs:
    """A lab that has everything."""
    small = {name: _write_weights(tmp_path / name, "uniformer_small") for name in ("k400", "coreecho", "echocotr")}
    r2plus1d = _write_weights(tmp_path / "r2plus1d", "r2plus1d_18")
    weights = small | {"r2plus1d": r2plus1d, "saeed": _write_weights(tmp_path / "saeed", "r2plus1d_18_grey")}
    return PlanInputs(out=tmp_path / "out", scale=PAPER, data=tmp_path / "data", weights=weights)

"""Small trees of phantoms: written by one process of a run of the tests, and read by all."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from coreecho.experiments.scales import QUICK, Scale, phantoms_of
from coreecho.phantom import PhantomSettings, write_camus_phantoms, write_echonet_phantoms, write_hmc_qu_phantoms
from coreecho.phantom.stand_in import StandIn

NUM_RECORDINGS = 16


@dataclass(frozen=True, kw_only=True)
class SmallScale(Scale):
    """A scale with cohorts of its own sizes, by the folder that each is written to."""

    recordings: Mapping[str, int]

    def sizes_of(self, stand_in: StandIn) -> dict[str, int]:
        return {"recordings": self.recordings[stand_in.folder]}


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes of this run of the tests."""
    base = tmp_path_factory.getbasetemp()
    # The processes of pytest-xdist have a folder each, below one that they share.
    folder = (base.parent if base.name.startswith("popen-") else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


def own_cohort(tmp_path_factory: pytest.TempPathFactory, name: str, write: Callable[[Path], object]) -> Path:
    """A cohort that one process of this run of the tests has written, and each has a copy of: frames lie beside it."""
    return Path(
        shutil.copytree(shared_cohort(tmp_path_factory, name, write), tmp_path_factory.mktemp("phantoms") / "cohort")
    )


def shared_cohort(tmp_path_factory: pytest.TempPathFactory, name: str, write: Callable[[Path], object]) -> Path:
    """The same to be copied, and not to be touched."""
    root = shared_folder(tmp_path_factory) / name
    with FileLock(f"{root}.lock"):
        if not root.exists():
            write(root)
    return root


@pytest.fixture(scope="session")
def phantom_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen phantoms of 24 frames in the EchoNet-Dynamic layout."""
    settings = PhantomSettings(min_frames=24, max_frames=24)
    return own_cohort(
        tmp_path_factory,
        "sixteen",
        lambda root: write_echonet_phantoms(root, recordings=NUM_RECORDINGS, seed=7, settings=settings, workers=1),
    )


def camus_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_cohort(
        tmp_path_factory, "camus", lambda root: write_camus_phantoms(root, recordings=12, seed=1, workers=1)
    )


def hmc_qu_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_cohort(
        tmp_path_factory, "hmc-qu", lambda root: write_hmc_qu_phantoms(root, recordings=18, seed=2, workers=1)
    )


@pytest.fixture(scope="session")
def camus_hearts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve patients in CAMUS's layout, of seed 1, which lie in all ten folds; to be copied, and not to be touched."""
    return camus_cohort(tmp_path_factory)


@pytest.fixture(scope="session")
def hmc_qu_hearts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen patients in HMC-QU's layout, of seed 2, twelve of them with masks; to be copied, not to be touched."""
    return hmc_qu_cohort(tmp_path_factory)


@pytest.fixture(scope="session")
def micro_scale() -> Scale:
    """Every table of the paper in seconds; two seeds."""
    sizes: dict[str, Any] = {"num_frames": 4, "frame_size": 32, "batch_size": 4, "validation_clips": 1}
    changed: dict[str, Any] = {
        "name": "micro",
        "settings": {**QUICK.settings, **sizes, "crop_pad": 2, "warmup_steps": 0},
        "probe": {**QUICK.probe, **sizes},
        "fine_tune": {**QUICK.fine_tune, **sizes},
    }
    return SmallScale(**vars(QUICK) | changed, recordings={"echonet": 36, "camus": 12, "hmc-qu": 18})


@pytest.fixture(scope="session")
def micro_phantoms(
    tmp_path_factory: pytest.TempPathFactory, micro_scale: Scale, camus_hearts: Path, hmc_qu_hearts: Path
) -> Path:
    """The folder `phantoms` of a reproduction at `micro_scale`: as it would write them itself."""
    shared = shared_cohort(tmp_path_factory, "micro", lambda root: phantoms_of("echonet", root, micro_scale))
    # A copy for each process: decoded frames are written beside the hearts.
    folder = Path(shutil.copytree(shared / "phantoms", tmp_path_factory.mktemp("reproduction") / "phantoms"))
    shutil.copytree(camus_hearts, folder / "camus")
    shutil.copytree(hmc_qu_hearts, folder / "hmc-qu")
    return folder


@pytest.fixture
def reproduction(tmp_path: Path, micro_phantoms: Path) -> Path:
    """An `--out` whose phantoms are written, and nothing else."""
    out = tmp_path / "reproduction"
    out.mkdir()
    (out / "phantoms").symlink_to(micro_phantoms)
    return out

"""What every test has: one thread, a small recipe, the command line, and the fixtures of `shared/`."""

import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from coreecho.models import ModelInput
from coreecho.training.recipe import Recipe

pytest_plugins = [
    "tests.shared.bright_hearts",
    "tests.shared.cohorts",
    "tests.shared.readers",
    "tests.shared.recipe_runs",
    "tests.shared.weights",
]


# The numbers that tests hold are those of a CPU, to the bit; the tests marked `gpu` alone compute elsewhere, and run by
# `COREECHO_TEST_GPU=1 pytest -m gpu`. PyTorch looks for devices when it is first asked, and commands inherit this.
if not os.environ.get("COREECHO_TEST_GPU"):
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-losses",
        nargs="*",
        default=(),
        metavar="RECIPE",
        help="write the first losses of these recipes anew, after a change that is meant to change their training",
    )


# How long a case takes says more of the machine than of the code.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none, or none was asked for."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a GPU with CUDA, and COREECHO_TEST_GPU=1"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """One thread, before the fixtures of each test, whatever a test before it has left.

    Tests run side by side, so that more threads only slow each other down; and sums that two threads share differ in
    the last bit from one training to the next.
    """
    torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    """Take what the imports have made out of the search for garbage: it stays, and looking through it takes long."""
    gc.collect()
    gc.freeze()
    # Looking for cycles as often as is usual takes a fifteenth of the tests' time.
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture(scope="session", autouse=True)
def fast_disk() -> Iterator[None]:
    """No file is waited for until the disk has it: no test outlives a loss of power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


@pytest.fixture(scope="module")
def rough_pictures() -> Iterator[None]:
    """Charts of few pixels whose parts lie where they come, drawn to the last stroke and then left white.

    To find each part its place is half of the work of drawing it, and to paint letters most of the rest. For tests of
    what stands around charts, and of many recipes; others see to it that charts are as they should be.
    """
    from coreecho.report import pictures

    def draw(figure: Figure, file: Path, **_: object) -> None:
        figure.draw_without_rendering()
        Image.new("L", figure.canvas.get_width_height(), "white").save(file, format="png")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "ConstrainedLayoutEngine", lambda **_: None)
        patch.setattr(pictures, "Figure", lambda **settings: Figure(**(settings | {"dpi": 40})))
        patch.setattr(Figure, "savefig", draw)
        yield


@pytest.fixture
def tiny_recipe() -> Recipe:
    """Both stages in a few seconds: two epochs of two steps, then one epoch."""
    return Recipe(
        name="tiny",
        encoder="uniformer_xs",
        input=ModelInput(num_frames=4, stride=4, frame_size=32),
        crop_pad=2,
        batch_size=4,
        learning_rate=1e-3,
        stage1_epochs=2,
        stage2_epochs=1,
        validation_clips=2,
    )


class Shown(NamedTuple):
    """What a command leaves in a terminal."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Shown]:
    """Run a command line as `coreecho` does, in a terminal of 200 columns; gives exit code and what it showed.

    In this process: starting Python and importing PyTorch takes seconds, a test parts of one.
    """
    from coreecho.cli.main import main

    monkeypatch.setenv("COLUMNS", "200")

    def type_in(*words: object) -> Shown:
        monkeypatch.setattr(sys, "argv", ["coreecho", *map(str, words)])
        with warnings.catch_warnings():
            # The command line is read from sys.argv on purpose.
            warnings.filterwarnings("ignore", "Cyclopts application invoked without tokens")
            with pytest.raises(SystemExit) as ended:
                main()
        return Shown(int(ended.value.code or 0), *capsys.readouterr())

    return type_in

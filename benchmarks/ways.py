"""How far it is from a command to what it is for: files and calls of this package on the way, counted by a profiler.

From `train` to the first step of the optimiser, and from `predict` to the number. A way that crosses few files is one
that a newcomer can follow. A call counts once however often it is made, so that the size of the data does not matter.
"""

import inspect
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from torch.optim.optimizer import register_optimizer_step_pre_hook

import coreecho
from coreecho.inference import Predictor
from coreecho.models import ModelInput
from coreecho.phantom import PhantomSettings, write_echonet_phantoms
from coreecho.training import Hardware, Recipe, train

_PACKAGE = str(Path(coreecho.__file__).parent)
_RECIPE = Recipe(
    name="ways",
    encoder="uniformer_xs",
    input=ModelInput(num_frames=4, stride=4, frame_size=32),
    crop_pad=2,
    batch_size=4,
    stage1_epochs=1,
    stage2=False,
    validation_clips=1,
)


class _ArrivedError(BaseException):
    """What was sought is reached; nothing on the way may catch it."""


class Way:
    """Calls of the package's functions while it is entered, in all threads."""

    def __init__(self) -> None:
        self.functions: set[tuple[str, str, int]] = set()
        self.steps: set[tuple[str, str]] = set()

    def _see(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        # Bodies of modules and classes run once, when they are imported, and are no part of the way.
        if event != "call" or not code.co_flags & inspect.CO_OPTIMIZED or not code.co_filename.startswith(_PACKAGE):
            return
        self.functions.add((code.co_filename, code.co_qualname, code.co_firstlineno))
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(_PACKAGE):
            caller = caller.f_back
        if caller is not None and caller.f_code.co_filename != code.co_filename:
            self.steps.add((caller.f_code.co_filename, code.co_filename))

    def __enter__(self) -> "Way":
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def __str__(self) -> str:
        files = {name for name, _, _ in self.functions}
        return f"{len(files)} files, {len(self.functions)} functions, {len(self.steps)} ways from one file into another"


def follow(walk: Callable[[], object]) -> Way:
    """Count what a call comes through, until it returns or arrives."""
    with Way() as way, suppress(_ArrivedError):
        walk()
    return way


def main() -> None:
    """Print both ways."""
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "hearts"
        settings = PhantomSettings(min_frames=24, max_frames=24)
        write_echonet_phantoms(data, recordings=16, seed=0, settings=settings, workers=1)

        def learn(name: str) -> Path:
            return train(_RECIPE, data=data, out=Path(place) / name, hardware=Hardware(device="cpu")).path

        # Once before, so that nothing is imported or decoded on the way.
        run = learn("finished")

        def arrive(*_: object) -> None:
            raise _ArrivedError

        hook = register_optimizer_step_pre_hook(arrive)
        print("from train to the first step of the optimiser:", follow(lambda: learn("begun")))
        hook.remove()
        video = next(iter(sorted(data.glob("Videos/*.avi"))))
        print("from predict to the number:", follow(lambda: Predictor(run)(video)))


if __name__ == "__main__":
    main()

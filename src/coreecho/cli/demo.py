"""`coreecho demo`: the whole line, from simulated hearts to the EF of a clip file."""

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.panel import Panel

from coreecho.cli.evaluate import evaluate
from coreecho.cli.predict import predict
from coreecho.stopping import Stop, stop_on_signals

if TYPE_CHECKING:
    from coreecho.training import RunFolder


def demo(
    *,
    out: Path = Path("demo-run"),
    recordings: int = 1340,
    seed: int = 0,
) -> int:
    """Learn the EF of simulated hearts from scratch, see how well that went, and read a real clip.

    Takes about ten minutes on two CPU cores and no network. Everything is written below `--out`;
    called again it goes on where it stopped.

    Parameters
    ----------
    out:
        Folder for the phantoms, the run and its pictures.
    recordings:
        Simulated hearts, of all three splits together.
    seed:
        Seed of the hearts and of the training.
    """
    from coreecho.cli.train import calibrate_run, draw_run
    from coreecho.phantom import PhantomSettings, write_echonet_phantoms

    console, start = Console(stderr=True), time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    phantoms, run_path = out / "phantoms", out / "run"
    console.rule("1. Simulated hearts with a known EF")
    settings = PhantomSettings(difficulty="easy", min_frames=64, max_frames=64)
    write_echonet_phantoms(phantoms, recordings=recordings, seed=seed, settings=settings, show_progress=True)
    console.rule("2. Training: Rank-N-Contrast + L1, then the head alone")
    with stop_on_signals(doing="after this step") as stop:
        run = _train_or_resume(run_path, phantoms, seed, stop)
    if not run.is_finished:
        console.print("Stopped. `make demo` goes on where it stopped.")
        return stop.exit_code
    draw_run(run)
    console.print(calibrate_run(run), markup=False, soft_wrap=True)
    console.rule("3. Phantoms that it has not seen")
    evaluate(run_path)
    console.rule("4. A real clip file")
    predict([_real_clip(out)], model=run_path)
    console.print(_where_things_are(run, minutes=(time.monotonic() - start) / 60))
    return 0


def _train_or_resume(run_path: Path, phantoms: Path, seed: int, stop: Stop) -> "RunFolder":
    from coreecho.training import Recipe, find_recipe, resume, train

    if (run_path / "run.json").exists():
        return resume(run_path, show_progress=True, stop=stop)
    settings = Recipe.from_yaml(find_recipe("demo")).to_mapping() | {"seed": seed}
    recipe = Recipe.from_mapping(settings, source="the demo recipe")
    return train(recipe, data=phantoms, out=run_path, show_progress=True, stop=stop)


def _real_clip(out: Path) -> Path:
    """Put the A4C clip that every pydicom installation has (MIT licence) where a user finds it."""
    from pydicom.data import get_testdata_file

    from coreecho.errors import CoReEchoError

    name = "examples_ybr_color.dcm"
    installed = get_testdata_file(name, download=False)
    if installed is None:
        raise CoReEchoError(f"The clip {name} that comes with pydicom is not there: install pydicom anew.")
    shutil.copyfile(str(installed), out / name)
    return out / name


def _where_things_are(run: "RunFolder", *, minutes: float) -> Panel:
    pictures = sorted(path for path in run.path.rglob("*.png"))
    lines = [f"Done in {minutes:.1f} minutes. Pictures:", *(f"  {path}" for path in pictures), ""]
    lines += [
        "All of this was learned from simulated hearts (phantoms): it shows that the method works, "
        "and says nothing about patients. Not a medical device.",
        "",
        "Next: coreecho train echonet --data /path/to/EchoNet-Dynamic",
    ]
    return Panel("\n".join(lines), title="CoReEcho demo", expand=False)

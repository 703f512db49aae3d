"""`coreecho phantom`: write cohorts of simulated hearts."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from coreecho.names import counted
from coreecho.phantom import (
    CAMUS_SETTINGS,
    HMC_QU_SETTINGS,
    Difficulty,
    PhantomSettings,
    ScannerName,
    write_camus_phantoms,
    write_echonet_phantoms,
    write_hmc_qu_phantoms,
)

app = App(name="phantom", help="Write simulated echocardiograms with a known EF, in the layout of a real data set.")


@app.command(name="echonet")
def write_echonet(
    out: Path,
    /,
    *,
    recordings: int = 100,
    seed: int = 0,
    more_test: int = 0,
    workers: int | None = None,
    settings: Annotated[PhantomSettings | None, Parameter(name="*")] = None,
) -> None:
    """Write simulated A4C videos in the exact layout of EchoNet-Dynamic.

    Same seed and settings, same bytes. An interrupted command goes on where it stopped when it is run again.

    Args:
        out: Folder to write; new, empty, or holding this same cohort.
        recordings: Number of videos, in EchoNet-Dynamic's proportions of TRAIN, VAL and TEST.
        seed: Seed of the cohort.
        more_test: Videos beyond those, all TEST: the more, the finer two models can be told apart.
        workers: Processes; by default one for each available core, fewer for few recordings.
        settings: Scanner, difficulty and length of the videos.
    """
    write_echonet_phantoms(
        out,
        recordings=recordings,
        seed=seed,
        more_test=more_test,
        settings=settings,
        workers=workers,
        show_progress=True,
    )
    _say_written(counted(recordings + more_test, "simulated recordings"), "echonet", out)


@app.command(name="camus")
def write_camus(
    out: Path,
    /,
    *,
    recordings: int = 100,
    seed: int = 0,
    scanner: ScannerName = CAMUS_SETTINGS.scanner,
    difficulty: Difficulty = CAMUS_SETTINGS.difficulty,
    label_noise: float = CAMUS_SETTINGS.label_noise,
    workers: int | None = None,
) -> None:
    """Write simulated patients in the layout of CAMUS: half beats in A4C and A2C, of differing sizes and quality.

    Same seed and settings, same bytes. An interrupted command goes on where it stopped when it is run again.

    Args:
        out: Folder to write; new, empty, or holding this same cohort.
        recordings: Number of patients, at most 500.
        seed: Seed of the cohort.
        scanner: C is not EchoNet's, which is A, so that a model has to be transferred.
        difficulty: standard resembles real echo; easy has steady hearts and few nuisances; clinic is widest.
        label_noise: Standard deviation, in EF points, of the labels' error.
        workers: Processes; by default one for each available core, fewer for few recordings.
    """
    settings = replace(CAMUS_SETTINGS, scanner=scanner, difficulty=difficulty, label_noise=label_noise)
    write_camus_phantoms(out, recordings=recordings, seed=seed, settings=settings, workers=workers, show_progress=True)
    _say_written(counted(recordings, "simulated patients"), "camus", out)


@app.command(name="hmc-qu")
def write_hmc_qu(
    out: Path,
    /,
    *,
    recordings: int = 109,
    seed: int = 0,
    two_views: Annotated[bool, Parameter(negative=())] = False,
    scanner: ScannerName = HMC_QU_SETTINGS.scanner,
    difficulty: Difficulty = HMC_QU_SETTINGS.difficulty,
    workers: int | None = None,
) -> None:
    """Write simulated patients in the layout of HMC-QU: whole screens, infarcts in half of them, sheet and masks.

    Same seed and settings, same bytes. An interrupted command goes on where it stopped when it is run again.

    Args:
        out: Folder to write; new, empty, or holding this same cohort.
        recordings: Number of patients.
        seed: Seed of the cohort.
        two_views: Write A2C beside A4C: the same hearts, with their infarcts as far as that view shows them.
        scanner: B is not EchoNet's, which is A, so that a model has to be transferred.
        difficulty: standard resembles real echo; easy has steady hearts and few nuisances.
        workers: Processes; by default one for each available core, fewer for few recordings.
    """
    settings = replace(HMC_QU_SETTINGS, scanner=scanner, difficulty=difficulty)
    write_hmc_qu_phantoms(
        out,
        recordings=recordings,
        seed=seed,
        two_views=two_views,
        settings=settings,
        workers=workers,
        show_progress=True,
    )
    _say_written(counted(recordings, "simulated patients"), "hmc-qu", out)


def _say_written(what: str, layout: str, out: Path) -> None:
    console = Console(stderr=True)
    console.print(f"Written: {what}, in {out}", markup=False, soft_wrap=True)
    console.print(f"Next: coreecho doctor {layout} {out}", markup=False, soft_wrap=True)

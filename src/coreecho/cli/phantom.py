"""`coreecho phantom`: write cohorts of simulated hearts."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from coreecho.phantom import (
    PhantomSettings,
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
    studies: int = 100,
    seed: int = 0,
    more_test: int = 0,
    workers: int | None = None,
    settings: Annotated[PhantomSettings | None, Parameter(name="*")] = None,
) -> None:
    """Write simulated A4C videos in the exact layout of EchoNet-Dynamic.

    Same seed and settings, same bytes. An interrupted command goes on where it stopped when it is run again.

    Args:
        out: Folder to write; new, empty, or holding this same cohort.
        studies: Number of videos, in EchoNet-Dynamic's proportions of TRAIN, VAL and TEST.
        seed: Seed of the cohort.
        more_test: Videos beyond those, all TEST: the more, the finer two models can be told apart.
        workers: Processes; by default one for each available core.
        settings: Scanner, difficulty and length of the videos.
    """
    write_echonet_phantoms(
        out,
        studies=studies,
        seed=seed,
        more_test=more_test,
        settings=settings,
        workers=workers,
        show_progress=True,
    )
    Console(stderr=True).print(f"{studies + more_test} simulated studies are in {out}")


@app.command(name="camus")
def write_camus(
    out: Path,
    /,
    *,
    studies: int = 100,
    seed: int = 0,
    workers: int | None = None,
    settings: Annotated[PhantomSettings | None, Parameter(name="*")] = None,
) -> None:
    """Write simulated patients in the layout of CAMUS: half beats in A4C and A2C, of differing sizes and quality.

    By default another scanner than EchoNet's (C) sees them. Same seed and settings, same bytes. An interrupted command
    goes on where it stopped when it is run again.

    Args:
        out: Folder to write; new, empty, or holding this same cohort.
        studies: Number of patients, at most 500.
        seed: Seed of the cohort.
        workers: Processes; by default one for each available core.
        settings: Scanner, difficulty and length of the videos; by default scanner C.
    """
    write_camus_phantoms(out, studies=studies, seed=seed, settings=settings, workers=workers, show_progress=True)
    Console(stderr=True).print(f"{studies} simulated patients are in {out}")


@app.command(name="hmc-qu")
def write_hmc_qu(
    out: Path,
    /,
    *,
    studies: int = 109,
    seed: int = 0,
    workers: int | None = None,
    settings: Annotated[PhantomSettings | None, Parameter(name="*")] = None,
) -> None:
    """Write simulated patients in the layout of HMC-QU: whole screens, infarcts in half of them, sheet and masks.

    By default another scanner than EchoNet's (B) sees them. Same seed and settings, same bytes. An interrupted command
    goes on where it stopped when it is run again.

    Args:
        out: Folder to write; new, empty, or holding this same cohort.
        studies: Number of patients.
        seed: Seed of the cohort.
        workers: Processes; by default one for each available core.
        settings: Scanner and difficulty; by default scanner B.
    """
    write_hmc_qu_phantoms(out, studies=studies, seed=seed, settings=settings, workers=workers, show_progress=True)
    Console(stderr=True).print(f"{studies} simulated patients are in {out}")

"""`coreecho continuity`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]
NotNegative = Annotated[int, Parameter(validator=validators.Number(gte=0))]


def continuity(
    run: Path,
    /,
    *,
    split: Literal["train", "val", "test"] = "test",
    clips: AtLeastOne = 3,
    hearts: NotNegative = 8,
    out: Path | None = None,
    data: Path | None = None,
    batch_size: AtLeastOne = 8,
    device: str = "auto",
    seed: NotNegative = 0,
) -> int:
    """Measure how continuous a representation is: `coreecho continuity runs/echonet --split test`.

    Whether studies lie in the order of their EF, what the embedding is made of (EF, or gain, depth, heart rate), and,
    on simulated hearts, how steadily it moves while the EF of one heart is moved; each with a 95 % interval. A table
    goes to the terminal; the same as JSON and CSV, and a picture, go into a folder.

    Parameters
    ----------
    run:
        Folder of a run that `coreecho train` wrote.
    split:
        Studies to measure on.
    clips:
        Clips of each study whose mean is its embedding.
    hearts:
        Simulated hearts whose EF is moved in steps; 0 for none.
    out:
        Folder for the result [default: RUN/explain/continuity-SPLIT].
    data:
        Root of the run's data set, where it has moved.
    batch_size:
        Clips at once.
    device:
        Where to compute: `cpu`, `gpu`, `cuda:1`, or `auto`: a GPU if there is one.
    seed:
        Of folds and resamples.
    """
    from coreecho.explain.continuity_studies import ContinuityProtocol
    from coreecho.explain.run_continuity import measure_continuity
    from coreecho.explain.terminal import show_continuity
    from coreecho.inference import find_device
    from coreecho.models.weights import load_model
    from coreecho.training.run_folder import RunFolder

    folder = RunFolder.open(run, data=data)
    model = load_model(run, device=find_device(device))
    measured = measure_continuity(
        folder,
        model,
        out or run / "explain" / f"continuity-{split}",
        protocol=ContinuityProtocol(split=split, clips=clips, hearts=hearts, seed=seed),
        batch_size=batch_size,
        show_progress=True,
    )
    show_continuity(measured)
    return 0

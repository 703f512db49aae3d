"""`coreecho embed`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]


def embed(
    run: Path,
    /,
    *,
    out: Path,
    split: Literal["train", "val", "test"] = "test",
    clips: AtLeastOne = 3,
    data: Path | None = None,
    batch_size: AtLeastOne = 8,
    device: str = "auto",
) -> int:
    """Write the embeddings of a run's recordings: `coreecho embed runs/echonet --split test --out test.npz`.

    With their ids, true EF and predicted EF. `.npz` is read by NumPy; `.parquet` by R, Julia, DuckDB and others, and
    needs pyarrow.

    Parameters
    ----------
    run:
        Folder of a run that `coreecho train` wrote.
    out:
        File to write: `.npz` or `.parquet`.
    split:
        Recordings to embed.
    clips:
        Clips of each recording whose mean is its embedding.
    data:
        Root of the run's data set, where it has moved.
    batch_size:
        Clips at once.
    device:
        Where to compute: `cpu`, `gpu`, `cuda:1`, or `auto`: a GPU if there is one.
    """
    from rich.console import Console

    from coreecho.inference import find_device
    from coreecho.models.weights import load_model
    from coreecho.representation.embedding_files import check_embeddings_path, save_embeddings
    from coreecho.representation.embeddings import embed_run
    from coreecho.training.run_folder import RunFolder

    check_embeddings_path(out)
    folder = RunFolder.open(run, data=data)
    model = load_model(run, device=find_device(device))
    embedded = embed_run(folder, model, split, clips=clips, batch_size=batch_size, show_progress=True)
    save_embeddings(out, embedded)
    count, width = embedded.embeddings.shape
    Console().print(f"{count} embeddings of {width} numbers: {out}\n{embedded.source}", markup=False, soft_wrap=True)
    return 0

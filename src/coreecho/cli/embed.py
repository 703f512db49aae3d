"""`coreecho embed`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]


def embed(
    model: Path,
    /,
    *,
    out: Path,
    split: Literal["train", "val", "test"] = "test",
    clips: AtLeastOne = 3,
    data: Path | None = None,
    dataset: str | None = None,
    store: Path | None = None,
    allow_overlap: Annotated[bool, Parameter(negative="")] = False,
    batch_size: AtLeastOne = 8,
    device: str = "auto",
) -> int:
    """Write the embeddings of a run's recordings: `coreecho embed runs/echonet --split test --out test.npz`.

    With their ids, true EF and predicted EF. `.npz` is read by NumPy; `.parquet` by R, Julia, DuckDB and others, and
    needs pyarrow.

    Parameters
    ----------
    model:
        Folder of a run that `coreecho train` wrote, or a `.safetensors` file with `--data`.
    out:
        File to write: `.npz` or `.parquet`.
    split:
        Recordings to embed.
    clips:
        Clips of each recording whose mean is its embedding.
    data:
        Root of another data set to embed, or of the run's own where it has moved.
    dataset:
        With `--data`: its layout, such as `table` [default: that of the training, or `echonet`].
    store:
        Folder for the decoded frames [default: beside the data].
    allow_overlap:
        Embed a test split with recordings that the model was trained on, too; the result then says so.
    batch_size:
        Clips at once.
    device:
        Where to compute: `cpu`, `gpu`, `cuda:1`, or `auto`: a GPU if there is one.
    """
    from rich.console import Console

    from coreecho.inference.subject import open_subject
    from coreecho.representation.embedding_files import check_embeddings_path, save_embeddings
    from coreecho.representation.embeddings import embed_run

    check_embeddings_path(out)
    embedded = embed_run(
        open_subject(model, data=data, dataset=dataset, store=store),
        None,
        split,
        clips=clips,
        batch_size=batch_size,
        device=device,
        allow_overlap=allow_overlap,
        show_progress=True,
    )
    save_embeddings(out, embedded)
    count, width = embedded.embeddings.shape
    Console().print(f"{count} embeddings of {width} numbers: {out}\n{embedded.source}", markup=False, soft_wrap=True)
    return 0

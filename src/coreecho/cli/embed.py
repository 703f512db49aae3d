"""`coreecho embed`."""

from pathlib import Path

from coreecho.cli.options import AtLeastOne, Computing, TestedData
from coreecho.datasets.recording import Asked


def embed(
    model: Path,
    /,
    *,
    out: Path,
    split: Asked = "test",
    clips: AtLeastOne = 3,
    start_index: Path | None = None,
    shown: TestedData | None = None,
    computing: Computing | None = None,
) -> int:
    """Write the embeddings of a run's recordings: `coreecho embed runs/echonet --split test --out test.npz`.

    With their ids, true EF and predicted EF. `.npz` is read by NumPy; `.parquet` by R, Julia, DuckDB and others, and
    needs pyarrow.

    Parameters
    ----------
    model:
        Folder of a run that `coreecho train` wrote, or with `--data` a `.safetensors` file or `default`, the model that
        ships.
    out:
        File to write: `.npz` or `.parquet`.
    split:
        Recordings to embed.
    clips:
        Clips of each recording whose mean is its embedding.
    start_index:
        File that says where each recording's clips start, instead of `--clips`: the authors' pickle, or JSON of
        `{"<name>.avi": [3, 10, 25]}`.
    shown:
        The data, where they are not the run's own.
    computing:
        How the model computes.
    """
    shown = shown or TestedData()
    computing = computing or Computing()
    from rich.console import Console

    from coreecho.outputs import ARRAYS, Output, check_outputs
    from coreecho.report.shipped_model import say_default
    from coreecho.representation.embedding_files import check_embeddings_path, save_embeddings
    from coreecho.representation.embeddings import embed_run

    check_embeddings_path(out)
    check_outputs(Output("--out", out, ARRAYS), inputs=[model])
    say_default(model)
    embedded = embed_run(
        shown.subject(model),
        None,
        split,
        clips=clips,
        start_index=start_index,
        batch_size=computing.batch_size,
        device=computing.device,
        allow_overlap=shown.allow_overlap,
        show_progress=True,
    )
    save_embeddings(out, embedded)
    count, width = embedded.embeddings.shape
    Console().print(f"{count} embeddings of {width} numbers: {out}\n{embedded.source}", markup=False, soft_wrap=True)
    return 0

"""Embeddings on disk: NumPy's `.npz`, and `.parquet` for other languages."""

import importlib
import importlib.util
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coreecho.archives import read_arrays
from coreecho.documents import document_text, parse_document
from coreecho.errors import CoReEchoError, DatasetError, RecipeError
from coreecho.files import write_whole
from coreecho.representation.embedding_set import EmbeddingSet
from coreecho.tasks import build_task

_METADATA = "coreecho"
_NUMBERS = ("embeddings", "ef_percent", "ef_predicted", "true", "predicted")
_ARRAYS = ("ids", *_NUMBERS, "metadata")


def save_embeddings(path: Path, embedded: EmbeddingSet) -> None:
    """Write embeddings as `.npz` (NumPy) or `.parquet` (a table for R, Julia, DuckDB and others), by the suffix.

    An NPZ holds `ids`, `embeddings`, `ef_percent`, `ef_predicted`, `true` and `predicted` (of the model's task, which
    the metadata name) and `metadata` (JSON). A Parquet has the columns `recording`, `ef_percent`, `ef_predicted`, those
    of the task where they are others, and `embedding` (lists of D), and the metadata under the key `coreecho`.

    Raises:
        CoReEchoError: another suffix, pyarrow is not installed, or the file cannot be written.
    """
    check_embeddings_path(path)
    content = _npz(embedded) if path.suffix == ".npz" else _parquet(embedded)
    try:
        write_whole(path, content)
    except OSError as error:
        raise CoReEchoError(f"{path} cannot be written: {error.strerror or error}.") from error


def check_embeddings_path(path: Path) -> None:
    """Refuse a file that embeddings could not be written to, before the hours of computing them.

    Raises:
        CoReEchoError: another suffix than `.npz` and `.parquet`, no such folder, or pyarrow is needed and missing.
    """
    if path.suffix not in (".npz", ".parquet"):
        raise CoReEchoError(f"{path}: embeddings are written as .npz or .parquet; give one of these suffixes.")
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise CoReEchoError("Parquet files need pyarrow: `pip install coreecho[parquet]`; or write an .npz file.")
    if not path.absolute().parent.is_dir():
        raise CoReEchoError(f"The folder of {path} does not exist: make it first, or give another file.")


@dataclass(frozen=True, kw_only=True)
class _Metadata:
    """What a file of embeddings says beside its numbers."""

    source: str
    is_phantom: bool
    fingerprint: str
    task: Mapping[str, Any]


def _metadata(embedded: EmbeddingSet) -> str:
    return document_text(
        _Metadata(
            source=embedded.source,
            is_phantom=embedded.is_phantom,
            fingerprint=embedded.fingerprint,
            task=embedded.task.to_mapping(),
        )
    )


def arrays_of(embedded: EmbeddingSet) -> dict[str, Any]:
    """What an NPZ holds of embeddings."""
    return {
        "ids": np.array(embedded.ids),
        "embeddings": embedded.embeddings,
        "ef_percent": embedded.ef_percent,
        "ef_predicted": embedded.ef_predicted,
        "true": embedded.true,
        "predicted": embedded.predicted,
        "metadata": np.array(_metadata(embedded)),
    }


def _npz(embedded: EmbeddingSet) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays_of(embedded))
    return buffer.getvalue()


def _parquet(embedded: EmbeddingSet) -> bytes:
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    width = embedded.embeddings.shape[1]
    task = embedded.task
    columns = {
        "recording": arrow.array(embedded.ids),
        "ef_percent": arrow.array(embedded.ef_percent),
        "ef_predicted": arrow.array(embedded.ef_predicted),
    }
    # An EF has its columns already.
    if task.predicted_column not in columns:
        columns[task.true_column] = arrow.array(embedded.true)
        columns[task.predicted_column] = arrow.array(embedded.predicted)
    columns |= {
        "embedding": arrow.FixedSizeListArray.from_arrays(arrow.array(embedded.embeddings.ravel()), width),
    }
    table = arrow.table(columns).replace_schema_metadata({_METADATA: _metadata(embedded)})
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def load_embeddings(path: Path) -> EmbeddingSet:
    """Read an `.npz` file that `save_embeddings` wrote.

    Raises:
        DatasetError: no such file, damaged, or something else.
    """
    try:
        arrays = read_arrays(path, _ARRAYS)
        if wrong := [name for name in _NUMBERS if arrays[name].dtype.kind != "f"]:
            raise ValueError(f"its {', '.join(wrong)} should be numbers with a fraction")
        metadata = parse_document(str(arrays.pop("metadata")), _Metadata, kind="head of embeddings", error=DatasetError)
        return EmbeddingSet(
            ids=tuple(arrays.pop("ids").tolist()),
            source=metadata.source,
            is_phantom=metadata.is_phantom,
            fingerprint=metadata.fingerprint,
            task=build_task(metadata.task),
            **arrays,
        )
    except (OSError, ValueError, TypeError, DatasetError, RecipeError) as error:
        raise DatasetError(f"{path} holds no embeddings that `coreecho embed` wrote ({error}).") from error

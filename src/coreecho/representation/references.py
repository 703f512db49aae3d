"""Hearts that a model has embedded beforehand, and that travel with it: what a clip is compared with where no data are.

Simulated ones, since they may be given to anyone: their embeddings and EF, and a frame of each to look at.
"""

import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.archives import read_arrays
from coreecho.datasets import Split
from coreecho.errors import CheckpointError, DatasetError
from coreecho.files import write_whole
from coreecho.inference.subject import Subject
from coreecho.models.weights import hash_weights
from coreecho.representation.embedding_files import arrays_of, load_embeddings
from coreecho.representation.embedding_set import EmbeddingSet
from coreecho.representation.embeddings import embed_run
from coreecho.shipped import DEFAULT, default_references
from coreecho.video import resize_frames
from coreecho.video.lit_sector import thumbnail_of

_SPREAD_OVER = (0.0, 100.0)
# Pixels a side: enough to know a heart by, and 256 of them are less than a megabyte.
_LARGEST_THUMBNAIL = 64


@dataclass(frozen=True, eq=False, kw_only=True)
class References:
    """Hearts that a model has embedded.

    Attributes:
        embedded: N of them.
        thumbnails: (N, S, S) uint8, the first frame of each, black outside its sector.
        weights_sha256: of the weights that embedded them; those of others lie elsewhere.
    """

    embedded: EmbeddingSet
    thumbnails: NDArray[np.uint8]
    weights_sha256: str

    def thumbnail(self, recording_id: str) -> NDArray[np.uint8]:
        """(S, S), of one of them. Raises ValueError: it is not among them."""
        return np.asarray(self.thumbnails[self.embedded.ids.index(recording_id)])


def make_references(
    subject: Subject, split: Split, *, count: int, clips: int = 3, show_progress: bool = False
) -> References:
    """Embed some recordings of a split, spread evenly over the EF from 0 to 100, so that every range has its likes.

    Args:
        subject: the model, and simulated hearts that it has not learned from.
        split: of the hearts.
        count: how many are kept; all where there are fewer.
        clips: evenly placed clips of each.
        show_progress: show bars.

    Raises:
        DatasetError: the split is empty, the model was trained on some of it, or the hearts are patients'.
    """
    if not subject.is_phantom:
        raise DatasetError(f"{subject.data.root}: pictures of patients do not travel with a model; give phantoms.")
    embedded = embed_run(subject, None, split, clips=clips, show_progress=show_progress)
    kept = _spread(embedded.ef_percent, count)
    ids = tuple(embedded.ids[place] for place in kept)
    store = subject.store()
    return References(
        embedded=replace(
            embedded,
            ids=ids,
            embeddings=embedded.embeddings[kept],
            ef_percent=embedded.ef_percent[kept],
            ef_predicted=embedded.ef_predicted[kept],
            true=embedded.true[kept],
            predicted=embedded.predicted[kept],
        ),
        thumbnails=np.stack([_small(thumbnail_of(store.frames(name), name)) for name in ids]),
        weights_sha256=subject.weights_sha256,
    )


def save_references(path: Path, references: References) -> None:
    """Write an `.npz`: what `save_embeddings` writes, and `thumbnails` and `weights_sha256`. Raises OSError."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        **arrays_of(references.embedded),
        thumbnails=references.thumbnails,
        weights_sha256=np.array(references.weights_sha256),
    )
    write_whole(path, buffer.getvalue())


def load_references(path: Path) -> References:
    """Read what `save_references` wrote.

    Raises:
        DatasetError: no such file, damaged, or something else.
    """
    embedded = load_embeddings(path)
    try:
        arrays = read_arrays(path, ["thumbnails", "weights_sha256"])
        thumbnails, sha256 = arrays["thumbnails"], str(arrays["weights_sha256"])
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} holds no reference hearts ({error}).") from error
    if thumbnails.ndim != 3 or len(thumbnails) != len(embedded) or thumbnails.dtype != np.uint8:
        raise DatasetError(f"{path}: expected a thumbnail of each of {len(embedded)} hearts, got {thumbnails.shape}.")
    return References(embedded=embedded, thumbnails=thumbnails, weights_sha256=sha256)


def load_default_references() -> References:
    """The reference hearts of the model that ships.

    Raises:
        CheckpointError: this build has none, or they are those of other weights.
        DatasetError: the file is damaged.
    """
    references = load_references(default_references())
    if references.weights_sha256 != hash_weights(DEFAULT):
        raise CheckpointError(
            f"{default_references()}: the reference hearts were embedded by other weights than those that ship. "
            "Install coreecho again; in a clone, `make default-models` makes both."
        )
    return references


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(S, S), no larger than travels well."""
    size = min(len(picture), _LARGEST_THUMBNAIL)
    return np.asarray(resize_frames(picture[None], size)[0])


def _spread(ef_percent: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Places of `count` hearts, in their order, whose EF lie as evenly over all EFs as there are hearts."""
    left = np.flatnonzero(np.isfinite(ef_percent)).tolist()
    if len(left) <= count:
        return np.array(left, dtype=np.int64)
    chosen = []
    for wanted in np.linspace(*_SPREAD_OVER, count):
        nearest = min(left, key=lambda place: abs(float(ef_percent[place]) - wanted))
        chosen.append(nearest)
        left.remove(nearest)
    return np.array(sorted(chosen), dtype=np.int64)

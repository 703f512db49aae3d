"""Hearts that travel with a model."""

from pathlib import Path

import numpy as np
import pytest

from coreecho.errors import CheckpointError, DatasetError
from coreecho.inference.opening import open_subject
from coreecho.representation.references import (
    load_default_references,
    load_references,
    make_references,
    save_references,
)
from coreecho.training.run_folder import RunFolder


def test_they_are_read_back_as_they_were_made(run: RunFolder, tmp_path: Path) -> None:
    made = make_references(open_subject(run), "train", count=4)
    save_references(tmp_path / "references.npz", made)
    found = load_references(tmp_path / "references.npz")
    assert found.embedded.ids == made.embedded.ids
    assert len(set(found.embedded.ids)) == 4
    np.testing.assert_array_equal(found.embedded.embeddings, made.embedded.embeddings)
    np.testing.assert_array_equal(found.embedded.true, made.embedded.ef_percent)
    assert found.weights_sha256 == open_subject(run).weights_sha256
    first = found.embedded.ids[0]
    frames = run.store().frames(first)
    thumbnail = found.thumbnail(first)
    assert thumbnail.any()
    assert np.all((thumbnail == frames[0]) | (thumbnail == 0))


def test_they_are_spread_over_the_ef(run: RunFolder) -> None:
    subject = open_subject(run)
    everyone = make_references(subject, "train", count=100).embedded.ef_percent
    few = make_references(subject, "train", count=3).embedded.ef_percent
    assert len(few) == 3
    assert {few.min(), few.max()} == {everyone.min(), everyone.max()}


def test_those_of_other_weights_are_refused(shipped: Path) -> None:
    assert len(load_default_references().embedded) == 8
    weights = shipped / "default-ef.safetensors"
    # The same numbers, other bytes.
    content = weights.read_bytes()
    weights.write_bytes(content.replace(b"a test", b"b test"))
    with pytest.raises(CheckpointError, match=r"embedded by other weights.*make default-models"):
        load_default_references()


def test_a_build_without_them_and_a_damaged_file_are_told(shipped: Path, tmp_path: Path) -> None:
    file = shipped / "default-ef.references.npz"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"references\.npz holds no"):
        load_default_references()
    file.unlink()
    with pytest.raises(CheckpointError, match=r"ships no default-ef\.references\.npz"):
        load_default_references()

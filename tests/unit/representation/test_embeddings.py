import importlib.util
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coreecho.datasets import load_echonet_dynamic
from coreecho.errors import CoReEchoError, DatasetError, RecipeError
from coreecho.inference.engine import predict_video
from coreecho.models.echo_model import EchoModel
from coreecho.models.weights import load_model
from coreecho.representation.embedding_files import arrays_of, load_embeddings, save_embeddings
from coreecho.representation.embeddings import EmbeddingSet, embed_recordings, embed_run
from coreecho.training.run_folder import RunFolder
from coreecho.video import even_starts
from coreecho.video.store import FrameStore


@pytest.fixture
def few() -> EmbeddingSet:
    rng = np.random.default_rng(0)
    return EmbeddingSet(
        ids=("0XA", "0XB", "ü"),
        embeddings=rng.standard_normal((3, 4)).astype(np.float32),
        ef_percent=np.array([30.0, np.nan, 61.5]),
        ef_predicted=np.array([33.0, 44.0, 58.0]),
        source="TEST split of echonet",
        is_phantom=True,
        fingerprint="abc",
    )


def assert_same(one: EmbeddingSet, other: EmbeddingSet) -> None:
    assert one.ids == other.ids
    np.testing.assert_array_equal(one.embeddings, other.embeddings)
    np.testing.assert_array_equal(one.ef_percent, other.ef_percent)
    np.testing.assert_array_equal(one.ef_predicted, other.ef_predicted)
    assert (one.source, one.is_phantom, one.fingerprint) == (other.source, other.is_phantom, other.fingerprint)


def test_npz_reads_back(few: EmbeddingSet, tmp_path: Path) -> None:
    save_embeddings(tmp_path / "a.npz", few)
    assert_same(load_embeddings(tmp_path / "a.npz"), few)


def test_parquet_reads_back(few: EmbeddingSet, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    save_embeddings(tmp_path / "a.parquet", few)
    table = pd.read_parquet(tmp_path / "a.parquet")
    assert list(table.columns) == ["recording", "ef_percent", "ef_predicted", "embedding"]
    assert table["recording"].tolist() == list(few.ids)
    np.testing.assert_array_equal(np.stack(table["embedding"].to_list()), few.embeddings)
    np.testing.assert_array_equal(table["ef_percent"], few.ef_percent)
    metadata = parquet.read_schema(tmp_path / "a.parquet").metadata
    assert b'"is_phantom": true' in metadata[b"coreecho"]


def test_parquet_without_pyarrow_says_what_to_install(
    few: EmbeddingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(CoReEchoError, match=r"pip install coreecho\[parquet\]"):
        save_embeddings(tmp_path / "a.parquet", few)
    with pytest.raises(CoReEchoError, match=r"written as \.npz or \.parquet"):
        save_embeddings(tmp_path / "a.csv", few)
    with pytest.raises(CoReEchoError, match=r"The folder of .* does not exist"):
        save_embeddings(tmp_path / "absent" / "a.npz", few)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", [b"", b"not a zip", None])
def test_other_files_are_refused(few: EmbeddingSet, tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "a.npz"
    save_embeddings(path, few)
    path.write_bytes(path.read_bytes()[:-200] if damage is None else damage)
    with pytest.raises(DatasetError, match=r"a\.npz holds no embeddings"):
        load_embeddings(path)


def test_texts_in_place_of_numbers_are_refused(few: EmbeddingSet, tmp_path: Path) -> None:
    arrays = arrays_of(few)
    np.savez(tmp_path / "a.npz", **(arrays | {"ef_percent": arrays["ef_percent"].astype(str)}))
    with pytest.raises(DatasetError, match="its ef_percent should be numbers"):
        load_embeddings(tmp_path / "a.npz")


def test_parts_must_fit(few: EmbeddingSet) -> None:
    with pytest.raises(ValueError, match="do not fit together"):
        replace(few, ids=("a",))


def test_a_recording_is_the_mean_of_its_clips(model: EchoModel, truth_root: Path, tmp_path: Path) -> None:
    recordings = load_echonet_dynamic(truth_root)[:3]
    store = FrameStore.build(
        tmp_path, {recording.id: recording.path for recording in recordings}, frame_size=56, workers=1
    )
    embedded = embed_recordings(model, store, recordings, source="three", is_phantom=True, clips=2)
    frames = store.frames(recordings[1].id)
    expected = predict_video(model, frames, even_starts(len(frames), model.model_input, 2))
    np.testing.assert_allclose(embedded.embeddings[1], expected.embeddings.mean(axis=0), rtol=1e-6)
    assert embedded.ef_predicted[1] == expected.value
    assert embedded.ef_percent.tolist() == [recording.ef_percent for recording in recordings]
    with pytest.raises(DatasetError, match="There is no recording to embed: none is empty"):
        embed_recordings(model, store, [], source="none", is_phantom=True)
    with pytest.raises(RecipeError, match="clips: expected at least 1, got 0"):
        embed_recordings(model, store, recordings, source="three", is_phantom=True, clips=0)


def test_a_logit_is_no_ef(mi_model: EchoModel, truth_root: Path, tmp_path: Path) -> None:
    recording = load_echonet_dynamic(truth_root)[0]
    store = FrameStore.build(tmp_path, {recording.id: recording.path}, frame_size=56, workers=1)
    embedded = embed_recordings(
        mi_model, store, [replace(recording, has_mi=True)], source="one", is_phantom=True, clips=1
    )
    assert np.isnan(embedded.ef_predicted).all()
    assert embedded.ef_percent.tolist() == [recording.ef_percent]
    assert embedded.true.tolist() == [1.0]
    logit = predict_video(mi_model, store.frames(recording.id), even_starts(26, mi_model.model_input, 1)).value
    assert embedded.predicted == pytest.approx([1 / (1 + np.exp(-logit))])
    save_embeddings(tmp_path / "mi.npz", embedded)
    restored = load_embeddings(tmp_path / "mi.npz")
    assert (restored.task.name, restored.true.tolist()) == ("mi", [1.0])
    assert np.isfinite(embedded.embeddings).all()


def test_a_run_is_embedded_once(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(run.path)
    first = embed_run(run, model, "train", clips=1)
    assert first.is_phantom
    assert "simulated hearts" in first.source
    assert first.ids == tuple(recording.id for recording in run.recordings("train"))
    monkeypatch.setattr(EchoModel, "forward", _refuse)
    assert_same(embed_run(run, model, "train", clips=1), first)


def test_starts_of_a_file_are_those_that_are_embedded(run: RunFolder, tmp_path: Path) -> None:
    """Clips that start where evenly placed ones do are these; others are others, and said to be."""
    store, ids = run.store(), [recording.id for recording in run.recordings("test")]
    even = {name: even_starts(store.num_frames(name), run.recipe.input, 2) for name in ids}
    first = embed_run(run, None, "test", clips=2)
    (tmp_path / "even.json").write_text(json.dumps(even))
    same = embed_run(run, None, "test", start_index=tmp_path / "even.json")
    assert np.array_equal(same.embeddings, first.embeddings)
    assert same.source == f"{first.source}, starts from even.json"
    (tmp_path / "zero.json").write_text(json.dumps({name: [0] for name in ids}))
    other = embed_run(run, None, "test", start_index=tmp_path / "zero.json")
    assert not np.array_equal(other.embeddings, first.embeddings)
    assert len({each.fingerprint for each in (first, same, other)}) == 3
    (tmp_path / "few.json").write_text(json.dumps({ids[0]: [0]}))
    with pytest.raises(DatasetError, match=rf"The start index lacks {len(ids) - 1} of {len(ids)} recordings"):
        embed_run(run, None, "test", start_index=tmp_path / "few.json")


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError("embedded again")


def test_other_weights_or_a_damaged_copy_are_embedded_anew(
    run: RunFolder, retrained: Callable[[RunFolder], None]
) -> None:
    first = embed_run(run, load_model(run.path), "test", clips=1)
    (part,) = (run.path / "results").glob("*/part-*.npz")
    part.write_bytes(part.read_bytes()[:100])
    assert_same(embed_run(run, load_model(run.path), "test", clips=1), first)
    retrained(run)
    second = embed_run(run, load_model(run.path), "test", clips=1)
    assert second.fingerprint != first.fingerprint
    assert not np.array_equal(second.embeddings, first.embeddings)


def test_other_videos_are_embedded_anew(run: RunFolder, tmp_path: Path, truth_root: Path) -> None:
    """Phantoms made anew by another version have the same names and labels."""
    first = embed_run(run, load_model(run.path), "test", clips=1)
    root = shutil.copytree(truth_root, tmp_path / "copy")
    moved = RunFolder.open(run.path, data=root)
    assert embed_run(moved, load_model(run.path), "test", clips=1).fingerprint == first.fingerprint
    recording = moved.recordings("test")[0]
    shutil.copy(moved.recordings("train")[0].path, recording.path)
    # Of a run that was opened before the change, the store is open, too.
    moved = RunFolder.open(run.path, data=root)
    second = embed_run(moved, load_model(run.path), "test", clips=1, allow_overlap=True)
    assert not np.array_equal(second.embeddings[0], first.embeddings[0])

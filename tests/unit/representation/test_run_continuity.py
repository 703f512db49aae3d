import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import coreecho
from coreecho.errors import CoReEchoError, DatasetError, RecipeError
from coreecho.models.weights import load_model
from coreecho.report.continuity_drawing import draw_continuity
from coreecho.representation import run_continuity
from coreecho.representation.continuity_figures import ContinuityFigure
from coreecho.representation.continuity_recordings import ContinuityProtocol
from coreecho.representation.nuisances import picture_nuisances
from coreecho.representation.phantom_truth import NUISANCES
from coreecho.representation.run_continuity import Continuity, measure_continuity
from coreecho.training.run_folder import RunFolder

ORDER = ["rank_correlation", "knn_error", "rnc_loss", "rnc_gain"]
PATH = ["path_order", "path_straightness", "path_step_variation", "path_ef_slope"]


@pytest.fixture
def on_everything(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """The twelve phantoms as one split, since a split of them is too small to compare."""
    monkeypatch.setattr(RunFolder, "recordings", lambda self, _split: self.all_recordings)
    return trained_on_nothing(run)


def trained_on_nothing(run: RunFolder) -> RunFolder:
    """A run whose training met none of the recordings, so that all may be asked about."""
    run.info["split_ids"] = {split: {} for split in ("train", "val", "test")}
    run.write_info()
    return run


def test_phantoms(on_everything: RunFolder, tmp_path: Path, assert_png: Callable[[Path], None]) -> None:
    out = tmp_path / "out"
    protocol = ContinuityProtocol(clips=1, hearts=1)
    measured = measure_continuity(on_everything, load_model(on_everything.path), out, protocol=protocol)
    shares = ["EF", *NUISANCES, "all nuisances", "EF beyond nuisances"]
    keys = [*ORDER, *(f"share_of_{name.replace(' ', '_')}" for name in shares), *PATH]
    assert [figure.key for figure in measured.figures] == keys
    document = json.loads((out / "continuity.json").read_text())
    assert document["is_phantom"] is True
    assert document["num_recordings"] == 12
    assert [figure["measure"] for figure in document["figures"]] == keys
    assert all(figure["meaning"] for figure in document["figures"])
    table = pd.read_csv(out / "continuity.csv")
    assert table["measure"].tolist() == keys
    assert -1 <= table.set_index("measure").loc["rank_correlation", "estimate"] <= 1
    paths = pd.read_csv(out / "paths.csv")
    assert len(paths) == 12
    np.testing.assert_allclose(paths["ef_true"], np.arange(20, 76, 5), atol=2)
    # What is kept is what was found, to the last bit.
    kept = measure_continuity(on_everything, load_model(on_everything.path), out, protocol=protocol)
    pd.testing.assert_frame_equal(kept.paths.reset_index(drop=True), measured.paths.reset_index(drop=True), rtol=0)
    for name, found in (("first", measured), ("kept", kept)):
        draw_continuity(tmp_path / f"{name}.png", found)
    assert_png(tmp_path / "first.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "kept.png").read_bytes()
    # Of few recordings there are no shares, and no axes for them; without paths these say so.
    few = replace(kept, figures=tuple(figure for figure in kept.figures if figure.group != "variance"))
    draw_continuity(tmp_path / "paths.png", few)
    draw_continuity(tmp_path / "nothing.png", replace(few, paths=few.paths[:0]))
    heights = {name: Image.open(tmp_path / f"{name}.png").height for name in ("first", "paths", "nothing")}
    assert heights["nothing"] < heights["paths"] < heights["first"] - heights["nothing"] / 2


@pytest.fixture
def count_work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows by one each time that the figures are really computed."""
    work: list[str] = []
    original = run_continuity.order_figures

    def noted(*arguments: object, **options: object) -> list[ContinuityFigure]:
        work.append("order")
        return original(*arguments, **options)

    monkeypatch.setattr(run_continuity, "order_figures", noted)
    return work


def test_a_second_call_reads_what_the_first_left(
    on_everything: RunFolder, tmp_path: Path, count_work: list[str], retrained: Callable[[RunFolder], None]
) -> None:
    out, protocol = tmp_path / "out", ContinuityProtocol(clips=1, hearts=0)

    def measure(protocol: ContinuityProtocol = protocol) -> Continuity:
        return measure_continuity(on_everything, load_model(on_everything.path), out, protocol=protocol)

    first, again = measure(), measure()
    assert len(count_work) == 1
    assert again.to_frame().equals(first.to_frame())
    assert [str(figure) for figure in again.figures] == [str(figure) for figure in first.figures]
    assert (again.notes, again.source, again.num_recordings) == (first.notes, first.source, first.num_recordings)
    retrained(on_everything)
    other = measure()
    assert len(count_work) == 2
    assert other.figures[0].interval.estimate != first.figures[0].interval.estimate
    measure(replace(protocol, seed=1))
    assert len(count_work) == 3
    # What a file of starts says counts, and not what it is called.
    index = tmp_path / "starts.json"
    for start, times in ((0, 4), (1, 5), (1, 5)):
        index.write_text(json.dumps({recording.id: [start] for recording in on_everything.recordings("test")}))
        assert measure(replace(protocol, start_index=index)).source.endswith(", starts from starts.json")
        assert len(count_work) == times


@pytest.mark.parametrize("damaged", ["continuity.csv", "continuity.json"])
def test_what_is_damaged_or_of_another_version_is_made_anew(
    on_everything: RunFolder, tmp_path: Path, count_work: list[str], monkeypatch: pytest.MonkeyPatch, damaged: str
) -> None:
    model, protocol = load_model(on_everything.path), ContinuityProtocol(clips=1, hearts=0)
    measure_continuity(on_everything, model, tmp_path, protocol=protocol)
    whole = (tmp_path / damaged).read_bytes()
    (tmp_path / damaged).write_bytes(whole[: len(whole) // 2])
    measure_continuity(on_everything, model, tmp_path, protocol=protocol)
    assert len(count_work) == 2
    assert (tmp_path / damaged).read_bytes() == whole
    monkeypatch.setattr(coreecho, "__version__", "another")
    measure_continuity(on_everything, model, tmp_path, protocol=protocol)
    assert len(count_work) == 3


def test_real_data_have_no_paths_and_nuisances_of_the_picture(on_everything: RunFolder, tmp_path: Path) -> None:
    on_everything.data = replace(on_everything.data, is_phantom=False)
    measured = measure_continuity(
        on_everything, load_model(on_everything.path), tmp_path / "out", protocol=ContinuityProtocol(clips=1)
    )
    groups = {
        group: [figure.label for figure in measured.figures if figure.group == group] for group in ("variance", "path")
    }
    assert groups["path"] == []
    assert groups["variance"] == [
        "EF", "mean grey", "contrast", "number of frames", "frame rate", "all nuisances", "EF beyond nuisances",
    ]  # fmt: skip
    assert "result on real hearts" in (tmp_path / "out" / "continuity.json").read_text()
    assert not (tmp_path / "out" / "paths.csv").exists()


def test_phantoms_of_another_generator_are_told(on_everything: RunFolder, tmp_path: Path) -> None:
    on_everything.data = replace(on_everything.data, root=tmp_path)
    # The list of recordings was read before the data moved away.
    measured = measure_continuity(
        on_everything, load_model(on_everything.path), tmp_path / "out", protocol=ContinuityProtocol(clips=1)
    )
    assert "nuisances are measured in the pictures, and there are no paths" in measured.notes[0]


def test_too_few_recordings(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="needs at least 3 of them, got"):
        measure_continuity(run, load_model(run.path), tmp_path, protocol=ContinuityProtocol(clips=1))
    with pytest.raises(RecipeError, match="at least 1 clip and 0 hearts, got 1 and -1"):
        ContinuityProtocol(clips=1, hearts=-1)


def test_a_folder_that_cannot_be_made(on_everything: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    protocol = ContinuityProtocol(clips=1, hearts=0)
    with pytest.raises(CoReEchoError, match="Give another `--out`"):
        measure_continuity(on_everything, load_model(on_everything.path), tmp_path / "taken", protocol=protocol)


def test_nuisances_of_the_picture(run: RunFolder) -> None:
    store, ids = run.store(), [recording.id for recording in run.recordings("train")]
    found = picture_nuisances(store, ids)
    assert list(found) == ["mean grey", "contrast", "number of frames", "frame rate"]
    assert found["number of frames"].tolist() == [26] * len(ids)
    np.testing.assert_allclose(found["mean grey"][0], store.frames(ids[0]).mean(), rtol=0.02)
    np.testing.assert_allclose(found["contrast"][0], store.frames(ids[0]).std(), rtol=0.02)
    assert found["frame rate"][0] == store.fps(ids[0])

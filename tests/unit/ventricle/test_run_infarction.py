import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coreecho.datasets import LAYOUTS, load_recordings
from coreecho.errors import DatasetError
from coreecho.phantom import write_hmc_qu_phantoms
from coreecho.training import RunFolder
from coreecho.ventricle.infarction_classifiers import Rule
from coreecho.ventricle.run_infarction import measure_infarctions, overlap_of


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hmc-qu") / "hearts"
    write_hmc_qu_phantoms(out, recordings=14, seed=4, two_views=True, workers=1)
    return out


def test_walls_are_cut_as_the_clips_are(root: Path) -> None:
    recordings = load_recordings("hmc-qu", root, end_frame="exclusive")
    traces = LAYOUTS.get("hmc-qu").outlines(root)
    assert all(traces.knows(recording) for recording in recordings)
    first, last = recordings[0].beat or (0, 0)
    count = last - first + 1
    walls = traces.masks(recordings[0], range(count), count, 112)
    assert walls.shape == (count, 1, 112, 112)
    # A ring about a cavity: some of the picture, and not in its corners.
    assert 0.02 < walls.mean() < 0.4
    assert not walls[:, :, :5, :5].any()
    with pytest.raises(DatasetError, match=r"masks, and the cycle has 999 frames"):
        traces.masks(recordings[0], range(3), 999, 112)


@pytest.mark.parametrize("rule", ["nguyen", "degerli"])
def test_infarcts_are_told_from_the_masks_of_the_data(rule: Rule, root: Path, tmp_path: Path) -> None:
    measured = measure_infarctions(root, tmp_path / "out", rule=rule, classifier="tree", resamples=50, overlaps=["met"])
    features = pd.read_csv(tmp_path / "out" / "features.csv")
    assert len(features) == len(load_recordings("hmc-qu", root))
    columns = [f"A4C_segment_{segment}_of_1" for segment in (1, 2, 3, 7, 6, 5)]
    known = features.dropna(subset=columns)
    assert len(known) + len(measured.without_features) == len(features)
    # Hearts that have lost segments move less.
    means = known.groupby("has_mi")[columns].mean().mean(axis=1)
    assert means[True] < means[False]
    document = json.loads((tmp_path / "out" / "infarction.json").read_text())
    assert document["is_phantom"]
    assert document["walls"] == "masks of the data set"
    assert document["overlap"] == ["met"]
    right = (measured.diagnoses.diagnosis == measured.diagnoses.has_mi).groupby(measured.diagnoses.fold).mean().mean()
    assert measured.metrics.intervals["accuracy"].estimate == pytest.approx(right)
    assert np.isfinite(measured.diagnoses.margin).all()


def test_two_views_are_of_the_same_hearts_and_any_of_them_may_show_the_infarct(root: Path, tmp_path: Path) -> None:
    views = {view: load_recordings("hmc-qu", root, view=view) for view in ("A4C", "A2C")}
    ids = {view: {recording.patient for recording in recordings} for view, recordings in views.items()}
    assert ids["A4C"] == ids["A2C"]
    has_mi = {
        view: {recording.patient: recording.has_mi for recording in recordings} for view, recordings in views.items()
    }
    # The circumflex artery supplies nothing of A2C, and the anterior descending one some of both.
    both = [(has_mi["A4C"][patient], has_mi["A2C"][patient]) for patient in sorted(map(str, ids["A4C"]))]
    assert (True, True) in both
    assert (True, False) in both
    measured = measure_infarctions(root, tmp_path / "out", views=("A4C", "A2C"), classifier="tree", resamples=20)
    assert measured.features.has_mi.sum() == sum(map(any, both))
    assert sum("_segment_" in str(name) for name in measured.features) == 12


def test_a_segmenter_that_learned_from_the_tested_recordings_is_told(
    run_of_every_recipe: Mapping[str, RunFolder],
) -> None:
    run = run_of_every_recipe["hmc-qu-fine-tune"]
    trained = len(run.recordings("train"))
    given = {"dataset": "hmc-qu", "views": ["A4C"]}
    tested = len(load_recordings("hmc-qu", run.data.root))
    said = overlap_of(run.path, run.data.root, **given)  # type: ignore[arg-type]
    assert f"learned from {trained} of the {tested} recordings that are tested here: these figures are flat" in said
    # What does not know what it learned from.
    assert overlap_of(Path("default"), run.data.root, **given) == ""  # type: ignore[arg-type]
    assert overlap_of(run.best_weights, run.data.root, **given) == ""  # type: ignore[arg-type]

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coreecho.datasets import load_echonet_dynamic
from coreecho.errors import DatasetError
from coreecho.phantom.cohort import draw_facts, draw_splits, recording_generator
from coreecho.phantom.motion import simulate_motion
from coreecho.representation.ef_paths import PATH_EF_PERCENT
from coreecho.representation.phantom_truth import NUISANCES, PhantomCohort
from coreecho.video import read_video


def test_nuisances_are_those_that_were_written(truth_root: Path) -> None:
    recordings = load_echonet_dynamic(truth_root)
    ids = [recording.id for recording in recordings]
    found = PhantomCohort(truth_root).nuisances(ids)
    assert list(found) == list(NUISANCES)
    written = pd.read_csv(truth_root / "latents.csv").set_index("stem").loc[ids]
    for name, keys in NUISANCES.items():
        np.testing.assert_allclose(found[name], written[list(keys)].to_numpy(), rtol=1e-4)
    np.testing.assert_allclose(found["heart size"][:, 0], [recording.edv_ml for recording in recordings], rtol=0.1)


def test_a_path_is_one_heart_at_growing_ef(truth_root: Path) -> None:
    cohort, recording = PhantomCohort(truth_root), load_echonet_dynamic(truth_root)[0]
    path = list(cohort.ef_path(recording.id, [20, 40, 60]))
    assert [ef_percent for ef_percent, _ in path] == pytest.approx([20, 40, 60], abs=1.5)
    frames = [frames for _, frames in path]
    assert all(video.shape == (26, 112, 112) for video in frames)
    # Same sector, near field and gain; what differs is the movement.
    first, last = (video.astype(float).mean(axis=0) for video in (frames[0], frames[2]))
    assert np.corrcoef(first.ravel(), last.ravel())[0, 1] > 0.8
    moved = [np.abs(np.diff(video.astype(float), axis=0)).mean() for video in frames]
    assert moved[0] < moved[1] < moved[2]


def test_an_infarcted_heart_covers_the_whole_range(truth_root: Path, tmp_path: Path) -> None:
    """Part of its wall stands still in its own video, and 75 % is then out of reach; on the path all of it moves."""
    card = json.loads((truth_root / "phantom.json").read_text())
    (tmp_path / "phantom.json").write_text(json.dumps(card | {"recordings": 400}))
    cohort = PhantomCohort(tmp_path)
    ids = [
        draw_facts(cohort.settings, cohort.seed, index, split).stem for index, split in enumerate(draw_splits(400, 5))
    ]
    infarcted = next(
        recording for recording in ids if cohort.plan(recording).anatomy.wall_motion.kind in ("akinetic", "dyskinetic")
    )
    plan = cohort.plan(infarcted)
    facts = replace(plan.facts, ef_percent=75.0)
    unmoved = simulate_motion(facts, plan.anatomy, recording_generator(5, facts.index, 200), is_steady=True)
    assert unmoved.ef_percent < 73
    path = list(cohort.ef_path(infarcted, PATH_EF_PERCENT))
    np.testing.assert_allclose([ef_percent for ef_percent, _ in path], PATH_EF_PERCENT, atol=1)


def test_a_path_is_the_same_every_time(truth_root: Path) -> None:
    recording = load_echonet_dynamic(truth_root)[0].id
    first, again = (next(PhantomCohort(truth_root).ef_path(recording, [55])) for _ in range(2))
    np.testing.assert_array_equal(first[1], again[1])


def test_the_heart_of_a_path_is_the_one_in_the_video(truth_root: Path) -> None:
    recording = load_echonet_dynamic(truth_root)[0]
    assert recording.ef_percent is not None
    _, frames = next(PhantomCohort(truth_root).ef_path(recording.id, [recording.ef_percent]))
    video = read_video(recording.path).frames
    other = read_video(load_echonet_dynamic(truth_root)[1].path).frames
    alike, different = (
        np.corrcoef(frames.mean(axis=0).ravel(), shown.mean(axis=0).ravel())[0, 1] for shown in (video, other)
    )
    assert alike > 0.9
    assert alike > different


def test_refuses_what_it_cannot_make(truth_root: Path, tmp_path: Path) -> None:
    cohort = PhantomCohort(truth_root)
    with pytest.raises(DatasetError, match="absent is none of the 12 phantoms"):
        cohort.plan("absent")
    recording = load_echonet_dynamic(truth_root)[0].id
    with pytest.raises(DatasetError, match="between 5 and 90 %, got 95"):
        list(cohort.ef_path(recording, [95]))
    with pytest.raises(DatasetError, match=r"phantom\.json: cannot make these phantoms anew"):
        PhantomCohort(tmp_path)
    shutil.copy(truth_root / "phantom.json", tmp_path)
    card = json.loads((tmp_path / "phantom.json").read_text())
    (tmp_path / "phantom.json").write_text(json.dumps(card | {"generator_version": 1}))
    with pytest.raises(DatasetError, match="written by generator 1, this is"):
        PhantomCohort(tmp_path)
    (tmp_path / "phantom.json").write_text(json.dumps(card | {"layout": "CAMUS"}))
    with pytest.raises(DatasetError, match="its layout is CAMUS, and this knows EchoNet-Dynamic"):
        PhantomCohort(tmp_path)

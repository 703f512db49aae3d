"""Ventricles of a data set whose masks, beats and EF are known, against those that are found."""

import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from coreecho.datasets.hmc_qu import HMC_QU
from coreecho.datasets.outlines import CAVITY, MYOCARDIUM
from coreecho.errors import DatasetError, RecipeError
from coreecho.models.segmenter import load_segmenter
from coreecho.report.segmentation_tables import measured_table
from coreecho.training.run_folder import RunFolder
from coreecho.ventricle.agreement import dice
from coreecho.ventricle.measuring import FIGURES, MeasuredVentricle, compared_outline, counts_of, figures_of
from coreecho.ventricle.run_measuring import VentricleProtocol, measure_dataset
from coreecho.video.store import FrameStore


def test_a_data_set(bright_root: Path, bright_segmenter: Path, tmp_path: Path) -> None:
    protocol = VentricleProtocol(resamples=200)
    measured = measure_dataset(
        bright_segmenter, bright_root, tmp_path, store=tmp_path / "store", protocol=protocol, device="cpu"
    )
    figures = measured.figures
    for name in ("dice", "dice_ed", "dice_es", "mean_dice"):
        assert 0.98 < figures[name].low <= figures[name].estimate <= figures[name].high <= 1
    assert figures["ed_distance"].estimate <= 0.5
    assert figures["es_distance"].estimate <= 0.5
    assert figures["ef_mae"].estimate < 2
    assert figures["without_beat"].estimate == pytest.approx(1 / 3)
    assert measured.counts["num_beats"] == 4
    assert measured.counts["num_es_unfound"] == 1
    document = json.loads((tmp_path / "lv.json").read_text())
    assert document["figures"]["dice"]["estimate"] == figures["dice"].estimate
    assert document["definitions"]["rule_of_beats"] == "product"
    table = pd.read_csv(tmp_path / "lv.csv")
    assert table["recording"].tolist() == ["heart0", "heart1", "heart2"]
    assert table["num_beats"].tolist() == [2, 2, 0]
    # At the readers' own frames the EF is that of the masks.
    assert np.abs(table["ef_at_readers_frames"] - table["ef_label"])[:2].max() < 2


def test_a_split_without_recordings_is_told(bright_root: Path, bright_segmenter: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no recording in its VAL split"):
        measure_dataset(bright_segmenter, bright_root, tmp_path, protocol=VentricleProtocol(split="val"), device="cpu")


def test_of_data_that_know_the_wall_alone_dice_is_of_the_wall(
    run_of_every_recipe: Mapping[str, RunFolder], hmc_qu_hearts: Path, tmp_path: Path
) -> None:
    run = run_of_every_recipe["lv-outline"]
    given = {"data": hmc_qu_hearts, "out": tmp_path, "dataset": "hmc-qu", "store": tmp_path / "store", "device": "cpu"}
    measured = measure_dataset(
        run.path,
        options={"fold": "2", "end_frame": "exclusive"},
        protocol=VentricleProtocol(resamples=20),
        **given,  # type: ignore[arg-type]
    )
    recordings = {each.id: each for each in HMC_QU.load(hmc_qu_hearts, fold=2, end_frame="exclusive")}
    tested = [name for name, each in recordings.items() if each.split == "test"]
    assert measured.table["recording"].tolist() == tested
    assert measured.outline == MYOCARDIUM
    assert (measured.table["num_outlined"] == measured.table["num_frames"]).all()
    # By hand, of one of them: every frame, at the size that the model sees.
    segmenter, first = load_segmenter(run.path), recordings[tested[0]]
    frames = np.asarray(FrameStore.open(tmp_path / "store").frames(first.id))
    (known,) = HMC_QU.outlines(hmc_qu_hearts).masks(first, range(len(frames)), len(frames), 32).transpose(1, 0, 2, 3)
    expected = dice(segmenter.masks(frames, outline=MYOCARDIUM), known).pooled
    assert measured.table["dice"][0] == pytest.approx(expected)
    document = json.loads((tmp_path / "lv.json").read_text())
    assert document["definitions"]["dice"].startswith("of the myocardium: ")
    assert document["protocol"]["options"] == {"fold": "2", "end_frame": "exclusive"}
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(measured_table(measured))
    assert "Dice is of the myocardium: the data set does not know the cavity." in console.export_text()


def test_what_has_nothing_to_be_compared_with_is_refused(hmc_qu_hearts: Path, bright_segmenter: Path) -> None:
    walls, segmenter = HMC_QU.outlines(hmc_qu_hearts), load_segmenter(bright_segmenter)
    assert compared_outline(segmenter, walls) == MYOCARDIUM
    segmenter.network.outlines = (CAVITY,)
    with pytest.raises(RecipeError, match="knows the myocardium, and the model outlines the cavity: there is nothing"):
        compared_outline(segmenter, walls)


def table_of(*rows: MeasuredVentricle) -> pd.DataFrame:
    return pd.DataFrame([vars(row) for row in rows])


def test_figures_by_hand() -> None:
    table = table_of(
        MeasuredVentricle(
            recording="a", num_outlined=2, common=30, sizes=80, common_ed=20, sizes_ed=50, common_es=10, sizes_es=30,
            dice=0.75, ed_offset=-2, es_offset=1, num_beats=2, ef_percent=60, ef_at_readers_frames=58, ef_label=50,
            is_irregular=1,
        ),
        MeasuredVentricle(
            recording="b", num_outlined=2, common=10, sizes=40, common_ed=0, sizes_ed=10, common_es=10, sizes_es=30,
            dice=0.5, es_offset=3, num_beats=1, ef_percent=40, ef_label=44,
        ),
        MeasuredVentricle(recording="c", ef_label=70),
    )  # fmt: skip
    figures = {name: each.estimate for name, each in figures_of(table, resamples=50).items()}
    assert figures == pytest.approx(
        {
            "dice": 80 / 120,
            "dice_ed": 40 / 60,
            "dice_es": 40 / 60,
            "mean_dice": 0.625,
            "ed_distance": 2,
            "es_distance": 2,
            "ef_mae": 7,
            "ef_bias": 3,
            "ef_at_readers_frames_mae": 8,
            "without_beat": 1 / 3,
        }
    )
    assert figures.keys() == FIGURES.keys()
    counts = counts_of(table)
    assert (counts["num_outlined"], counts["num_with_beats"], counts["num_irregular"]) == (2, 2, 1)
    assert (counts["num_ed_unfound"], counts["num_es_unfound"]) == (1, 0)


def test_what_is_not_known_is_nan() -> None:
    figures = figures_of(table_of(MeasuredVentricle(recording="a"), MeasuredVentricle(recording="b")), resamples=20)
    assert not figures["dice"].is_defined
    assert not figures["ef_mae"].is_defined
    assert figures["without_beat"].estimate == 1


def test_a_run_is_not_tested_on_what_it_was_trained_on(
    run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path
) -> None:
    run = run_of_every_recipe["lv-outline"]
    root, store = run.data.root, run.data.store
    protocol = VentricleProtocol(resamples=20)
    measured = measure_dataset(run.path, root, tmp_path, store=store, protocol=protocol, device="cpu")
    assert measured.is_phantom
    assert measured.overlap_label is None
    assert 0 <= measured.figures["dice"].estimate <= 1
    assert f"recipe {run.recipe.name}" in measured.model
    with pytest.raises(DatasetError, match="was trained on"):
        measure_dataset(_moved(run, tmp_path), root, tmp_path, store=store, protocol=protocol, device="cpu")


def _moved(run: RunFolder, tmp_path: Path) -> Path:
    """The run as if its TEST split had been trained on."""
    folder = Path(shutil.copytree(run.path, tmp_path / "run"))
    document = folder / "run.json"
    text = json.loads(document.read_text())
    splits = text["split_ids"]
    splits["train"], splits["test"] = splits["test"], splits["train"]
    document.write_text(json.dumps(text))
    return folder

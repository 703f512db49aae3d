"""What each table trains, and the figures that the paper prints."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.shared.paper_figures import COLUMNS, FIGURES, OTHER_ENCODERS

from coreecho.datasets import load_recordings
from coreecho.errors import CheckpointError, DatasetError, RecipeError
from coreecho.experiments import scales
from coreecho.experiments.jobs import Training, Transfer
from coreecho.experiments.paper_table import PaperTable
from coreecho.experiments.plan_inputs import PlanInputs
from coreecho.experiments.runs import Execution
from coreecho.experiments.scales import PAPER, PHANTOM, QUICK, Scale
from coreecho.experiments.table_file import read_table, table_names
from coreecho.experiments.table_plan import plan_table
from coreecho.phantom import PhantomSettings


def without(inputs: PlanInputs, name: str) -> PlanInputs:
    return replace(inputs, weights={key: path for key, path in inputs.weights.items() if key != name})


def given(inputs: PlanInputs, **weights: str) -> PlanInputs:
    return replace(inputs, weights={**inputs.weights, **weights})


@pytest.fixture
def phantoms_asked_for(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, object]]]:
    """Which phantoms a plan writes; none is."""
    asked: list[tuple[str, dict[str, object]]] = []

    def remember(out: Path, **given: object) -> None:
        asked.append((out.name, given))

    found = scales.STAND_INS.get
    monkeypatch.setattr(scales.STAND_INS, "get", lambda path: replace(found(path), write=remember))
    return asked


def published(table: PaperTable) -> dict[str, tuple[float | tuple[float, float], ...]]:
    columns = [column.label for column in table.columns]
    found = {}
    for row in table.rows:
        assert list(row.published) == columns[: len(row.published)]
        figures = [row.published[label] for label in row.published]
        found[row.label] = tuple(each.value if each.sd is None else (each.value, each.sd) for each in figures)
    return found


@pytest.mark.parametrize("name", FIGURES)
def test_the_papers_figures_stand_in_the_tables(name: str, real: PlanInputs) -> None:
    table = plan_table(name, real)
    assert published(table) == FIGURES[name]
    assert tuple(column.label for column in table.columns) == COLUMNS[name]
    assert not table.is_phantom
    # Of percent where the paper has percent: correlations and EF points are not.
    in_percent = {column.label for column in table.columns if column.scale == 100}
    assert in_percent == {"R2 (%)"} & set(COLUMNS[name]) if name != "table5" else set(COLUMNS[name])


@pytest.mark.parametrize("name", FIGURES)
def test_a_table_trains_the_papers_recipes_with_its_seeds(name: str, real: PlanInputs) -> None:
    table = plan_table(name, real)
    for row in table.rows:
        # Three runs in the ablations, of which the paper gives means; one elsewhere.
        num_runs = 3 if name in ("table2", "table3") else 1
        assert len(row.jobs) in (0, num_runs), row.label
        assert bool(row.readings) != bool(row.note), row.label
        for job in row.jobs:
            recipe = job.recipe(real.out)
            if isinstance(job, Transfer):
                usual = {"table4": 100, "table5": 50}[name]
                assert recipe.stage1_epochs == (100 if row.label.startswith("Saeed") else usual)
            assert recipe.encoder == OTHER_ENCODERS.get(row.label, "uniformer_small")
    labels = {row.label for row in table.rows}
    for comparison in table.comparisons:
        assert {comparison.first, comparison.second} <= labels
    assert all(note.strip() for note in table.notes)


@pytest.mark.parametrize("scale", [QUICK, PHANTOM])
@pytest.mark.parametrize("name", table_names())
def test_every_table_has_a_small_form_on_phantoms(
    name: str, scale: Scale, tmp_path: Path, phantoms_asked_for: list[tuple[str, dict[str, object]]]
) -> None:
    table = plan_table(name, PlanInputs(out=tmp_path, scale=scale))
    assert table.is_phantom
    assert phantoms_asked_for
    jobs = table.jobs + [needed for job in table.jobs for needed in job.needed]
    seeds = scale.transfer_seeds if name in ("table4", "table5") else scale.seeds
    assert {job.name.rpartition("seed")[2] for job in jobs} == {str(seed) for seed in seeds}
    recipes = [job.recipe(tmp_path) for job in jobs]
    small = {"uniformer_xs", "r2plus1d_10", "r2plus1d_10_grey", "uvt_xs", "efgcn_xs", "efgcn_sd_xs"}
    assert {recipe.encoder for recipe in recipes} <= small | {"lv_unet_xs", "colearning_xs"}
    lengths = {recipe.stage1_epochs for recipe in recipes}
    assert max(lengths) <= max(scale.settings["stage1_epochs"], scale.probe["stage1_epochs"])
    for job, recipe in zip(jobs, recipes, strict=True):
        assert recipe.init == ("scratch" if not job.needed else str(tmp_path / job.needed[0].name))
    # How it differs from the paper in size stands below it.
    pretrained, to = {
        "many": ("1340 and 1500 more to be tested, 24 + 4", "on phantoms, 120 of CAMUS and 600 of HMC-QU."),
        "few": ("64, 1 + 1", "on phantoms, 60 of CAMUS and 40 of HMC-QU."),
    }[str(scale.hearts)]
    assert any("Small models" in note and pretrained in note and to in note for note in table.notes)
    labels = {row.label for row in table.rows}
    for comparison in table.comparisons:
        assert {comparison.first, comparison.second} <= labels


def test_ablations_differ_in_what_they_name_alone(real: PlanInputs) -> None:
    rows = {row.label: row.jobs[0].recipe(real.out).to_mapping() for row in plan_table("table3", real).rows}
    full = rows.pop("L1st + A + 2xC")
    expected = {
        "L1st + A": {"views": ("two_clips", "same_clip")},
        "L1st + 2xC": {"augmentation": ("crop", "none")},
    }
    for label, recipe in rows.items():
        differs = {key: (full[key], recipe[key]) for key in full if full[key] != recipe[key]}
        # Stage 2 comes after the weights that the table shows.
        assert differs.keys() - {"name", "stage2"} == expected[label].keys(), label
        assert {key: differs[key] for key in expected[label]} == expected[label]
    rows = {row.label: row.jobs[0].recipe(real.out) for row in plan_table("table2", real).rows}
    assert (rows["L1 end to end"].objective, rows["L1 end to end"].init) == ("l1", "scratch")
    assert (rows["L1 + L1st"].objective, rows["L1 + L1st"].init) == ("rnc_l1", "scratch")
    assert rows["L1 + L1st + K400"].init == real.weights["k400"]
    assert (rows["EchoCoTr"].head, rows["EchoCoTr"].init) == ("linear", real.weights["k400"])
    assert rows["RnC as first published"].objective == "rnc"


@pytest.mark.parametrize("scale", [PAPER, PHANTOM, QUICK])
def test_the_second_stage_of_rank_n_contrast_is_as_long_as_its_first(
    scale: Scale, real: PlanInputs, phantoms_asked_for: list[tuple[str, dict[str, object]]]
) -> None:
    rows = {row.label: row for row in plan_table("table2", replace(real, scale=scale)).rows}
    recipe = rows["RnC as first published"].jobs[0].recipe(real.out)
    assert recipe.stage2_epochs == recipe.stage1_epochs


def test_tables_share_their_trainings(tmp_path: Path, phantoms_asked_for: list[tuple[str, dict[str, object]]]) -> None:
    recipes: dict[str, object] = {}
    for name in table_names():
        for job in plan_table(name, PlanInputs(out=tmp_path, scale=QUICK)).jobs:
            for each in (job, *job.needed):
                assert recipes.setdefault(each.name, each.recipe(tmp_path)) == each.recipe(tmp_path)
    assert "coreecho-scratch-seed0" in recipes


def test_the_cue_is_planted_in_a_cohort_of_its_own(
    tmp_path: Path, phantoms_asked_for: list[tuple[str, dict[str, object]]]
) -> None:
    table = plan_table("cue", PlanInputs(out=tmp_path, scale=PHANTOM))
    settings = {name: given["settings"] for name, given in phantoms_asked_for}
    assert settings.keys() == {"echonet", "echonet-cue"}
    plain, cue = settings["echonet"], settings["echonet-cue"]
    assert isinstance(plain, PhantomSettings)
    assert isinstance(cue, PhantomSettings)
    assert replace(cue, cue=plain.cue, cue_strength=plain.cue_strength) == plain
    assert (cue.cue, cue.cue_strength) == ("gain", PHANTOM.cue_strength)
    roots = {row.label: {job.data.root.name for job in row.jobs} for row in table.rows}
    assert roots == {
        "L1 end to end, no cue": {"echonet"},
        "CoReEcho, no cue": {"echonet"},
        "L1 end to end, cue in training": {"echonet-cue"},
        "CoReEcho, cue in training": {"echonet-cue"},
    }


def test_what_nobody_simulates_is_refused(tmp_path: Path) -> None:
    inputs = PlanInputs(out=tmp_path, scale=QUICK)
    with pytest.raises(RecipeError, match=r"no phantoms of 'table', only of camus, echonet, echonet-beats, hmc-qu"):
        inputs.data_of("table")
    with pytest.raises(RecipeError, match=r"No cue .* of 'camus': they are written without splits"):
        inputs.data_of("camus", cue=True)
    assert not any(tmp_path.iterdir())


def test_columns_are_of_groups_that_the_data_set_has(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "title: Mine\ndata: camus\ncolumns: [{metric: mae, label: MAE, group: poor}]\n"
        "rows: [{label: CoReEcho, training: coreecho-scratch}]\n"
    )
    with pytest.raises(RecipeError, match=r"'MAE' is of the group 'poor'; CAMUS has Good & Medium and Poor\."):
        plan_table(str(tmp_path / "mine.yaml"), PlanInputs(out=tmp_path, scale=QUICK))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_transfers_start_from_the_seed_that_they_bear(
    tmp_path: Path, phantoms_asked_for: list[tuple[str, dict[str, object]]]
) -> None:
    for row in plan_table("table4", PlanInputs(out=tmp_path, scale=QUICK)).rows:
        for job in row.jobs:
            assert isinstance(job, Transfer)
            recipe = job.recipe(tmp_path)
            assert recipe.trained == ("head" if "probing" in row.label else "all")
            if isinstance(job.pretrained, Training):
                assert job.pretrained.settings.seed == recipe.seed == job.seed
                assert job.pretrained.settings.objective == ("rnc_l1" if "CoReEcho" in row.label else "l1")


@pytest.mark.parametrize(
    ("name", "lacking", "message"),
    [
        ("table1", "data", "needs the root of EchoNet-Dynamic: give `--data ROOT`, or `--phantom`"),
        ("table1", "r2plus1d", "trains r2plus1d from given weights: give them by `--r2plus1d FILE`"),
        ("table1", "k400", "trains echocotr from given weights: give them by `--k400 FILE`"),
        ("table2", "k400", "give them by `--k400 FILE`"),
        ("table3", "data", "EchoNet-Dynamic"),
        ("table4", "data", "needs the root of CAMUS"),
        ("table4", "coreecho", "transfers from coreecho: give its weights by `--coreecho RUN_OR_FILE`"),
        ("table5", "data", "needs the root of HMC-QU"),
        ("table5", "echocotr", "`--echocotr RUN_OR_FILE`"),
        ("table5", "k400", "`--k400 RUN_OR_FILE`"),
        ("table5", "saeed", "`--saeed RUN_OR_FILE`"),
    ],
)
def test_what_is_missing_is_asked_for(name: str, lacking: str, message: str, real: PlanInputs) -> None:
    with pytest.raises(RecipeError) as refused:
        plan_table(name, replace(real, data=None) if lacking == "data" else without(real, lacking))
    assert message in str(refused.value)


def test_weights_that_cannot_be_used_are_refused_before_days_of_training(real: PlanInputs, tmp_path: Path) -> None:
    for name, flag in (("table1", "k400"), ("table4", "coreecho"), ("table5", "k400")):
        with pytest.raises(RecipeError, match="holds the encoder r2plus1d_18; this table needs uniformer_small"):
            plan_table(name, given(real, **{flag: real.weights["r2plus1d"]}))
    with pytest.raises(CheckpointError, match="there is no such file"):
        plan_table("table2", given(real, k400=str(tmp_path / "missing")))
    with pytest.raises(RecipeError, match="give its weights by `--coreecho RUN_OR_FILE`"):
        plan_table("table4", given(real, coreecho="scratch"))


def test_without_kinetics_no_row_claims_it(real: PlanInputs) -> None:
    table = plan_table("table2", given(real, k400="scratch"))
    rows = {row.label: row for row in table.rows}
    assert rows["L1 + L1st + K400"].jobs == ()
    assert rows["L1 + L1st + K400"].note == "there are no Kinetics weights to start from"
    assert "L1 + L1st + K400 + LP" not in rows
    assert rows["L1 + L1st + LP"].jobs == rows["L1 + L1st"].jobs
    assert rows["L1 + L1st + LP"].published == {}
    assert "what K400 adds" not in [comparison.question for comparison in table.comparisons]
    assert any("`--k400 scratch`" in note for note in table.notes)
    fine_tuned = next(
        row for row in plan_table("table5", given(real, k400="scratch")).rows if row.label.endswith("K400")
    )
    assert (fine_tuned.jobs, fine_tuned.note) == ((), "no Kinetics weights were given")


def test_beats_are_those_of_one_segmenter_whatever_the_seed(
    tmp_path: Path, phantoms_asked_for: list[tuple[str, dict[str, object]]]
) -> None:
    table = plan_table("table1", PlanInputs(out=tmp_path, scale=QUICK))
    row = next(row for row in table.rows if row.label.endswith("beat by beat"))
    (finder,) = row.helpers
    assert (finder.name, finder.recipe(tmp_path).objective) == ("segmentation-seed0", "traced_frames")
    assert finder in table.jobs
    assert len(row.readings["test"]) == len(row.jobs) == len(QUICK.seeds)


def test_what_saeed_and_yaqub_fine_tune_has_learned_from_single_beats(
    real: PlanInputs, tmp_path: Path, phantoms_asked_for: list[tuple[str, dict[str, object]]]
) -> None:
    rows = {row.label: row for row in plan_table("table5", real).rows}
    recipe = rows["Saeed et al. [20], fine-tuning"].jobs[0].recipe(real.out)
    assert (recipe.init, recipe.head, recipe.learning_rate) == (real.weights["saeed"], "linear", 1.1e-5)
    assert (recipe.input.mean, recipe.input.std) == ((0.0,) * 3, (1.0,) * 3)
    rows = {row.label: row for row in plan_table("table5", PlanInputs(out=tmp_path, scale=QUICK)).rows}
    job = rows["Saeed et al. [20], fine-tuning"].jobs[0]
    assert isinstance(job, Transfer)
    assert isinstance(job.pretrained, Training)
    assert (job.pretrained.data.dataset, job.pretrained.settings.input.time) == ("echonet-beats", "spline")


@pytest.mark.parametrize("name", FIGURES)
def test_a_table_needs_what_it_is_said_to_need(name: str, real: PlanInputs, tmp_path: Path) -> None:
    needed = {flag: real.weights[flag] for flag in read_table(name).weights_needed()}
    table = plan_table(name, replace(real, store=tmp_path / "store", weights=needed))
    assert {job.data.store for job in table.jobs} == {tmp_path / "store"}


def test_a_table_says_by_which_protocol_it_is_cross_validated(real: PlanInputs) -> None:
    usual, held_out = plan_table("table5", real), plan_table("table5", replace(real, protocol="held-out"))
    assert (usual.name, usual.is_mean_over_folds) == ("table5", True)
    assert any(note.startswith("Protocol published: as published: four folds train") for note in usual.notes)
    assert "Figures are means over the folds, as the paper's are." in usual.notes
    assert (held_out.name, held_out.is_mean_over_folds) == ("table5-held-out", False)
    assert any(note.startswith("Protocol held-out: one fold is tested") for note in held_out.notes)
    assert any(note.startswith("The paper's figures are means over the folds; these are") for note in held_out.notes)
    # Both may lie in one folder.
    assert not {job.name for job in usual.jobs} & {job.name for job in held_out.jobs}
    assert {job.recipe(real.out).select for job in usual.jobs} == {"last"}
    assert {dict(job.data.options)["end_frame"] for job in usual.jobs} == {"exclusive"}
    assert {job.recipe(real.out).select for job in held_out.jobs} == {"best"}
    assert not any(job.data.options for job in held_out.jobs)
    camus = plan_table("table4", replace(real, protocol="published"))
    assert {job.recipe(real.out).select_on for job in camus.jobs} == {"test"}
    assert plan_table("table4", real).name == "table4"


def test_protocols_that_make_no_sense_are_refused(real: PlanInputs) -> None:
    with pytest.raises(RecipeError, match="HMC-QU is not cross-validated by 'mine', expected published or held-out"):
        plan_table("table5", replace(real, protocol="mine"))
    with pytest.raises(RecipeError, match="table2 transfers nothing, so it takes no `--protocol`"):
        plan_table("table2", replace(real, protocol="published"))


def test_given_starts_are_for_the_rows_that_take_them(
    real: PlanInputs, tmp_path: Path, phantom_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "starts.json"
    tested = [each.id for each in load_recordings("echonet", phantom_root) if each.split == "test"]
    index.write_text(json.dumps({f"{name}.avi": [0, 1, 2] for name in tested}))
    inputs = replace(real, data=phantom_root, start_index=index)
    monkeypatch.setattr(Training, "read", lambda self, *_, **asked: asked["start_index"])
    table = plan_table("table1", inputs)
    starts = {
        (row.label, split): [reading(tmp_path, Execution()) for reading in readings]
        for row in table.rows
        for split, readings in row.readings.items()
        # Beats are where a segmenter finds them.
        if not row.helpers
    }
    taking = [("EchoCoTr, 3 clips", "test"), ("CoReEcho, 3 clips", "test")]
    assert starts == {key: [index if key in taking else None] for key in starts}
    assert set(taking) <= starts.keys()
    assert "Clips of EchoCoTr, 3 clips; CoReEcho, 3 clips: at the starts of starts.json." in table.notes
    with pytest.raises(RecipeError, match="table2 has no row that takes `--start-index`"):
        plan_table("table2", inputs)
    # Before days of training, not after them.
    index.unlink()
    with pytest.raises(DatasetError, match=r"starts\.json: cannot be read"):
        plan_table("table1", inputs)
    index.write_text(json.dumps({name: [0] for name in tested[1:]}))
    with pytest.raises(DatasetError, match=f"no starts of 1 of the {len(tested)} recordings .*{tested[0]}"):
        plan_table("table1", inputs)


def test_on_phantoms_a_transfer_needs_something_to_start_from(
    tmp_path: Path, phantoms_asked_for: list[tuple[str, dict[str, object]]]
) -> None:
    (tmp_path / "mine.yaml").write_text(
        "title: Mine\ndata: camus\npretrained: {k400: {weights: k400, name: K400}}\n"
        "columns: [{metric: mae, label: MAE}]\nrows: [{label: from K400, transfer: probe, from: k400}]\n"
    )
    with pytest.raises(RecipeError, match="says no `phantom`, a training in place of 'k400'"):
        plan_table(str(tmp_path / "mine.yaml"), PlanInputs(out=tmp_path, scale=QUICK))

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from coreecho.errors import BusyError
from coreecho.experiments.cost import estimate_seconds
from coreecho.experiments.jobs import Training, Transfer, Work, work_of
from coreecho.experiments.plan_inputs import PlanInputs
from coreecho.experiments.reproduction import carry_out, in_words, make_plan, show_plan
from coreecho.experiments.runs import Execution
from coreecho.experiments.scales import Scale
from coreecho.files import alone_in, sha256_of
from coreecho.inference.results import Results
from coreecho.models.echo_model import ModelInput
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import RunFolder

RECIPE = Recipe(
    input=ModelInput(num_frames=4, frame_size=32),
    batch_size=4,
    stage1_epochs=3,
    stage2_epochs=2,
    validation_clips=5,
)


@pytest.mark.parametrize(
    ("settings", "trained", "seen"),
    [
        # 10 recordings are two whole batches of 4 and each of them two clips; stage 2 sees one clip; 5 of each
        # validated.
        ({}, 3 * 8 * 2, 2 * 8 + 5 * 6 * 5),
        ({"views": "one_clip", "objective": "l1"}, 3 * 8, 2 * 8 + 5 * 6 * 5),
        ({"stage2": False}, 3 * 8 * 2, 3 * 6 * 5),
        # A frozen encoder learns from no clip.
        ({"trained": "head", "objective": "mse", "stage2": False}, 0, 3 * 8 * 2 + 3 * 6 * 5),
    ],
)
def test_clips_of_a_run_are_counted(settings: dict[str, object], trained: int, seen: int) -> None:
    recipe = replace(RECIPE, **settings)  # type: ignore[arg-type]
    assert work_of(recipe, num_train=10, num_val=6) == Work(trained_clips=trained, seen_clips=seen)
    tested = work_of(recipe, num_train=10, num_val=6, num_test=7, test_clips=3)
    assert tested == Work(trained_clips=trained, seen_clips=seen + 21)


def test_times_are_said_as_people_say_them() -> None:
    assert [in_words(seconds) for seconds in (0, 40.4, 720, 12_600)] == ["0 s", "40 s", "12 min", "3.5 h"]


@pytest.fixture
def inputs(reproduction: Path, micro_scale: Scale) -> PlanInputs:
    return PlanInputs(out=reproduction, scale=micro_scale)


def test_a_plan_puts_each_training_before_the_transfers_from_it(inputs: PlanInputs, execution: Execution) -> None:
    plan = make_plan("table4", inputs, execution)
    names = [planned.job.name for planned in plan.jobs]
    assert len(set(names)) == len(names)
    assert set(names) >= {job.name for job in plan.table.jobs}
    for place, planned in enumerate(plan.jobs):
        for needed in planned.job.needed:
            assert names.index(needed.name) < place
    # 7 rows of 2 seeds, and 2 pretrainings of 2 seeds.
    assert len(names) == 18
    assert all(planned.seconds > 0 and not planned.is_done for planned in plan.jobs)
    assert plan.seconds == pytest.approx(sum(planned.seconds for planned in plan.jobs))
    shown = [list(column.cells) for column in show_plan(plan).columns]
    assert shown[0] == [*names, "together"]
    assert not (inputs.out / "runs").exists()


def test_a_transfer_is_all_its_folds(inputs: PlanInputs, execution: Execution) -> None:
    plan = make_plan("table4", inputs, execution)
    work = {planned.job.name: planned.job.work(plan.runs) for planned in plan.jobs if isinstance(planned.job, Transfer)}
    # 12 patients in 10 folds: about one validates, one is tested, 10 train in 2 batches of 4, for one epoch.
    assert work["camus-probe-coreecho-seed0"] == Work(trained_clips=0, seen_clips=10 * (8 + 1 + 1))
    assert work["camus-fine-tune-coreecho-seed0"] == Work(trained_clips=10 * 8, seen_clips=10 * (1 + 1))


def test_without_a_validation_more_trains_and_nothing_is_validated(inputs: PlanInputs, execution: Execution) -> None:
    plan = make_plan("table5", inputs, execution)
    job = next(each.job for each in plan.jobs if each.job.name == "hmc-qu-fine-tune-scratch-seed0")
    # Of 18 clips 12 have masks. In 5 folds about two are tested and 10 train, incomplete batches as well.
    assert job.work(plan.runs) == Work(trained_clips=5 * 10, seen_clips=5 * 2)
    camus = make_plan("table4", replace(inputs, protocol="published"), execution)
    job = next(each.job for each in camus.jobs if each.job.name == "camus-published-fine-tune-scratch-seed0")
    # 12 patients in 10 folds: one is tested and chooses the epoch, 11 train in 2 batches of 4.
    assert job.work(plan.runs) == Work(trained_clips=10 * 8, seen_clips=10 * (1 + 1))


def test_a_second_reproduction_in_the_same_folder_is_refused_by_name(
    inputs: PlanInputs, execution: Execution, trained: list[Path]
) -> None:
    plan = make_plan("table3", inputs, execution)
    with alone_in(inputs.out, doing="reproducing"), pytest.raises(BusyError, match=f"reproducing in {inputs.out}"):
        carry_out(plan, execution)
    assert not trained


def test_a_transfer_starts_from_the_whole_path_of_its_training(
    inputs: PlanInputs, execution: Execution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [planned.job for planned in make_plan("table4", inputs, execution).jobs]
    job = next(job for job in jobs if isinstance(job, Transfer) and isinstance(job.pretrained, Training))
    monkeypatch.chdir(tmp_path)
    # A stopped fold keeps it, and goes on from any folder.
    assert job.recipe(Path("runs")).init == str((tmp_path / "runs" / job.needed[0].name).resolve())


def test_what_was_stopped_costs_what_is_left(inputs: PlanInputs, execution: Execution) -> None:
    table3 = make_plan("table3", inputs, execution)
    training = table3.jobs[0].job
    assert training.share_left(table3.runs) == 1
    training.finish(table3.runs, execution)
    assert training.share_left(table3.runs) == 0
    path = table3.runs / training.name / "metrics.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:2]) + "\n")
    assert training.share_left(table3.runs) == pytest.approx(1 / 2)

    table4 = make_plan("table4", inputs, execution)
    transfer = next(planned.job for planned in table4.jobs if planned.job.name == "camus-fine-tune-scratch-seed0")
    assert transfer.share_left(table4.runs) == 1
    transfer.finish(table4.runs, execution)
    assert transfer.share_left(table4.runs) == 0
    (table4.runs / transfer.name / "predictions.csv").unlink()
    shutil.rmtree(table4.runs / transfer.name / "fold-03")
    assert transfer.share_left(table4.runs) == pytest.approx(1 / 10)


def test_the_estimate_is_of_each_job_by_its_work(inputs: PlanInputs, execution: Execution) -> None:
    plan = make_plan("table3", inputs, execution)
    jobs = [planned.job for planned in plan.jobs]
    seconds = estimate_seconds(jobs, plan.runs, execution)
    assert seconds.keys() == {job.name for job in jobs}
    assert all(value > 0 for value in seconds.values())
    # Equal models are timed once, so that equal work has equal cost.
    assert seconds["same-clip-scratch-seed0"] == seconds["no-augmentation-scratch-seed1"]
    assert seconds["coreecho-scratch-seed0"] > seconds["same-clip-scratch-seed0"]


def test_what_is_done_costs_nothing_and_is_not_done_again(
    inputs: PlanInputs, execution: Execution, trained: list[Path]
) -> None:
    first = make_plan("table3", inputs, execution)
    first.jobs[0].job.finish(first.runs, execution)
    plan = make_plan("table3", inputs, execution)
    done = [planned for planned in plan.jobs if planned.is_done]
    assert [planned.job.name for planned in done] == [first.jobs[0].job.name]
    assert done[0].seconds == 0
    trained.clear()
    measured = carry_out(plan, execution)
    assert [path.name for path in trained] == [planned.job.name for planned in plan.jobs if not planned.is_done]
    assert make_plan("table3", inputs, execution).seconds == 0
    assert {label for label, _ in measured.figures} == {row.label for row in plan.table.rows}
    figure = measured.figures["L1st + A + 2xC", "MAE"]
    assert len(figure.of_seeds) == 2
    # Of the test split, and of stage 1, whatever stage 2 made of it.
    run = RunFolder.open(plan.runs / "coreecho-scratch-seed0")
    assert figure.num_recordings == len(run.recordings("test"))
    of_stage1 = Results(run.path / "results", weights_sha256=sha256_of(run.stage_weights("stage1")))
    assert list((run.path / "results").iterdir()) == [of_stage1.folder]


def test_a_finished_training_is_read_where_its_data_have_moved(
    inputs: PlanInputs, execution: Execution, tmp_path: Path
) -> None:
    job, runs = make_plan("table3", inputs, execution).jobs[0].job, inputs.out / "runs"
    assert isinstance(job, Training)
    job.finish(runs, execution)
    run = RunFolder.open(runs / job.name)
    run.info["data"] |= {"root": str(tmp_path / "gone"), "store": str(tmp_path / "gone" / "store")}
    run.write_info()
    elsewhere = replace(job, data=replace(job.data, store=job.data.root / ".coreecho-store-32"))
    elsewhere.finish(runs, execution)
    assert len(elsewhere.read(runs, execution)) == 5

"""`coreecho reproduce`: plan a table, train what it needs, measure it."""

from dataclasses import dataclass
from pathlib import Path

from coreecho.experiments.cost import estimate_seconds
from coreecho.experiments.jobs import Job
from coreecho.experiments.measuring import Measured, measure_table
from coreecho.experiments.paper_table import PaperTable
from coreecho.experiments.plan_inputs import PlanInputs
from coreecho.experiments.runs import Execution
from coreecho.experiments.table_plan import plan_table
from coreecho.files import alone_in, writing_into
from coreecho.progress import head
from coreecho.report.plain_table import PlainTable, plain_table

RUNS = "runs"


@dataclass(frozen=True, kw_only=True)
class PlannedJob:
    """A job of a plan.

    Attributes:
        job: it.
        seconds: about how long what is left of it takes; 0 where it is done.
        is_done: nothing is left to train.
    """

    job: Job
    seconds: float
    is_done: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a table needs.

    Attributes:
        table: it.
        runs: folder of all trainings; tables in the same `out` share them.
        jobs: in order.
    """

    table: PaperTable
    runs: Path
    jobs: tuple[PlannedJob, ...]

    @property
    def seconds(self) -> float:
        """About how long all that is left takes."""
        return sum(planned.seconds for planned in self.jobs)


def make_plan(name: str, inputs: PlanInputs, execution: Execution) -> Plan:
    """Plan a table, and estimate its cost from a few clips through each model.

    Args:
        name: of the table.
        inputs: data and weights.
        execution: on what.

    Raises:
        RecipeError: as in `plan_table`.
        DatasetError: the data set is not as its layout says.
    """
    table, runs = plan_table(name, inputs), inputs.out / RUNS
    jobs = _with_needed(table.jobs)
    left = [job for job in jobs if not job.is_done(runs)]
    seconds = estimate_seconds(left, runs, execution)
    planned = [PlannedJob(job=job, seconds=seconds.get(job.name, 0.0), is_done=job not in left) for job in jobs]
    return Plan(table=table, runs=runs, jobs=tuple(planned))


def carry_out(plan: Plan, execution: Execution) -> Measured:
    """Train what is left of a plan, and measure its table.

    Raises:
        BusyError: another process reproduces in the same folder.
        KeyboardInterrupt: it was stopped; the same call goes on where it was.
    """
    out = plan.runs.parent
    with writing_into(out), alone_in(out, doing="reproducing"):
        for number, planned in enumerate(plan.jobs, start=1):
            if execution.show_progress and not planned.is_done:
                head(f"{number} of {len(plan.jobs)}: {planned.job.name}, about {in_words(planned.seconds)}")
            planned.job.finish(plan.runs, execution)
        return measure_table(plan.table, plan.runs, execution)


def show_plan(plan: Plan) -> PlainTable:
    """The plan for a terminal."""
    rows = []
    for planned in plan.jobs:
        recipe = planned.job.recipe(plan.runs)
        epochs = f"{recipe.stage1_epochs}" + (f" + {recipe.stage2_epochs}" if recipe.stage2 else "")
        left = "done" if planned.is_done else in_words(planned.seconds)
        rows.append((planned.job.name, recipe.encoder, recipe.objective, epochs, left))
    return plain_table(
        ("Training", "Encoder", "Objective", "Epochs", "About"),
        rows,
        numbers=("Epochs", "About"),
        title=f"{plan.table.name}: {plan.table.title}",
        caption="Timed with a few clips, just now; other work on this machine makes it longer.",
        last=("together", "", "", "", in_words(plan.seconds)),
    )


def in_words(seconds: float) -> str:
    """A time as a person says it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def _with_needed(jobs: list[Job]) -> list[Job]:
    """Put the trainings that transfers start from before them, each once."""
    ordered: dict[str, Job] = {}
    for job in jobs:
        for each in job.needed:
            ordered[each.name] = each
    return list((ordered | {job.name: job for job in jobs}).values())

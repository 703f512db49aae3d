"""`coreecho default-models`: make the models that ship again, from nothing."""

import shutil
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from coreecho.cli.options import AtLeastOne
from coreecho.training.hardware import Hardware


def default_models(
    plan: Path | None = None,
    /,
    *,
    out: Path = Path("runs/default-models"),
    only: Annotated[list[str] | None, Parameter(negative="")] = None,
    commit: str = "unknown",
    into: Path | None = None,
    page: Path | None = None,
    record: Annotated[list[Path] | None, Parameter(negative="")] = None,
    workers: AtLeastOne | None = None,
    hardware: Annotated[Hardware | None, Parameter(name="*")] = None,
) -> int:
    """Make the models that ship with coreecho again: hearts, trainings, weights, figures, and a page.

    Stopped, the same command goes on: cohorts and trainings that are done are not done again.

    Parameters
    ----------
    plan:
        A YAML file [default: the plan of the models that ship].
    out:
        Folder of phantoms, trainings and results; what would ship lies in `shipped` below it.
    only:
        Make this model of the plan alone; may be given more than once.
    commit:
        Of the code, for the cards.
    into:
        Copy what would ship there, such as to `src/coreecho/shipped`.
    page:
        Write the page about the models there, such as to `docs/default-models.md`.
    record:
        Record of more that was measured, for the page; may be given more than once.
    workers:
        Processes that write phantoms [default: one for each core].
    hardware:
        What to compute on.
    """
    from rich.console import Console

    from coreecho.evaluation.model_record import read_record, write_record
    from coreecho.experiments.model_making import RECORD, Workshop
    from coreecho.experiments.model_plan import default_plan, read_plan
    from coreecho.experiments.runs import Execution
    from coreecho.files import write_whole, writing_into
    from coreecho.report.model_page import model_page
    from coreecho.stopping import stop_on_signals

    console = Console(stderr=True)
    others = [read_record(path) for path in record or ()]
    read = read_plan(plan or default_plan())
    with stop_on_signals(doing="after this step") as stop:
        workshop = Workshop(
            plan=read,
            out=out,
            execution=Execution(hardware=hardware, show_progress=True, stop=stop),
            commit=commit,
            command="make default-models",
            workers=workers,
            say=lambda text: console.rule(text),
        )
        found = workshop.make(only or list(read.models))
    for other in others:
        found = found.with_others(other)
    write_record(workshop.shipped / RECORD, found)
    if into is not None:
        with writing_into(into):
            for file in sorted(workshop.shipped.iterdir()):
                shutil.copyfile(file, into / file.name)
                console.print(f"copied to {into / file.name}", markup=False, soft_wrap=True)
    if page is not None:
        with writing_into(page.parent):
            write_whole(page, model_page(workshop.shipped, found))
    console.print(f"The models lie in {workshop.shipped}", markup=False, soft_wrap=True)
    return 0

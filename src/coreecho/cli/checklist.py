"""`coreecho checklist`."""

from pathlib import Path


def checklist(run: Path, /, *, out: Path | None = None) -> int:
    """Fill reporting checklists from a run: `coreecho checklist runs/echonet`.

    Writes TRIPOD+AI, CLAIM (2024) and PRIME as tables, and a model card, as Markdown. What a program can tell stands
    there: data, splits, training, results with intervals, calibration. What only a person knows is marked.

    Parameters
    ----------
    run:
        Folder of a run that `coreecho train` wrote; `coreecho evaluate` first, so that there are results.
    out:
        Folder for the files [default: RUN/checklists].
    """
    from rich.console import Console

    from coreecho.evaluation.run_facts import run_facts
    from coreecho.report.checklist import write_checklists
    from coreecho.report.checklist_items import CHECKLISTS
    from coreecho.training.run_folder import RunFolder

    opened = RunFolder.open(run)
    facts = run_facts(opened)
    name = run.resolve().name
    files = write_checklists(facts, out or run / "checklists", name=name)
    console = Console()
    if "results" not in facts:
        console.print(f"There are no results yet: `coreecho evaluate {run}` first.", markup=False, soft_wrap=True)
    for file in files:
        console.print(f"{file}", markup=False, soft_wrap=True)
    total = sum(len(one.items) for one in CHECKLISTS)
    console.print(f"{len(facts)} facts of the run stand in {total} lines; what is left for a person is marked.")
    return 0

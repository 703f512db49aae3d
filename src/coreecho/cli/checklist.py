"""`coreecho checklist`."""

from pathlib import Path

from coreecho.shipped import DEFAULT, is_default


def checklist(run: Path = Path(DEFAULT), /, *, out: Path | None = None) -> int:
    """Fill reporting checklists from a run: `coreecho checklist runs/echonet`.

    Writes TRIPOD+AI, CLAIM (2024) and PRIME as tables, and a model card, as Markdown. What a program can tell stands
    there: data, splits, training, results with intervals, calibration. What only a person knows is marked.

    Parameters
    ----------
    run:
        Folder of a run that `coreecho train` wrote; `coreecho evaluate` first, so that there are results. Or a file of
        weights, or `default`, the model that ships: of what stands on their cards and records.
    out:
        Folder for the files [default: RUN/checklists, of weights WEIGHTS-results/checklists].
    """
    from rich.console import Console

    from coreecho.evaluation.run_facts import run_facts
    from coreecho.evaluation.weights_facts import weights_facts
    from coreecho.report.checklist import write_checklists
    from coreecho.report.checklist_items import CHECKLISTS
    from coreecho.report.shipped_model import say_default
    from coreecho.training.run_folder import RunFolder

    is_weights = is_default(run) or run.is_file()
    facts = weights_facts(run) if is_weights else run_facts(RunFolder.open(run))
    say_default(run)
    beside = Path(f"{DEFAULT}-results") if is_default(run) else run.with_name(f"{run.stem}-results")
    name = run.resolve().stem if is_weights else run.resolve().name
    files = write_checklists(facts, out or (beside if is_weights else run) / "checklists", name=name)
    console = Console()
    if "results" not in facts and not is_weights:
        console.print(f"There are no results yet: `coreecho evaluate {run}` first.", markup=False, soft_wrap=True)
    for file in files:
        console.print(f"{file}", markup=False, soft_wrap=True)
    total = sum(len(one.items) for one in CHECKLISTS)
    console.print(f"{len(facts)} facts stand in {total} lines; what is left for a person is marked.")
    return 0

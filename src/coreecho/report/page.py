"""Gathers what a page shows of its runs; `templates/report.html` says where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from coreecho.evaluation import EFRange, Interval
from coreecho.report.page_charts import agreement_charts, calibration_chart, learning_charts
from coreecho.report.page_continuity import continuity
from coreecho.report.page_elements import Picture, Table
from coreecho.report.page_films import Case, worst_cases
from coreecho.report.page_focus import has_known_ventricles, lv_focus
from coreecho.report.page_maps import DrawnMap, page_maps
from coreecho.report.page_metrics import comparison_sentence, ef_ranges, metrics_table, paired_differences, range_table
from coreecho.report.page_runs import ShownRun, recipe_tables, training_table
from coreecho.representation.embedding_map import Method
from coreecho.representation.embedding_set import EmbeddingSet
from coreecho.representation.embeddings import embed_run


@dataclass(frozen=True, kw_only=True)
class RunOnPage:
    """What the template shows of one run alone.

    Attributes:
        letter: A, B or nothing.
        title: of the run.
        mae: the estimate and its interval.
        facts: below it.
        agreement: scatter and Bland-Altman.
        ranges: errors by range of EF.
        cases: the worst.
        map: of its embeddings; None where there are too few recordings.
    """

    letter: str
    title: str
    mae: tuple[str, str]
    facts: tuple[str, ...]
    agreement: list[Picture]
    ranges: list[Table]
    cases: list[Case]
    map: DrawnMap | None


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """What a page shows, and how it is made.

    Attributes:
        cases: recordings shown of each run, those with the largest errors.
        map_method: of the embedding map.
        hearts: simulated hearts whose EF is moved in steps, where the data are phantoms.
        lv_focus: measure it, where the data say where the left ventricle is.
        batch_size: clips at once.
        show_progress: show bars on stderr.
    """

    cases: int
    map_method: Method
    hearts: int
    lv_focus: bool
    batch_size: int
    show_progress: bool


def gather_contents(runs: list[ShownRun], options: PageOptions, console: Console) -> dict[str, Any]:
    """Gather everything that the template names.

    Args:
        runs: one or two.
        options: what is shown.
        console: where it is said what is being done.
    """
    differences = paired_differences(runs)
    changed, unchanged = recipe_tables(runs)
    by_predicted = [ef_ranges(run, by="predicted") for run in runs]
    console.print("Embeddings, and their map")
    embedded = [_embed(run, options) for run in runs]
    maps = page_maps(embedded, [run.title for run in runs], method=options.map_method)
    console.print("Continuity of the embeddings")
    measured = continuity(
        runs, hearts=options.hearts, batch_size=options.batch_size, show_progress=options.show_progress
    )
    console.print("Clips of the largest errors, with Grad-CAM")
    cases = [_worst_cases(runs, run, options) for run in runs]
    focus = None
    if options.lv_focus and has_known_ventricles(runs):
        console.print("Grad-CAM and the left ventricle")
        focus = lv_focus(runs, show_progress=options.show_progress)
    pages = [_page_of_run(*of_run) for of_run in zip(runs, by_predicted, maps, cases, strict=True)]
    has_cases, has_maps = options.cases > 0, all(drawn is not None for drawn in maps)
    return {
        "quantity": "Ejection fraction (EF)",
        "title": " and ".join(run.title for run in runs),
        "protocol": runs[0].evaluation.protocol.description,
        "level": f"{100 * runs[0].metrics.level:g} %",
        "is_phantom": any(run.is_phantom for run in runs),
        "is_all_phantom": all(run.evaluation.is_phantom and run.folder.data.is_phantom for run in runs),
        "sections": _sections(has_cases=has_cases, has_focus=focus is not None, has_maps=has_maps),
        "runs": pages,
        "verdict": comparison_sentence(differences, *runs) if differences is not None else "",
        "notes": [f"{run.title}: {note}." for run in runs for note in run.evaluation.notes],
        "training": training_table(runs),
        "changed": changed,
        "unchanged": _unchanged(runs),
        "unchanged_settings": unchanged,
        "metrics": metrics_table(runs, differences),
        "learning": learning_charts(runs),
        "calibration": calibration_chart(runs, by_predicted),
        "has_cases": has_cases,
        "focus": focus,
        "continuity": measured,
        "has_maps": has_maps,
    }


def _page_of_run(run: ShownRun, by_predicted: list[EFRange], drawn: DrawnMap | None, cases: list[Case]) -> RunOnPage:
    return RunOnPage(
        letter=run.letter,
        title=run.title,
        mae=_estimate_and_interval(run.metrics["mae"]),
        facts=_facts(run),
        agreement=agreement_charts(run),
        ranges=[
            range_table(run, by_predicted, by="predicted"),
            range_table(run, ef_ranges(run, by="true"), by="true"),
        ],
        cases=cases,
        map=drawn,
    )


def _embed(run: ShownRun, options: PageOptions) -> EmbeddingSet:
    return embed_run(
        run.folder,
        run.model,
        run.evaluation.protocol.split,
        batch_size=options.batch_size,
        show_progress=options.show_progress,
    )


def _worst_cases(runs: Sequence[ShownRun], run: ShownRun, options: PageOptions) -> list[Case]:
    other = next((other for other in runs if other is not run), None)
    return worst_cases(run, other, count=options.cases, show_progress=options.show_progress)


def _estimate_and_interval(interval: Interval) -> tuple[str, str]:
    estimate, _, ends = interval.format().partition(" ")
    return estimate, ends


def _facts(run: ShownRun) -> tuple[str, ...]:
    metrics = run.metrics
    patients = "" if metrics.num_patients == metrics.num_recordings else f" of {metrics.num_patients:,} patients"
    return (
        f"R² {metrics['r2'].format()}".replace("-", "−"),
        f"bias {metrics['bias'].format()} EF points".replace("-", "−"),
        f"{metrics.num_recordings:,} recordings{patients}",
        f"in parentheses: {100 * metrics.level:g} % intervals, {metrics['mae'].method}",
    )


def _unchanged(runs: list[ShownRun]) -> str:
    if len(runs) > 1:
        return "The recipes of the two runs are the same, setting by setting."
    return "No setting differs from the recipe of that name that comes with coreecho, if there is one."


def _sections(*, has_cases: bool, has_focus: bool, has_maps: bool) -> list[tuple[str, str]]:
    sections = [
        ("summary", "Summary", True),
        ("training", "What was trained", True),
        ("metrics", "How good it is", True),
        ("learning", "How it learned", True),
        ("agreement", "Predicted and true EF", True),
        ("ranges", "Ranges of EF", True),
        ("cases", "Where it errs most", has_cases),
        ("focus", "Where it looks", has_focus),
        ("map", "What lies near what", has_maps),
        ("continuity", "How continuous it is", True),
    ]
    return [(anchor, name) for anchor, name, is_there in sections if is_there]

"""Gathers what a page shows of its runs; `templates/report.html` says where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from coreecho.evaluation import EFRange
from coreecho.evaluation.intervals import FEW
from coreecho.models.segmenter import open_segmenter
from coreecho.names import counted
from coreecho.report.heat import GRAD_CAM_CAUTION, heat_scale
from coreecho.report.page_charts import agreement_charts, calibration_chart, learning_charts
from coreecho.report.page_continuity import continuity
from coreecho.report.page_elements import Table
from coreecho.report.page_films import CaseGroup, shown_cases
from coreecho.report.page_focus import has_known_ventricles, lv_focus
from coreecho.report.page_maps import page_maps
from coreecho.report.page_metrics import (
    comparison_sentence,
    differences_of_runs,
    ef_ranges,
    headline,
    metrics_table,
    range_table,
    short_range_table,
)
from coreecho.report.page_runs import (
    ShownRun,
    in_cell,
    recipe_tables,
    small_print_table,
    training_table,
    unchanged_words,
)
from coreecho.report.page_volumes import with_volume
from coreecho.report.page_worth import worth_section
from coreecho.representation.embedding_map import Method
from coreecho.representation.embedding_set import EmbeddingSet, number_of
from coreecho.representation.embeddings import embed_run

# Metrics that are said below the first one, where the family has them.
_FACTS = ("r2", "bias", "specificity", "auroc")


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """What a page shows, and how it is made.

    Attributes:
        cases: recordings shown of each run with the largest errors, beside typical ones; 0 for none of either.
        map_method: of the embedding map.
        hearts: simulated hearts whose EF is moved in steps, where the data are phantoms.
        lv_focus: measure it, where the data say where the left ventricle is.
        segmenter: outlines the left ventricle; None where its volume is not shown.
        batch_size: clips at once.
        show_progress: show bars on stderr.
    """

    cases: int
    map_method: Method
    hearts: int
    lv_focus: bool
    segmenter: Path | str | None
    batch_size: int
    show_progress: bool


def gather_contents(runs: list[ShownRun], options: PageOptions, console: Console) -> dict[str, Any]:
    """Gather everything that the template names.

    Args:
        runs: one or two.
        options: what is shown.
        console: where it is said what is being done.
    """
    task = runs[0].task
    differences = differences_of_runs(runs)
    small_print = small_print_table(runs)
    changed, unchanged = recipe_tables(runs) if all(run.has_recipe for run in runs) else (None, None)
    by_predicted, by_true = (
        [ef_ranges(run, by=by) for run in runs] if task.is_appraised else [] for by in ("predicted", "true")
    )
    console.print("Embeddings, and their map")
    embedded = [_embed(run, options) for run in runs]
    maps = page_maps(embedded, [run.title for run in runs], method=options.map_method)
    console.print("Continuity of the embeddings")
    measured = continuity(
        runs, hearts=options.hearts, batch_size=options.batch_size, show_progress=options.show_progress
    )
    console.print("Typical clips and those of the largest errors, with Grad-CAM")
    cases = [_cases(runs, run, options) for run in runs]
    focus = None
    if options.lv_focus and (options.segmenter is not None or has_known_ventricles(runs)):
        console.print("Grad-CAM and the left ventricle")
        focus = lv_focus(runs, segmenter=options.segmenter, show_progress=options.show_progress)
    worth = worth_section(runs)
    has_cases, has_maps = options.cases > 0, all(drawn is not None for drawn in maps)
    return {
        "title": " and ".join(run.title for run in runs),
        "task": task,
        "number": number_of(task),
        "protocol": runs[0].evaluation.tested,
        "level": f"{100 * runs[0].metrics.level:g} %",
        "is_phantom": any(run.is_phantom for run in runs),
        "is_all_phantom": all(run.evaluation.is_phantom and run.subject.learned_from_phantoms for run in runs),
        "sections": _sections(
            has_ranges=bool(by_predicted),
            has_worth=worth is not None,
            has_cases=has_cases,
            has_focus=focus is not None,
            has_maps=has_maps,
        ),
        "runs": [
            {
                "letter": run.letter,
                "title": run.title,
                "headline": _headline(run),
                "facts": _facts(run),
                "short_ranges": short_range_table(by_true[number]) if by_true else None,
                "agreement": agreement_charts(run),
                "ranges": _ranges(run, by_predicted[number], by_true[number]) if by_predicted else [],
                "cases": cases[number],
                "map": maps[number],
            }
            for number, run in enumerate(runs)
        ],
        "verdict": comparison_sentence(differences, *runs) if differences is not None else "",
        "notes": [f"{run.title}: {note}." for run in runs for note in run.evaluation.notes],
        "training": training_table(runs),
        "small_print": small_print,
        "grad_cam": heat_scale(task.output),
        "grad_cam_caution": GRAD_CAM_CAUTION,
        "changed": changed,
        "unchanged": unchanged_words(runs),
        "unchanged_settings": unchanged,
        "metrics": metrics_table(runs, differences),
        "learning": learning_charts([run for run in runs if not run.learning.empty]),
        "unknown": [run.title for run in runs if not run.has_recipe],
        "overlap": [f"{run.title}: {label}." for run in runs if (label := run.evaluation.overlap_label) is not None],
        "calibration": calibration_chart(runs, by_predicted) if by_predicted else None,
        "worth": worth,
        "has_cases": has_cases,
        "focus": focus,
        "continuity": measured,
        "has_maps": has_maps,
    }


def _ranges(run: ShownRun, by_predicted: list[EFRange], by_true: list[EFRange]) -> list[Table]:
    return [range_table(run, by_predicted, by="predicted"), range_table(run, by_true, by="true")]


def _embed(run: ShownRun, options: PageOptions) -> EmbeddingSet:
    return embed_run(
        run.subject,
        run.model,
        run.evaluation.protocol.split,
        start_index=run.evaluation.protocol.start_index,
        batch_size=options.batch_size,
        # `evaluate` has refused what was not allowed.
        allow_overlap=True,
        show_progress=options.show_progress,
    )


def _cases(runs: Sequence[ShownRun], run: ShownRun, options: PageOptions) -> list[CaseGroup]:
    other = next((other for other in runs if other is not run), None)
    groups = shown_cases(run, other, worst=options.cases, show_progress=options.show_progress)
    if options.segmenter is None:
        return groups
    segmenter = open_segmenter(options.segmenter, str(run.model.scale.device))
    return [replace(group, cases=[with_volume(case, run, segmenter) for case in group.cases]) for group in groups]


def _headline(run: ShownRun) -> tuple[str, str, str]:
    """Estimate, interval, and what it is."""
    definition, interval = headline(run)
    estimate, _, ends = interval.format(definition.digits).partition(" ")
    unit = f", {definition.unit}" if definition.unit else ""
    return estimate, ends, f"{definition.meaning} ({definition.label}){unit}"


def _facts(run: ShownRun) -> tuple[str, ...]:
    metrics, (first, _) = run.metrics, headline(run)
    patients = "" if metrics.num_patients == metrics.num_recordings else f" of {metrics.num_patients:,} patients"
    told = [
        f"{definition.label if definition.unit == '' else definition.label.lower()} "
        f"{in_cell(metrics[definition.key], definition.digits)} {definition.unit}".rstrip()
        for key in _FACTS
        for definition in metrics.definitions
        if definition.key == key != first.key
    ]
    worth = run.evaluation.worth
    few = f": fewer than {FEW} say little" if metrics.num_patients < FEW else ""
    return (
        f"{counted(metrics.num_recordings, 'recordings')}{patients}{few}",
        *told,
        *(() if worth is None or worth.is_of_few else (worth.held_words,)),
        f"in parentheses: {100 * metrics.level:g} % intervals",
    )


def _sections(
    *, has_ranges: bool, has_worth: bool, has_cases: bool, has_focus: bool, has_maps: bool
) -> list[tuple[str, str]]:
    sections = [
        ("summary", "How good it is", True),
        ("agreement", "Predicted and true", True),
        ("ranges", "Ranges of EF", has_ranges),
        ("worth", "What an EF is worth", has_worth),
        ("cases", "Typical and worst cases", has_cases),
        ("focus", "Where it looks", has_focus),
        ("map", "What lies near what", has_maps),
        ("metrics", "All figures", True),
        ("training", "How it was made", True),
        ("learning", "How it learned", True),
        ("continuity", "How continuous it is", True),
        ("details", "Small print", True),
    ]
    return [(anchor, name) for anchor, name, is_there in sections if is_there]

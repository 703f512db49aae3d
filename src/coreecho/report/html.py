"""The report of one run, or of two side by side: one HTML file that needs nothing beside it.

The file loads nothing, from no network and no disk, and runs no script; its content security policy forbids both. All
texts are escaped. Of patients it holds recording ids and pixels inside the ultrasound sector. The same runs give the
same bytes.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from coreecho.errors import CoReEchoError, RecipeError
from coreecho.evaluation.evaluate import evaluate
from coreecho.evaluation.protocol import Protocol
from coreecho.files import alone_in, write_whole, writing_into
from coreecho.inference.opening import as_subject
from coreecho.inference.subject import Subject
from coreecho.names import printable, readable
from coreecho.report.evaluation import pictures_of
from coreecho.report.page import PageOptions, gather_contents
from coreecho.report.page_elements import Table
from coreecho.report.page_runs import ShownRun
from coreecho.report.rendering import render_page
from coreecho.report.terminal import console
from coreecho.representation.embedding_map import Method
from coreecho.training.run_folder import RunFolder

_MAX_RUNS = 2


def write_report(
    runs: Sequence[RunFolder | Subject],
    out: Path,
    *,
    protocol: Protocol | None = None,
    cases: int = 4,
    map_method: Method = "auto",
    hearts: int = 8,
    lv_focus: bool = True,
    segmenter: Path | str | None = None,
    batch_size: int = 8,
    device: str = "auto",
    allow_overlap: bool = False,
    show_progress: bool = False,
) -> None:
    """Write the report of one model, or of two side by side.

    Predictions and embeddings that lie in their folders are used where they still hold; else they are made, and left
    there.

    Args:
        runs: one or two, on their own data; or models and data. A file of weights does not say how it learned.
        out: the HTML file; an older one is replaced in one step.
        protocol: how the runs are evaluated; the paper's three clips on the TEST split when not given.
        cases: recordings shown of each run, those with the largest errors.
        map_method: of the embedding map: "umap", "pca", or "auto", which is UMAP where umap-learn is installed.
        hearts: simulated hearts whose EF is moved in steps, where the data are phantoms; 0 for none.
        lv_focus: measure how much the models look at the left ventricle, where the data say where it is.
        segmenter: outlines the ventricle: adds its volume over time to each clip, and LV focus where the data lack it.
        batch_size: clips at once.
        device: where to compute: "cpu", "gpu", "auto", "cuda:1".
        allow_overlap: show recordings that a model was trained on, too; the page then says so.
        show_progress: say on stderr what takes long.

    Raises:
        RecipeError: not one or two runs, runs that read different things, or a setting makes no sense.
        DatasetError: a data set or split is not as expected, or a model was trained on some of it.
        CheckpointError: a run has no readable weights, or no finished epoch.
        BusyError: another process is writing the same file.
        CoReEchoError: the file cannot be written.
    """
    if not 1 <= len(runs) <= _MAX_RUNS:
        raise RecipeError(f"A report shows one run or two side by side, got {len(runs)}.")
    subjects = [as_subject(run) for run in runs]
    if len({str(subject.task.to_mapping()) for subject in subjects}) > 1:
        read = " and ".join(f"{subject.path} the {subject.task.quantity}" for subject in subjects)
        raise RecipeError(f"A report shows runs side by side that read the same thing, and {read}.")
    if cases < 0 or hearts < 0:
        raise RecipeError(f"cases and hearts: expected at least 0, got {cases} and {hearts}")
    _check_writable(out)
    options = PageOptions(
        cases=cases,
        map_method=map_method,
        hearts=hearts,
        lv_focus=lv_focus,
        segmenter=segmenter,
        batch_size=batch_size,
        show_progress=show_progress,
    )
    with ExitStack() as stack:
        try:
            # Of the file and not of its folder, which may be that of a run, or hold other reports.
            doing, name = f"writing {readable(out.name)}", f".{out.name}.lock"
            stack.enter_context(alone_in(out.resolve().parent, doing=doing, name=name))
        except OSError as error:
            raise _unwritable(out, error) from error
        page = _render(subjects, protocol or Protocol(), device, options, allow_overlap=allow_overlap)
        try:
            write_whole(out, page)
        except OSError as error:
            raise _unwritable(out, error) from error


def _render(
    subjects: Sequence[Subject], protocol: Protocol, device: str, options: PageOptions, *, allow_overlap: bool
) -> str:
    progress = console(stderr=True)
    progress.quiet = not options.show_progress
    shown = []
    for number, subject in enumerate(subjects):
        progress.print(printable(f"Predictions of {subject.path}"), markup=False)
        learning = pd.DataFrame() if subject.run is None else subject.run.metrics()
        evaluation = evaluate(
            subject,
            protocol,
            batch_size=options.batch_size,
            device=device,
            allow_overlap=allow_overlap,
            draw=pictures_of,
            show_progress=options.show_progress,
        )
        shown.append(
            ShownRun(
                number=number,
                count=len(subjects),
                subject=subject,
                model=subject.model(device),
                evaluation=evaluation,
                learning=learning,
            )
        )
    return render_page("report.html", **gather_contents(shown, options, progress))


def _unwritable(out: Path, error: OSError) -> CoReEchoError:
    return CoReEchoError(f"{out} cannot be written: {error.strerror or error}. Give another `--out`.")


def default_place(subjects: Sequence[Subject]) -> Path:
    """Where a report lies when nobody says otherwise, in a folder that is there: RUN/report.html.

    Raises:
        CoReEchoError: the folder cannot be made.
    """
    first, *others = subjects
    name = f"report-with-{others[0].name}.html" if others else "report.html"
    folder = first.folder if first.is_own_data else first.result_folder("report", "page")
    with writing_into(folder):
        return folder / name


def render_tables(title: str, tables: Sequence[Table], notes: Sequence[str]) -> str:
    """A page of tables alone, in the style of the report: one file that loads nothing and runs no script."""
    return render_page("tables.html", title=title, tables=tables, notes=notes)


def _check_writable(out: Path) -> None:
    """What cannot be written should be known before the hours of computing."""
    if out.is_dir() or not out.resolve().parent.is_dir():
        raise CoReEchoError(
            f"{out} cannot be written: it is a folder, or the folder that is to hold it is missing. "
            "Give another `--out`."
        )

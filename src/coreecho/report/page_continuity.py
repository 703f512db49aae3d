"""How continuous the representations of a page's runs are, as a table."""

from collections.abc import Sequence

from coreecho.evaluation import Interval
from coreecho.explain.continuity import NEIGHBOURS, knn_ef_error, rank_correlation, rnc_loss
from coreecho.explain.embeddings import EmbeddingSet
from coreecho.report.evaluation import patients_of
from coreecho.report.page_elements import Row, Table
from coreecho.report.page_runs import ShownRun

# As many as the measures compare.
MIN_STUDIES = 3

_MEANINGS = {
    "Rank correlation": "of embedding distance and EF distance, mean over studies: 1 is perfectly ordered by EF, 0 is "
    "not at all",
    f"EF error of the {NEIGHBOURS} nearest (EF points)": "how far the EF of a study is from the mean of the studies "
    "that lie nearest to it",
    "Rank-N-Contrast loss (nats)": "over all studies at once; lower is better ordered",
    "Gain over no order (nats)": "how much lower the loss is than that of embeddings that all coincide; 0 is no order",
}


def continuity_table(runs: Sequence[ShownRun], embedded: Sequence[EmbeddingSet]) -> Table:
    """Measure the embeddings of each run.

    Args:
        runs: of the page.
        embedded: the studies of each; at least `MIN_STUDIES`, all with EF.
    """
    measured = [_measure(run, studies) for run, studies in zip(runs, embedded, strict=True)]
    rows = [
        Row(cells=(name, *(_cell(of_run[number]) for of_run in measured)), remark=meaning)
        for number, (name, meaning) in enumerate(_MEANINGS.items())
    ]
    first = measured[0][0]
    resamples = " or ".join(dict.fromkeys(f"{interval.resamples:,}" for interval in measured[0]))
    return Table(
        caption=f"Continuity of the embeddings with {100 * first.level:g} % intervals: "
        f"{runs[0].evaluation.protocol.split.upper()} split",
        header=("Measure", *(run.title for run in runs)),
        rows=tuple(rows),
        notes=(
            f"Intervals in parentheses: {first.method}, {resamples} resamples, seed "
            f"{runs[0].evaluation.protocol.seed}.",
            "The loss depends on the number of studies and on the unit of the embedding: compare it only between runs "
            "of the same data and temperature.",
        ),
    )


def _measure(run: ShownRun, studies: EmbeddingSet) -> tuple[Interval, ...]:
    """In the order of the rows."""
    protocol = run.evaluation.protocol
    patients = patients_of(run.folder.studies(protocol.split))
    points, labels = studies.embeddings, studies.ef_percent
    loss, gain = rnc_loss(
        points, labels, temperature=run.folder.recipe.temperature, patients=patients, seed=protocol.seed
    )
    return (
        rank_correlation(points, labels, patients=patients, seed=protocol.seed),
        knn_ef_error(points, labels, patients=patients, resamples=protocol.resamples, seed=protocol.seed),
        loss,
        gain,
    )


def _cell(interval: Interval) -> str:
    return interval.format().replace("-", "−")

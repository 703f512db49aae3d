"""Tables 4 and 5 of Maani et al. 2024: transfer to CAMUS and to HMC-QU."""

from collections.abc import Sequence
from dataclasses import replace

from coreecho.errors import RecipeError
from coreecho.experiments.data import Data
from coreecho.experiments.echonet_trainings import EchoNetTrainings, check_encoder
from coreecho.experiments.jobs import Training, Transfer
from coreecho.experiments.sources import Sources
from coreecho.experiments.tables import (
    Column,
    Comparison,
    PaperTable,
    TableRow,
    cited_row,
    figures_in_order,
    published_under,
)
from coreecho.experiments.transfer import Method
from coreecho.training.recipe import SCRATCH


def table4(sources: Sources) -> PaperTable:
    """EF on CAMUS, by image quality."""
    transfers = _Transfers(sources, sources.camus())
    good, poor = "Good & Medium", "Poor"
    columns = (
        Column(metric="pearson", label="G&M corr", digits=3, group=good),
        Column(metric="mae", label="G&M MAE", group=good),
        Column(metric="pearson", label="P corr", digits=3, group=poor),
        Column(metric="mae", label="P MAE", group=poor),
    )
    rows = (
        transfers.row("Scratch", "fine-tune", None, (0.714, 6.20, 0.538, 8.28)),
        transfers.row(f"MLP probing from {transfers.baseline}", "probe", "baseline", (0.660, 7.00, 0.401, 9.84)),
        transfers.row("MLP probing from CoReEcho", "probe", "coreecho", (0.730, 6.28, 0.570, 8.42)),
        transfers.row(f"Fine-tuning from {transfers.baseline}", "fine-tune", "baseline", (0.799, 5.33, 0.599, 7.49)),
        transfers.row("Fine-tuning from CoReEcho", "fine-tune", "coreecho", (0.807, 5.29, 0.693, 6.81)),
        cited_row("Wei et al. [27], regression", (0.725, 6.50, 0.674, 7.53)),
    )
    return PaperTable(
        name="table4",
        title="CAMUS, apical four-chamber view, 10-fold cross-validation",
        target="ef",
        columns=columns,
        rows=tuple(published_under(row, columns) for row in rows),
        comparisons=transfers.comparisons(rows),
        notes=(
            "EF: of the release that lies under the root (NIfTI or MetaImage); the two differ.",
            "Folds: CAMUS's official ten; each test fold is predicted by a model that eight others trained and one "
            "validated. Metrics are of the pooled predictions.",
            *transfers.notes,
        ),
        is_phantom=sources.scale.is_phantom,
    )


def table5(sources: Sources) -> PaperTable:
    """Myocardial infarction on HMC-QU."""
    transfers = _Transfers(sources, sources.hmc_qu())
    columns = tuple(
        Column(metric=metric, label=label, scale=100)
        for metric, label in (
            ("sensitivity", "Sens."),
            ("specificity", "Spec."),
            ("precision", "Prec."),
            ("f1", "F1"),
            ("accuracy", "Acc."),
            ("auroc", "AUROC"),
        )
    )
    rows = [
        transfers.row("Scratch", "fine-tune", None, (95.81, 38.57, 75.99, 84.36, 76.31)),
        transfers.row(
            f"MLP probing from {transfers.baseline}", "probe", "baseline", (72.19, 81.07, 88.60, 78.90, 75.20)
        ),
        transfers.row("MLP probing from CoReEcho", "probe", "coreecho", (93.05, 69.64, 87.20, 89.55, 85.18)),
        transfers.row(
            f"Fine-tuning from {transfers.baseline}", "fine-tune", "baseline", (98.57, 72.50, 88.37, 92.96, 89.77)
        ),
        transfers.row("Fine-tuning from CoReEcho", "fine-tune", "coreecho", (92.95, 86.07, 93.55, 92.91, 90.64)),
    ]
    k400 = ("Fine-tuning from K400", (93.14, 64.64, 85.05, 88.25, 83.52))
    if sources.scale.is_phantom or sources.k400 == SCRATCH:
        rows.append(replace(cited_row(*k400), note="no Kinetics weights were given"))
    else:
        rows.append(transfers.row(k400[0], "fine-tune", "k400", k400[1]))
    rows += [
        cited_row("Degerli et al. [3], scratch", (85.97, 70.10, 85.52, 85.29, 80.24)),
        cited_row("Saeed et al. [20], fine-tuning", (86.10, 78.21, 88.53, 87.09, 83.44)),
        cited_row("Nguyen et al. [17], scratch", (83.30, 89.30, 94.20, 88.30, 85.10)),
    ]
    return PaperTable(
        name="table5",
        title="HMC-QU, apical four-chamber view, stratified 5-fold cross-validation: myocardial infarction",
        target="mi",
        columns=columns,
        rows=tuple(published_under(row, columns[:5]) for row in rows),
        comparisons=transfers.comparisons(rows),
        notes=(
            "Label: infarction where any segment of the sheet says MI. Clips: those that come with masks.",
            "Folds: dealt out within each class in the sheet's order; each is predicted by a model that three others "
            "trained and one validated (the paper names none). A diagnosis is a probability of at least 0.5.",
            "Metrics are of the pooled predictions; the paper's figures are means over folds, as no pooled specificity "
            "of 37 normal clips can be 86.07 %.",
            *transfers.notes,
        ),
        is_phantom=sources.scale.is_phantom,
    )


class _Transfers:
    """The transfers to one data set; on phantoms one from each seed of the pretraining."""

    def __init__(self, sources: Sources, data: Data) -> None:
        self._sources, self._data = sources, data
        self.baseline = "L1" if sources.scale.is_phantom else "EchoCoTr"
        self.notes = sources.scale.notes
        if sources.scale.is_phantom:
            self.notes = (
                "In place of EchoCoTr, pretraining end to end by L1 with everything else as CoReEcho's; the paper's "
                "figures in those rows are EchoCoTr's.",
                *self.notes,
            )

    def row(self, label: str, method: Method, source: str | None, paper: tuple[float, ...]) -> TableRow:
        """A row of one transfer a seed."""
        scale = self._sources.scale
        overrides = dict(scale.probe if method == "probe" else scale.fine_tune)
        if source is None and scale.is_phantom:
            # From scratch the recipe gives the encoder.
            overrides["encoder"] = scale.settings["encoder"]
        seeds = scale.transfer_seeds
        jobs = tuple(
            Transfer(
                name=f"{self._data.dataset}-{method}-{source or SCRATCH}-seed{seed}",
                data=self._data,
                method=method,
                source=SCRATCH if source is None else self._pretrained(source, seed),
                overrides=overrides,
                seed=seed,
            )
            for seed in seeds
        )
        return TableRow(
            label=label,
            jobs=jobs,
            readings={"test": tuple(job.read for job in jobs)},
            published=figures_in_order(paper),
        )

    def comparisons(self, rows: Sequence[TableRow]) -> tuple[Comparison, ...]:
        """What the paper's text claims."""
        probe, tune = f"MLP probing from {self.baseline}", f"Fine-tuning from {self.baseline}"
        pairs = [
            ("probing: CoReEcho minus", probe, "MLP probing from CoReEcho"),
            ("fine-tuning: CoReEcho minus", tune, "Fine-tuning from CoReEcho"),
        ]
        found = [
            Comparison(question=f"{text} {self.baseline}", first=first, second=second) for text, first, second in pairs
        ]
        return (
            *found,
            Comparison(question="fine-tuning CoReEcho minus scratch", first=rows[0].label, second=pairs[1][2]),
        )

    def _pretrained(self, source: str, seed: int) -> Training | str:
        if self._sources.scale.is_phantom:
            kind = "l1-scratch" if source == "baseline" else "coreecho-scratch"
            return EchoNetTrainings(self._sources).all(kind, (seed,))[0]
        flag = "echocotr" if source == "baseline" else source
        weights: str | None = getattr(self._sources, flag)
        if weights is None or weights == SCRATCH:
            example = "" if flag == "k400" else f"RUNS/{flag}-seed0 of `coreecho reproduce table1`, or "
            raise RecipeError(
                f"This table transfers from {flag}: give its weights by `--{flag} RUN_OR_FILE`, such as {example}a "
                "published checkpoint, or what `coreecho import-weights` made of it."
            )
        check_encoder(flag, weights, "uniformer_small")
        return weights

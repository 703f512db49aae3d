"""`coreecho infarction`."""

from pathlib import Path
from typing import Literal

from coreecho.cli.options import AtLeastOne, Device, NotNegative
from coreecho.datasets.layout_names import INFARCTIONS_LAYOUT
from coreecho.names import counted


def infarction(
    root: Path,
    /,
    *,
    out: Path,
    method: Literal["nguyen", "degerli"] = "nguyen",
    classifier: str = "svm-rbf",
    segmenter: list[Path] | None = None,
    dataset: str = INFARCTIONS_LAYOUT,
    view: Literal["A4C", "A2C", "both"] = "A4C",
    device: Device = "auto",
    resamples: AtLeastOne = 10_000,
    seed: NotNegative = 0,
) -> int:
    """Tell infarcts by how the wall of the left ventricle moves: `coreecho infarction HMC-QU --out results`.

    The methods of Degerli et al. 2021 and of Nguyen et al. 2023: masks of the wall, the motion of six segments, a
    classifier that is cross-validated by the data set's folds. Needs scikit-learn: pip install 'coreecho[infarction]'.

    Parameters
    ----------
    root:
        Root of the data set.
    out:
        Folder for the result.
    method:
        Features, and how settings and the cut-off are chosen.
    classifier:
        `svm-rbf`, `svm-linear`, `k-nn`, `tree`, `forest` or `logistic`.
    segmenter:
        Run or weights that outline the wall, in place of the masks of the data set, which measure the classifier alone.
        May be given more than once: features then stand beside each other. One that learned from the tested recordings
        flatters the figures; of a run that is said with them.
    dataset:
        Layout of the data set.
    view:
        Of the data set; `both` joins them, and an infarct in any view is an infarct.
    device:
        Processor of segmenters.
    resamples:
        Bootstrap resamples behind the intervals.
    seed:
        Seed of the resamples.
    """
    from rich.console import Console

    from coreecho.datasets.phantom_marks import is_phantom_root
    from coreecho.models.segmenter import load_segmenter
    from coreecho.report.tables import metrics_table
    from coreecho.ventricle.run_infarction import measure_infarctions, overlap_of

    views = ("A4C", "A2C") if view == "both" else (view,)
    loaded = [load_segmenter(path, device=device) for path in segmenter or ()]
    overlaps = list(filter(None, (overlap_of(path, root, dataset=dataset, views=views) for path in segmenter or ())))
    measured = measure_infarctions(
        root,
        out,
        dataset=dataset,
        views=views,
        segmenters=loaded,
        overlaps=overlaps,
        rule=method,
        classifier=classifier,
        resamples=resamples,
        seed=seed,
    )
    console = Console()
    walls = counted(len(loaded), "segmenters") if loaded else "the masks of the data set"
    title = f"{method}, {classifier}, {' and '.join(views)}, walls by {walls}: means over the folds of {root.name}"
    console.print(metrics_table(measured.metrics, title=title, is_phantom=is_phantom_root(root)))
    if measured.without_features:
        console.print(f"Note: {counted(len(measured.without_features), 'recordings')} without features.", markup=False)
    for overlap in overlaps:
        console.print(f"Note: {overlap}.", markup=False)
    console.print(f"Features, diagnoses and metrics: {out}", markup=False, soft_wrap=True)
    return 0

"""EF by discs from the outlines that a network gives at ED and ES, beside the EF that it reads.

So Wei et al. 2023 and EchoGraphs (Thomas et al. 2022) measure EF a second time.

discs.csv    one row a recording: true EF, EF by discs, and how the outlines agree with the readers' at ED and ES
discs.json   errors of EF by discs, Dice, each with a 95 % interval; recordings without an outline
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch.utils.data import default_collate

from coreecho.datasets import Recording
from coreecho.errors import DatasetError, RecipeError
from coreecho.evaluation import Interval, bootstrap_intervals
from coreecho.files import write_whole, writing_into
from coreecho.inference.subject import Subject
from coreecho.models.evaluation_mode import evaluation_mode
from coreecho.notices import NOTICE
from coreecho.progress import track
from coreecho.training.lesson import Examples, Lesson
from coreecho.ventricle.volume import ejection_fraction, ventricle_curve

_Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DiscResults:
    """What was found.

    Attributes:
        table: one row a recording.
        figures: by their names: `ef_mae`, `ef_bias` in points, `dice_ed` and `dice_es` over all pixels.
        correlation: of EF by discs and the true one; NaN with fewer than two.
        task_mae: mean absolute error of the EF that the network reads of the same recordings.
    """

    table: pd.DataFrame
    figures: dict[str, Interval]
    correlation: float
    task_mae: float

    @property
    def num_without(self) -> int:
        """Recordings in which ED or ES has no outline: they are in no figure of EF."""
        return int(self.table["ef_discs"].isna().sum())

    @property
    def note(self) -> str:
        """In one line."""
        figures = self.figures
        return (
            f"EF by discs, of {len(self.table) - self.num_without} of {len(self.table)} recordings: "
            f"MAE {figures['ef_mae'].format()}, against {self.task_mae:.2f} of the EF that is read; "
            f"Dice {figures['dice_ed'].format(3)} at ED and {figures['dice_es'].format(3)} at ES"
        )


def check_outlines_ends(subject: Subject) -> Lesson:
    """Give the lesson whose network outlines ED and ES. Raises RecipeError: there is none."""
    lesson = subject.run.lesson if subject.run is not None else None
    if lesson is None or not lesson.outlines_ends:
        raise RecipeError(
            "`--discs` measures the outlines at ED and ES of a run of `colearning` or of EchoGraphs' objectives: give "
            "the folder of such a run. `coreecho segment` measures those of a segmenter."
        )
    return lesson


def measure_discs(
    subject: Subject,
    predictions: pd.DataFrame,
    recordings: Sequence[Recording],
    folder: Path,
    *,
    device: str = "auto",
    resamples: int = 10_000,
    seed: int = 0,
    show_progress: bool = False,
) -> DiscResults:
    """Measure EF by discs, and write it beside an evaluation.

    Args:
        subject: a run whose objective outlines ED and ES, and the data.
        predictions: of EF, as the evaluation has them.
        recordings: of these predictions.
        folder: of the evaluation.
        device: where to compute.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        show_progress: show a bar on stderr.

    Raises:
        RecipeError: the run's network outlines nothing.
        DatasetError: no recording has outlines to compare with.
    """
    lesson = check_outlines_ends(subject)
    usable = lesson.usable(recordings, subject.data)
    if not usable:
        raise DatasetError(f"None of {len(recordings)} recordings has {lesson.needs}, which `--discs` compares with.")
    examples = lesson.validation_examples(
        Examples(recordings=usable, store=subject.store(show_progress=show_progress), data=subject.data)
    )
    model, task = subject.model(device), subject.task
    rows = []
    with evaluation_mode(model):
        for position, recording in enumerate(track(usable, "Discs", disable=not show_progress, transient=True)):
            said, known = lesson.end_masks(model, default_collate([examples[position]]))
            known_of_it = {"recording": recording.id, task.true_column: task.label_of(recording)}
            rows.append({**known_of_it, **_measured(said[0], known[0])})
    table = pd.DataFrame(rows)
    measured = _results(table, predictions, subject, resamples, seed)
    _write(measured, folder, is_phantom=subject.is_phantom)
    return measured


def _measured(said: NDArray[np.bool_], known: NDArray[np.bool_]) -> dict[str, float]:
    """EF by discs of both masks (2, H, W), and their pixels at ED and ES."""
    row: dict[str, float] = {}
    for name, masks in (("ef_discs", said), ("ef_discs_of_readers", known)):
        edv, esv = ventricle_curve(masks).volumes
        row[name] = ejection_fraction(edv, esv) if edv > 0 else math.nan
    for place, end in enumerate(("ed", "es")):
        row[f"common_{end}"] = int((said[place] & known[place]).sum())
        row[f"sizes_{end}"] = int(said[place].sum() + known[place].sum())
    return row


def _results(
    table: pd.DataFrame, predictions: pd.DataFrame, subject: Subject, resamples: int, seed: int
) -> DiscResults:
    true, task = table[subject.task.true_column].to_numpy(float), subject.task
    discs = table["ef_discs"].to_numpy(float)
    shares: dict[str, tuple[_Floats, _Floats]] = {
        "ef_mae": _over_known(np.abs(discs - true)),
        "ef_bias": _over_known(discs - true),
        **{
            f"dice_{end}": (2.0 * table[f"common_{end}"].to_numpy(float), table[f"sizes_{end}"].to_numpy(float))
            for end in ("ed", "es")
        },
    }
    of_id = {recording.id: recording.patient or recording.id for recording in subject.all_recordings}
    intervals = bootstrap_intervals(
        _statistics(list(shares.values())),
        len(table),
        patients=[of_id[name] for name in table["recording"]],
        resamples=resamples,
        seed=seed,
    )
    is_known = np.isfinite(discs) & np.isfinite(true)
    kept = predictions[predictions["recording"].isin(table["recording"])]
    return DiscResults(
        table=table,
        figures=dict(zip(shares, intervals, strict=True)),
        correlation=_correlation(discs[is_known], true[is_known]),
        task_mae=float((kept[task.output_column] - kept[task.true_column]).abs().mean()),
    )


def _over_known(values: _Floats) -> tuple[_Floats, _Floats]:
    """What a mean over the recordings in which a value is known has above and below."""
    is_known = np.isfinite(values)
    return np.where(is_known, values, 0.0), is_known.astype(np.float64)


def _statistics(shares: Sequence[tuple[_Floats, _Floats]]) -> Callable[[_Floats], _Floats]:
    """The ratio of two weighted sums, for each figure."""

    def of_counts(counts: _Floats) -> _Floats:
        sums = [(counts @ above, counts @ below) for above, below in shares]
        return np.stack(
            [np.where(below > 0, above / np.where(below > 0, below, 1), np.nan) for above, below in sums], axis=1
        )

    return of_counts


def _correlation(found: _Floats, true: _Floats) -> float:
    """Pearson's; NaN where it is of fewer than two, or of equal numbers."""
    if len(found) < 2 or np.ptp(found) == 0 or np.ptp(true) == 0:
        return math.nan
    return float(np.corrcoef(found, true)[0, 1])


def _write(measured: DiscResults, folder: Path, *, is_phantom: bool) -> None:
    document = {
        "notice": NOTICE,
        "is_phantom": is_phantom,
        "num_recordings": len(measured.table),
        "num_without_outlines": measured.num_without,
        "figures": {name: interval.to_dict() for name, interval in measured.figures.items()},
        "pearson": None if math.isnan(measured.correlation) else measured.correlation,
        "ef_mae_of_what_is_read": None if math.isnan(measured.task_mae) else measured.task_mae,
    }
    with writing_into(folder):
        write_whole(folder / "discs.csv", measured.table.to_csv(index=False))
        write_whole(folder / "discs.json", json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")

"""The figures of continuity under the names, units and meanings with which they are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.evaluation.intervals import Interval
from coreecho.evaluation.kept_results import interval_from
from coreecho.representation.continuity import NEIGHBOURS, knn_error, rank_correlation, rnc_loss
from coreecho.representation.explained_variance import explained_shares
from coreecho.representation.smoothness import EFPath, mean_smoothness
from coreecho.tasks import Task

# With the words of the number that the model reads.
_MEANINGS = {
    "rank_correlation": (
        "Rank correlation",
        "",
        "of embedding distance and {noun} distance, mean over anchors; 1 is best",
    ),
    "knn_error": (
        f"{{noun}} error of {NEIGHBOURS} neighbours",
        "{error_unit}",
        "distance of a recording's {noun} from the mean {noun} of the others nearest to it; 0 is best",
    ),
    "rnc_loss": ("Rank-N-Contrast loss", "nats", "over all recordings at once; grows with their number"),
    "rnc_gain": ("Gain over no order", "nats", "how much lower the loss is than of embeddings that coincide"),
}
_SHARE_MEANING = "share of the embedding's variance that it explains, out of fold"
_PATH_MEANINGS = {
    "order": (
        "Order along EF",
        "share of triples on a path of EF whose ends are farthest apart; 1 is best, 1/3 chance",
    ),
    "straightness": ("Straightness along EF", "distance of a path's ends over its length; 1 is a straight line"),
    "step_variation": ("Unevenness of steps", "sd over mean of the steps for one EF point each; 0 is perfectly steady"),
    "ef_slope": ("Predicted per true EF point", "slope of predicted over true EF along a path; 1 is best"),
}


@dataclass(frozen=True, kw_only=True)
class ContinuityFigure:
    """One figure.

    Attributes:
        group: `order`, `variance` or `path`.
        key: name in files.
        label: name for people.
        unit: empty for a pure number.
        meaning: in one line.
        interval: the figure, and how sure it is.
    """

    group: str
    key: str
    label: str
    unit: str
    meaning: str
    interval: Interval

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able dictionary."""
        names = {"group": self.group, "measure": self.key, "label": self.label, "unit": self.unit}
        return {**names, "meaning": self.meaning, **self.interval.to_dict()}


def figure_from(entries: dict[str, Any]) -> ContinuityFigure:
    """Read a figure from what `ContinuityFigure.to_dict` gave."""
    return ContinuityFigure(
        group=entries["group"],
        key=entries["measure"],
        label=entries["label"],
        unit=entries["unit"],
        meaning=entries["meaning"],
        interval=interval_from(entries),
    )


def order_figures(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.float64],
    number: Task,
    *,
    temperature: float,
    patients: Sequence[str] | None = None,
    seed: int = 0,
) -> list[ContinuityFigure]:
    """Whether the embedding lies in the order of EF, or another number."""
    loss, gain = rnc_loss(embeddings, labels, temperature=temperature, patients=patients, seed=seed)
    intervals = {
        "rank_correlation": rank_correlation(embeddings, labels, patients=patients, seed=seed),
        "knn_error": knn_error(embeddings, labels, patients=patients, seed=seed),
        "rnc_loss": loss,
        "rnc_gain": gain,
    }
    words = {"noun": number.noun, "error_unit": number.error_unit}
    return [
        ContinuityFigure(group="order", key=key, label=label, unit=unit, meaning=meaning, interval=intervals[key])
        for key, texts in _MEANINGS.items()
        for label, unit, meaning in [[text.format(**words) for text in texts]]
    ]


def variance_figures(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.float64],
    number: Task,
    nuisances: Mapping[str, NDArray[np.float64]],
    *,
    patients: Sequence[str] | None = None,
    seed: int = 0,
) -> list[ContinuityFigure]:
    """What the embedding is made of."""
    shares = explained_shares(embeddings, labels, nuisances, noun=number.noun, patients=patients, seed=seed)
    return [
        ContinuityFigure(
            group="variance", key=share_key(name), label=name, unit="", meaning=_SHARE_MEANING,
            interval=interval,
        )
        for name, interval in shares.items()
    ]  # fmt: skip


def share_key(name: str) -> str:
    """Name in files of the share of variance that something explains."""
    return f"share_of_{name.replace(' ', '_')}"


def path_figures(paths: Sequence[EFPath], *, seed: int = 0) -> list[ContinuityFigure]:
    """How the embedding moves while the EF of one heart is moved."""
    return [
        ContinuityFigure(
            group="path", key=f"path_{name}", label=_PATH_MEANINGS[name][0], unit="", meaning=_PATH_MEANINGS[name][1],
            interval=interval,
        )
        for name, interval in mean_smoothness(paths, seed=seed).items()
    ]  # fmt: skip

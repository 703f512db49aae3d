"""What an evaluation looks like: scatter.png, predicted against true EF, and bland_altman.png, their agreement."""

from pathlib import Path
from typing import Any

from coreecho.evaluation.evaluate import Evaluation, Pictures
from coreecho.evaluation.metrics import EFMetrics
from coreecho.report.figures import bland_altman, scatter


def pictures_of(evaluation: Evaluation[Any]) -> Pictures:
    """What draws the pictures that go beside the tables of an evaluation; of EF alone there are any."""
    metrics = evaluation.metrics
    if not isinstance(metrics, EFMetrics):
        return {}

    def draw_scatter(path: Path) -> None:
        scatter(
            evaluation.predictions,
            path,
            metrics=metrics,
            is_phantom=evaluation.is_phantom,
            caution=evaluation.overlap_label,
        )

    def draw_agreement(path: Path) -> None:
        bland_altman(
            evaluation.predictions,
            path,
            metrics=metrics,
            is_phantom=evaluation.is_phantom,
            caution=evaluation.overlap_label,
        )

    return {"scatter.png": draw_scatter, "bland_altman.png": draw_agreement}

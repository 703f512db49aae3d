"""What an evaluation looks like: scatter.png, predicted against true, and bland_altman.png, their agreement."""

from functools import partial
from typing import Any

from coreecho.evaluation.evaluate import Evaluation, Pictures
from coreecho.report.figures import bland_altman, scatter


def pictures_of(evaluation: Evaluation[Any]) -> Pictures:
    """What draws the pictures that go beside the tables of an evaluation; of numbers there are any."""
    if not evaluation.task.is_number:
        return {}
    drawn = {"scatter.png": scatter, "bland_altman.png": bland_altman}
    return {
        name: partial(
            draw,
            evaluation.predictions,
            metrics=evaluation.metrics,
            task=evaluation.task,
            model=evaluation.model_name,
            cautions=[] if evaluation.overlap_label is None else [evaluation.overlap_label],
            is_phantom=evaluation.is_phantom,
        )
        for name, draw in drawn.items()
    }

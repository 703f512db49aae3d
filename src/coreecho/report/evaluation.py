"""What an evaluation looks like: scatter.png, predicted against true, and bland_altman.png, their agreement.

Of a calibrated model, on recordings enough to tell, also reliability.png, its probability of an EF below 40 %, and
refusal.png: what refusing is worth.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from coreecho.evaluation.evaluate import Evaluation, Pictures
from coreecho.report.figures import bland_altman, scatter
from coreecho.report.worth_drawing import draw_refusal, draw_reliability


def pictures_of(evaluation: Evaluation[Any]) -> Pictures:
    """What draws the pictures that go beside the tables of an evaluation; of numbers there are any."""
    if not evaluation.task.is_number:
        return {}
    words: dict[str, Any] = {
        "model": evaluation.model_name,
        "cautions": [] if evaluation.overlap_label is None else [evaluation.overlap_label],
        "is_phantom": evaluation.is_phantom,
    }
    drawn: dict[str, Callable[[Path], None]] = {
        name: partial(draw, evaluation.predictions, metrics=evaluation.metrics, task=evaluation.task, **words)
        for name, draw in (("scatter.png", scatter), ("bland_altman.png", bland_altman))
    }
    worth = evaluation.worth
    if worth is not None and not worth.is_of_few:
        drawn |= {
            name: partial(draw, worth, **words)
            for name, draw in (("reliability.png", draw_reliability), ("refusal.png", draw_refusal))
        }
    return drawn

"""The explained number under the names that people and files know: EF, or the probability of an infarction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from coreecho.saliency.grad_cam import Evidence
from coreecho.target import Target


@dataclass(frozen=True, kw_only=True)
class ExplainedOutput:
    """How a model's output is called.

    Attributes:
        name: in a sentence.
        short: in a caption where there is little room.
        explained: what the map refers to: the number before it is made a probability.
        unit: of the map's values.
    """

    name: str
    short: str
    explained: str
    unit: str


OUTPUTS: Mapping[Target, ExplainedOutput] = {
    "ef": ExplainedOutput(name="predicted EF", short="EF", explained="predicted EF", unit="EF points per cell"),
    "mi": ExplainedOutput(
        name="predicted probability of a myocardial infarction",
        short="probability of an infarction",
        explained="logit of a myocardial infarction",
        unit="logits per cell",
    ),
}
_EVIDENCE: Mapping[Evidence, str] = {"positive": "raises", "negative": "lowers", "absolute": "moves"}


def in_words(target: Target, prediction: float) -> str:
    """Say a prediction: `predicted EF 55.0 %`.

    Args:
        target: what the model reads.
        prediction: EF in percent, or the logit of an infarction.
    """
    percent = prediction if target == "ef" else 100 * float(expit(prediction))
    return f"{OUTPUTS[target].name} {percent:.1f} %"


def evidence_in_words(target: Target, evidence: Evidence) -> str:
    """Say what is bright on a map: `what raises the EF`."""
    return f"what {_EVIDENCE[evidence]} the {OUTPUTS[target].short}"


def as_figures(target: Target, clip_predictions: NDArray[np.float64]) -> dict[str, float | Sequence[float]]:
    """Give the prediction of a video and of its clips, by the names that they have in files.

    The probability of a video is that of the mean of its clips' logits.

    Args:
        target: what the model reads.
        clip_predictions: (k,), EF in percent, or logits.
    """
    mean = float(clip_predictions.mean())
    if target == "ef":
        return {"ef_percent": mean, "clip_ef_percent": clip_predictions.tolist()}
    return {
        "mi_probability": float(expit(mean)),
        "mi_logit": mean,
        "clip_mi_probability": expit(clip_predictions).tolist(),
        "clip_mi_logit": clip_predictions.tolist(),
    }

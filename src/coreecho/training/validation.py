"""Validation: the mean prediction of a few evenly placed clips of each video."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from coreecho.datasets.clip_dataset import ClipBatch
from coreecho.models.echo_model import EchoModel
from coreecho.target import Target
from coreecho.training.distributed import gather_rows

# The label and the prediction, by what a model reads.
VALIDATION_COLUMNS: dict[Target, tuple[str, str]] = {"ef": ("ef_true", "ef_predicted"), "mi": ("has_mi", "mi_logit")}


@torch.no_grad()
def validate(model: EchoModel, loader: DataLoader[ClipBatch]) -> pd.DataFrame:
    """Predict every study of the loader; with several processes, of all their loaders.

    Args:
        model: in any mode; it is put into evaluation mode and back.
        loader: batches of `ValidationClips`.

    Returns:
        One row a study, in the data set's order: study (its position), and ef_true and ef_predicted, or for the target
        `mi` has_mi and mi_logit.
    """
    was_training = model.training
    model.eval()
    rows: list[Tensor] = [torch.empty(0, 3, dtype=torch.float64)]
    device = next(model.parameters()).device
    for batch in loader:
        num_views = batch.clips.shape[1]
        output = model(batch.clips.flatten(0, 1).to(device), batch.num_valid_frames.flatten().to(device))
        predicted = output.prediction.double().cpu().view(-1, num_views).mean(1)
        rows.append(torch.stack([batch.study.double(), batch.label.double(), predicted], dim=1))
    model.train(was_training)
    table = pd.DataFrame(gather_rows(torch.cat(rows)).numpy(), columns=["study", *VALIDATION_COLUMNS[model.target]])
    return table.astype({"study": int}).sort_values("study", ignore_index=True)


def validation_metrics(table: pd.DataFrame) -> dict[str, float]:
    """Of `validate`'s table: MAE in EF points and R2; or binary cross-entropy, and accuracy at a probability of 1/2."""
    if "mi_logit" in table:
        labels, logits = table.has_mi.to_numpy(), table.mi_logit.to_numpy()
        # log(1 + e^x) - y x, which no logit overflows.
        entropy = np.logaddexp(0, logits) - labels * logits
        return {"val_bce": float(entropy.mean()), "val_accuracy": float(((logits > 0) == (labels > 0)).mean())}
    error = table.ef_predicted - table.ef_true
    spread = ((table.ef_true - table.ef_true.mean()) ** 2).sum()
    return {
        "val_mae": float(error.abs().mean()),
        "val_r2": float(1 - (error**2).sum() / spread) if spread > 0 else float("nan"),
    }

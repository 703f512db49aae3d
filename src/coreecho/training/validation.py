"""Validation: the mean EF of a few evenly placed clips of each video."""

import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from coreecho.datasets.clip_dataset import ClipBatch
from coreecho.models.ef_model import EFModel
from coreecho.training.distributed import gather_rows


@torch.no_grad()
def validate(model: EFModel, loader: DataLoader[ClipBatch]) -> pd.DataFrame:
    """Predict every study of the loader; with several processes, of all their loaders.

    Args:
        model: in any mode; it is put into evaluation mode and back.
        loader: batches of `ValidationClips`.

    Returns:
        One row a study, in the data set's order: study (its position), ef_true, ef_predicted.
    """
    was_training = model.training
    model.eval()
    rows: list[Tensor] = [torch.empty(0, 3, dtype=torch.float64)]
    device = next(model.parameters()).device
    for batch in loader:
        num_views = batch.clips.shape[1]
        output = model(batch.clips.flatten(0, 1).to(device), batch.num_valid_frames.flatten().to(device))
        predicted = output.ef_percent.double().cpu().view(-1, num_views).mean(1)
        rows.append(torch.stack([batch.study.double(), batch.ef_percent.double(), predicted], dim=1))
    model.train(was_training)
    table = pd.DataFrame(gather_rows(torch.cat(rows)).numpy(), columns=["study", "ef_true", "ef_predicted"])
    return table.astype({"study": int}).sort_values("study", ignore_index=True)


def validation_metrics(table: pd.DataFrame) -> dict[str, float]:
    """MAE in EF points, and R2, of `validate`'s table."""
    error = table.ef_predicted - table.ef_true
    spread = ((table.ef_true - table.ef_true.mean()) ** 2).sum()
    return {
        "val_mae": float(error.abs().mean()),
        "val_r2": float(1 - (error**2).sum() / spread) if spread > 0 else float("nan"),
    }

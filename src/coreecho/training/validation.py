"""Validation: the mean prediction of a few evenly placed clips of each video."""

import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from coreecho.datasets.clip_dataset import ClipBatch
from coreecho.models.echo_model import EchoModel
from coreecho.tasks import Task
from coreecho.training.distributed import gather_rows


@torch.no_grad()
def validate(model: EchoModel, loader: DataLoader[ClipBatch]) -> pd.DataFrame:
    """Predict every recording of the loader; with several processes, of all their loaders.

    Args:
        model: in any mode; it is put into evaluation mode and back.
        loader: batches of `ValidationClips`.

    Returns:
        One row a recording, in the data set's order: recording (its position), and the columns of the model's task for
        the label and for the network's output.
    """
    was_training = model.training
    model.eval()
    rows: list[Tensor] = [torch.empty(0, 3, dtype=torch.float64)]
    device = next(model.parameters()).device
    for batch in loader:
        num_views = batch.clips.shape[1]
        output = model(batch.clips.flatten(0, 1).to(device), batch.num_valid_frames.flatten().to(device))
        # To the processor first: not every GPU has double precision.
        predicted = output.prediction.cpu().double().view(-1, num_views).mean(1)
        rows.append(torch.stack([batch.recording.double(), batch.label.double(), predicted], dim=1))
    model.train(was_training)
    columns = ["recording", model.task.true_column, model.task.output_column]
    table = pd.DataFrame(gather_rows(torch.cat(rows)).numpy(), columns=columns)
    return table.astype({"recording": int}).sort_values("recording", ignore_index=True)


def validation_metrics(task: Task, table: pd.DataFrame) -> dict[str, float]:
    """The task's quick metrics of `validate`'s table."""
    return task.validation_metrics(table[task.true_column].to_numpy(), table[task.output_column].to_numpy())

"""A robust loss of the predictions, and short embeddings."""

from torch import Tensor
from torch.nn import functional

from coreecho.models import EchoModel
from coreecho.tasks import Task
from coreecho.training.objectives import Objective

_NORM_WEIGHT = 1e-3


class HuberNorm(Objective):
    """Huber's loss end to end, and a small weight on the length of the embeddings."""

    usual_task = "heart_rate"

    def fits(self, task: Task) -> bool:
        return "l1" in task.losses

    def terms(self, model: EchoModel, clips: Tensor, num_valid_frames: Tensor, labels: Tensor) -> dict[str, Tensor]:
        embeddings = model.embed(clips, num_valid_frames)
        return {
            "huber": functional.huber_loss(model.read_embeddings(embeddings), labels),
            "norm": _NORM_WEIGHT * embeddings.square().sum(dim=1).mean(),
        }

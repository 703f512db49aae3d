"""What several processes share: embeddings for the loss, and the statistics of batch normalisation.

With both, one step of W processes is the same as one step of a single process with the same batch.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_gather
from torch.nn.modules.batchnorm import _BatchNorm


def is_distributed() -> bool:
    """Whether this process is one of several."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def gather_with_gradients(local: Tensor) -> Tensor:
    """Concatenate a tensor of every process, (B, ...) -> (W B, ...), so that gradients flow back to each of them.

    Every process computes the same loss L of the gathered tensor, and the backward pass sums their W gradients into
    W dL/d(local). The averaging of DistributedDataParallel divides by W again, which leaves exactly the gradient of L.
    """
    if not is_distributed():
        return local
    return torch.cat(all_gather(local))  # type: ignore[no-untyped-call]


def gather_rows(local: Tensor) -> Tensor:
    """Concatenate (B, ...) of every process without gradients; B may differ between them."""
    if not is_distributed():
        return local
    gathered: list[Tensor | None] = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, local.cpu())
    return torch.cat([part for part in gathered if part is not None])


class GlobalBatchNorm(_BatchNorm):
    """Batch normalisation over the batches of all processes, on any device.

    `torch.nn.SyncBatchNorm` does this on GPUs only. Same parameters and names as the layer that it replaces.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - the name is torch's
        if input.dim() < 2:
            raise ValueError(f"expected (B, C, ...), got {tuple(input.shape)}")

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name is torch's
        """Normalise (B, C, ...) over B of all processes and all positions."""
        if not (self.training and is_distributed()):
            return super().forward(input)
        self._check_input_dim(input)
        dims = [0, *range(2, input.dim())]
        shape = [1, -1] + [1] * (input.dim() - 2)
        values = input.float()
        mean, variance, num_values = _global_statistics(values, dims)
        self._update_running_statistics(mean.detach(), variance.detach(), num_values.detach())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalised: Tensor = (values - mean.view(shape)) * scale.view(shape) + self.bias.view(shape)
        return normalised.to(input.dtype)

    def _update_running_statistics(self, mean: Tensor, variance: Tensor, num_values: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * num_values / (num_values - 1), momentum)


def _global_statistics(values: Tensor, dims: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, biased variance and number of the values of each channel over all processes, each (C,).

    From each process's mean and sum of squares about that mean (Chan, Golub and LeVeque 1983). E[x^2] - E[x]^2 in
    single precision leaves nothing of a variance that is small beside the mean, and may fall below zero.
    """
    variance, mean = torch.var_mean(values, dims, correction=0)
    count = torch.full_like(mean, values.numel() / mean.numel())
    every = torch.stack(all_gather(torch.stack([count, mean, variance * count])))  # type: ignore[no-untyped-call]
    counts, means, squares = every.unbind(1)
    total = counts.sum(0)
    # About the first process's mean, so that the sum loses no digits either.
    mean = means[0] + (counts * (means - means[0])).sum(0) / total
    return mean, (squares + counts * (means - mean).square()).sum(0) / total, total


def share_batch_statistics(module: nn.Module, *, on_gpu: bool) -> nn.Module:
    """Make every batch normalisation below `module` a global one; parameters and their names stay."""
    if on_gpu:
        shared: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return shared
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            layer = GlobalBatchNorm(child.num_features, eps=child.eps, momentum=child.momentum)
            layer.load_state_dict(child.state_dict())
            layer.train(child.training)
            setattr(module, name, layer)
        else:
            share_batch_statistics(child, on_gpu=on_gpu)
    return module

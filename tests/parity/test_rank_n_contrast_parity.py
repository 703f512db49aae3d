"""The loss against Eq. (1) of the paper, written down as three nested loops in double precision."""

import pytest
import torch
from torch import Tensor

from coreecho.losses import rank_n_contrast_loss


def oracle(embeddings: Tensor, labels: Tensor, temperature: float) -> Tensor:
    embeddings, ef = embeddings.double(), labels.double()
    num_clips = len(embeddings)

    def log_similarity(one: int, other: int) -> Tensor:
        return -(embeddings[one] - embeddings[other]).norm() / temperature

    loss = embeddings.new_zeros(())
    for anchor in range(num_clips):
        for positive in range(num_clips):
            if positive == anchor:
                continue
            far = [
                log_similarity(anchor, negative)
                for negative in range(num_clips)
                if negative != anchor and abs(ef[anchor] - ef[negative]) >= abs(ef[anchor] - ef[positive])
            ]
            loss = loss - (log_similarity(anchor, positive) - torch.stack(far).logsumexp(0))
    return loss / (num_clips * (num_clips - 1))


LABELS = {
    "no ties": [55.6, 31.25, 70.1, 12.0, 61.7, 44.4, 58.9, 65.3, 22.2, 49.8],
    "two views of each video": [55.6, 31.25, 70.1, 12.0, 61.7] * 2,
    "distances tie on both sides": [50.0, 40.0, 60.0, 30.0, 70.0, 50.0, 45.0, 55.0, 20.0, 80.0],
    "all equal": [50.0] * 10,
    "negative and large": [-1e6, 1e6, 0.0, -3.0, 3.0, 1e6, 5.0, -5.0, 0.0, 2.0],
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
@pytest.mark.parametrize("temperature", [1.0, 0.05, 20.0])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_loss_and_gradient(labels: list[float], temperature: float, dtype: torch.dtype, tolerance: float) -> None:
    generator = torch.Generator().manual_seed(3)
    embeddings = torch.randn(10, 5, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
    ef = torch.tensor(labels, dtype=torch.float64)
    ours, theirs = rank_n_contrast_loss(embeddings, ef, temperature), oracle(embeddings, ef, temperature)
    torch.testing.assert_close(ours.double(), theirs, rtol=tolerance, atol=tolerance)
    (our_gradient,) = torch.autograd.grad(ours, embeddings)
    (their_gradient,) = torch.autograd.grad(theirs, embeddings)
    scale = float(their_gradient.abs().max())
    torch.testing.assert_close(our_gradient, their_gradient, rtol=tolerance, atol=tolerance * scale)


def test_distances_far_beyond_the_range_of_exp() -> None:
    # exp(-20000) is 0 even in double precision; the log-sum-exp is not.
    embeddings = torch.tensor([[0.0], [5.0], [70.0], [200.0]], dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([10.0, 30.0, 35.0, 70.0])
    ours, theirs = rank_n_contrast_loss(embeddings, labels, 0.01), oracle(embeddings, labels, 0.01)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    torch.testing.assert_close(*(torch.autograd.grad(loss, embeddings)[0] for loss in (ours, theirs)))

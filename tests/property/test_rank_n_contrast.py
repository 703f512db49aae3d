"""What must not change the loss, for any batch."""

from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from coreecho.losses import rank_n_contrast_loss

# Eighths: points coincide or are well apart. In between, at the last bit, the gradient of a distance jumps.
COORDINATES = st.integers(-400, 400).map(lambda eighths: eighths / 8)


@st.composite
def batches(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings in double precision and whole-number labels, with many ties."""
    num_clips, dimensions = draw(st.integers(2, 12)), draw(st.integers(1, 4))
    embeddings = draw(hnp.arrays(np.float64, (num_clips, dimensions), elements=COORDINATES))
    labels = draw(hnp.arrays(np.int64, num_clips, elements=st.integers(0, 8)))
    return torch.from_numpy(embeddings), torch.from_numpy(labels)


def loss_and_gradient(embeddings: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    points = embeddings.clone().requires_grad_()
    loss = rank_n_contrast_loss(points, labels)
    (gradient,) = torch.autograd.grad(loss, points)
    return loss.detach(), gradient


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-7)


@given(batches(), st.randoms(use_true_random=False))
def test_order_of_the_batch(batch: tuple[torch.Tensor, torch.Tensor], random: Any) -> None:
    embeddings, labels = batch
    order = list(range(len(labels)))
    random.shuffle(order)
    loss, gradient = loss_and_gradient(embeddings, labels)
    shuffled_loss, shuffled_gradient = loss_and_gradient(embeddings[order], labels[order])
    close(shuffled_loss, loss)
    close(shuffled_gradient, gradient[order])


@given(batches(), st.integers(0, 1000))
def test_rotation_of_the_embeddings(batch: tuple[torch.Tensor, torch.Tensor], seed: int) -> None:
    embeddings, labels = batch
    size = embeddings.shape[1]
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64, generator=generator)).Q
    close(rank_n_contrast_loss(embeddings @ rotation, labels), rank_n_contrast_loss(embeddings, labels))


@given(batches(), st.lists(COORDINATES, min_size=4, max_size=4))
def test_shift_of_the_embeddings(batch: tuple[torch.Tensor, torch.Tensor], shift: list[float]) -> None:
    embeddings, labels = batch
    moved = embeddings + torch.tensor(shift[: embeddings.shape[1]], dtype=torch.float64)
    close(rank_n_contrast_loss(moved, labels), rank_n_contrast_loss(embeddings, labels))


@given(batches(), st.integers(-1000, 1000), st.integers(1, 1000))
def test_shift_and_scale_of_the_labels(batch: tuple[torch.Tensor, torch.Tensor], shift: int, scale: int) -> None:
    embeddings, labels = batch
    loss, gradient = loss_and_gradient(embeddings, labels)
    moved_loss, moved_gradient = loss_and_gradient(embeddings, -scale * labels + shift)
    close(moved_loss, loss)
    close(moved_gradient, gradient)


@given(batches())
def test_it_is_finite_and_never_negative(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    loss, gradient = loss_and_gradient(*batch)
    assert loss >= -1e-9
    assert bool(torch.isfinite(loss))
    assert bool(torch.isfinite(gradient).all())


@given(batches())
def test_forces_balance(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    # The loss knows only distances, so the batch as a whole is not pushed anywhere.
    _, gradient = loss_and_gradient(*batch)
    close(gradient.sum(dim=0), torch.zeros(gradient.shape[1], dtype=torch.float64))


@settings(max_examples=25)
@given(st.integers(2, 10), st.integers(1, 5))
def test_tied_labels_cost_the_same_in_any_embedding_order(num_clips: int, dimensions: int) -> None:
    # With all labels equal the clips are exchangeable: embeddings may be dealt to them in any order.
    embeddings = torch.sin(torch.arange(num_clips * dimensions, dtype=torch.float64)).view(num_clips, dimensions)
    labels = torch.full((num_clips,), 55.6)
    close(rank_n_contrast_loss(embeddings.flip(0), labels), rank_n_contrast_loss(embeddings, labels))

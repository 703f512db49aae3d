import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import coreecho
from coreecho.losses import RankNContrastLoss, rank_n_contrast, rank_n_contrast_loss


@pytest.mark.parametrize("given", [np.zeros((4, 2)), [[0.0, 1.0], [1.0, 0.0]]])
def test_what_is_no_tensor_is_refused(given: object) -> None:
    labels = torch.arange(float(len(given)))
    with pytest.raises(TypeError, match=r"expected a torch\.Tensor \(N, D\) for embeddings, got (ndarray|list)"):
        coreecho.RankNContrastLoss()(given, labels)
    with pytest.raises(TypeError, match=r"expected a torch\.Tensor \(N,\) for labels, got list"):
        coreecho.rank_n_contrast_loss(torch.randn(2, 3), [1.0, 2.0])


def test_three_clips_by_hand() -> None:
    # Points 0, 1 and 3 on a line, labels 10, 11 and 20. Anchor 0: the nearer label's negatives are both others, the
    # farther label's itself alone. Anchors 1 and 2 likewise.
    embeddings = torch.tensor([[0.0], [1.0], [3.0]])
    labels = torch.tensor([10.0, 11.0, 20.0])
    anchor_0 = 1 + math.log(math.exp(-1) + math.exp(-3))
    anchor_1 = 1 + math.log(math.exp(-1) + math.exp(-2))
    anchor_2 = 2 + math.log(math.exp(-2) + math.exp(-3))
    expected = (anchor_0 + anchor_1 + anchor_2) / 6
    assert rank_n_contrast_loss(embeddings, labels).item() == pytest.approx(expected, abs=1e-6)


def test_tied_positives_are_each_others_negatives() -> None:
    # Both others are as far from the anchor in label: each pair of the middle clip is contrasted with both.
    embeddings = torch.tensor([[0.0], [1.0], [3.0]])
    labels = torch.tensor([10.0, 20.0, 30.0])
    anchor_1 = 1 + 2 + 2 * math.log(math.exp(-1) + math.exp(-2))
    anchor_0 = 1 + math.log(math.exp(-1) + math.exp(-3))
    anchor_2 = 2 + math.log(math.exp(-2) + math.exp(-3))
    expected = (anchor_0 + anchor_1 + anchor_2) / 6
    assert rank_n_contrast_loss(embeddings, labels).item() == pytest.approx(expected, abs=1e-6)


def test_two_clips_have_nothing_to_contrast() -> None:
    embeddings = torch.randn(2, 4, requires_grad=True)
    loss = rank_n_contrast_loss(embeddings, torch.tensor([30.0, 60.0]))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-7)
    assert embeddings.grad is not None
    assert embeddings.grad.abs().max() < 1e-7


def test_equal_labels_give_the_entropy_bound() -> None:
    # All embeddings at one distance from each other and all labels equal: every pair costs log(N - 1).
    loss = rank_n_contrast_loss(torch.eye(6), torch.full((6,), 50.0))
    assert loss.item() == pytest.approx(math.log(5), abs=1e-6)


def test_temperature_divides_the_distances() -> None:
    embeddings, labels = torch.randn(12, 3), torch.rand(12) * 100
    expected = rank_n_contrast_loss(embeddings / 0.3, labels)
    assert rank_n_contrast_loss(embeddings, labels, 0.3).item() == pytest.approx(expected.item(), rel=1e-5)


def test_gradient_is_that_of_the_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(10, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    labels = torch.tensor([1.0, 1, 2, 2, 3, 5, 9, 9, 9, 20])
    assert gradcheck(lambda points: rank_n_contrast_loss(points, labels, 0.7), (embeddings,))


def test_coinciding_embeddings_are_finite_and_push_nothing() -> None:
    embeddings = torch.ones(8, 3, requires_grad=True)
    loss = rank_n_contrast_loss(embeddings, torch.arange(8.0))
    loss.backward()
    # With all distances 0 a pair costs the log of its number of negatives.
    distances = (torch.arange(8)[:, None] - torch.arange(8)).abs()
    counts = [
        sum(int(distances[anchor, other] >= distances[anchor, positive]) for other in range(8) if other != anchor)
        for anchor in range(8)
        for positive in range(8)
        if positive != anchor
    ]
    assert loss.item() == pytest.approx(sum(map(math.log, counts)) / 56, rel=1e-6)
    assert embeddings.grad is not None
    assert torch.equal(embeddings.grad, torch.zeros_like(embeddings))


def test_one_coinciding_pair_leaves_the_other_gradients_exact() -> None:
    labels = torch.tensor([10.0, 20.0, 35.0, 50.0])
    apart = torch.tensor([[0.0, 1.0], [0.0, 1.0], [2.0, 0.5], [3.0, -1.0]], dtype=torch.float64, requires_grad=True)
    rank_n_contrast_loss(apart, labels).backward()
    assert apart.grad is not None
    step = torch.zeros_like(apart)
    step[3, 0] = 1e-6
    with torch.no_grad():
        slope = (rank_n_contrast_loss(apart + step, labels) - rank_n_contrast_loss(apart - step, labels)) / 2e-6
    assert apart.grad[3, 0].item() == pytest.approx(slope.item(), rel=1e-6)
    assert bool(torch.isfinite(apart.grad).all())


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9])
def test_nearly_coinciding_embeddings_keep_their_distance(gap: float) -> None:
    # By |a|^2 + |b|^2 - 2ab such a gap loses all its digits beside a point as far away as the third.
    embeddings = torch.tensor([[0.0, 0.0], [0.0, gap], [900.0, 500.0]], dtype=torch.float64, requires_grad=True)
    rank_n_contrast_loss(embeddings, torch.tensor([1.0, 2.0, 4.0]), temperature=gap).backward()
    points = embeddings.detach() - embeddings.detach().mean(dim=0)
    distances = rank_n_contrast._distances(points)
    assert distances[0, 1].item() == pytest.approx(gap, rel=1e-9)
    assert distances[0, 0].item() == 0
    assert embeddings.grad is not None
    assert bool(torch.isfinite(embeddings.grad).all())


def test_blocks_of_anchors_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = torch.randint(20, 70, (37,)).float()
    results = []
    for pairs in (2**18, 5 * 37, 1):
        monkeypatch.setattr(rank_n_contrast, "_PAIRS_PER_BLOCK_CPU", pairs)
        embeddings = torch.sin(torch.arange(37 * 6.0)).view(37, 6).requires_grad_()
        loss = rank_n_contrast_loss(embeddings, labels)
        loss.backward()
        results.append((loss.detach(), embeddings.grad))
    for loss, gradient in results[1:]:
        torch.testing.assert_close(loss, results[0][0], rtol=1e-6, atol=0)
        torch.testing.assert_close(gradient, results[0][1], rtol=1e-5, atol=1e-9)


def test_same_input_same_bits() -> None:
    embeddings, labels = torch.randn(64, 16), torch.randint(20, 70, (64,)).float()

    def run() -> tuple[torch.Tensor, torch.Tensor]:
        points = embeddings.clone().requires_grad_()
        loss = rank_n_contrast_loss(points, labels)
        (gradient,) = torch.autograd.grad(loss, points)
        return loss.detach(), gradient

    first, second = run(), run()
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_autocast_does_not_round_the_distances() -> None:
    embeddings, labels = torch.randn(16, 32) * 10, torch.rand(16)
    plain = rank_n_contrast_loss(embeddings, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = rank_n_contrast_loss(embeddings, labels)
    assert cast.dtype == torch.float32
    assert torch.equal(cast, plain)


@pytest.mark.parametrize(
    ("given", "returned"),
    [(torch.float64, torch.float64), (torch.float32, torch.float32), (torch.bfloat16, torch.float32)],
)
def test_types(given: torch.dtype, returned: torch.dtype) -> None:
    embeddings = torch.randn(6, 4, dtype=given, requires_grad=True)
    loss = rank_n_contrast_loss(embeddings, torch.arange(6))
    loss.backward()
    assert loss.dtype == returned
    assert embeddings.grad is not None
    assert embeddings.grad.dtype == given


def test_gradient_is_scaled_by_what_follows() -> None:
    embeddings, labels = torch.randn(6, 4, dtype=torch.float64, requires_grad=True), torch.arange(6)
    (once,) = torch.autograd.grad(rank_n_contrast_loss(embeddings, labels), embeddings)
    (thrice,) = torch.autograd.grad(3 * rank_n_contrast_loss(embeddings, labels), embeddings)
    torch.testing.assert_close(thrice, 3 * once)


def test_a_broken_embedding_shows_in_the_loss() -> None:
    embeddings = torch.randn(6, 4)
    embeddings[2, 1] = torch.nan
    assert torch.isnan(rank_n_contrast_loss(embeddings, torch.arange(6)))


def test_the_module_is_the_function() -> None:
    torch.manual_seed(0)
    embeddings, labels = torch.randn(12, 5, requires_grad=True), torch.randint(0, 6, (12,)).float()
    of_module, of_function = (
        loss(embeddings, labels) for loss in (RankNContrastLoss(0.5), lambda e, y: rank_n_contrast_loss(e, y, 0.5))
    )
    assert torch.equal(of_module, of_function)
    assert torch.equal(*(torch.autograd.grad(loss, embeddings)[0] for loss in (of_module, of_function)))
    assert not torch.equal(of_module, RankNContrastLoss()(embeddings, labels))


def test_the_module_says_its_temperature_and_holds_no_weights() -> None:
    assert repr(RankNContrastLoss(0.25)) == "RankNContrastLoss(temperature=0.25)"
    assert RankNContrastLoss().state_dict() == {}


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_module_of_a_wrong_temperature_is_refused_when_it_is_made(temperature: float) -> None:
    with pytest.raises(ValueError, match="finite temperature > 0"):
        RankNContrastLoss(temperature)


def test_without_doubles_the_loss_is_that_of_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Apple's GPUs: no double is made, and the result is as exact as single precision is."""
    torch.manual_seed(0)
    embeddings, labels = torch.randn(40, 8, requires_grad=True), torch.rand(40)
    exact = rank_n_contrast_loss(embeddings, labels)
    (exact_gradient,) = torch.autograd.grad(exact, embeddings)
    asked: list[torch.dtype] = []

    class NoDoubles(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            asked.extend(each.dtype for each in tree_leaves(result) if isinstance(each, torch.Tensor))
            return result

    monkeypatch.setattr(rank_n_contrast, "widest_float", lambda device: torch.float32)
    with NoDoubles():
        single = rank_n_contrast_loss(embeddings, labels)
    (gradient,) = torch.autograd.grad(single, embeddings)
    assert torch.float32 in asked
    assert torch.float64 not in asked
    torch.testing.assert_close(single, exact, rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient, exact_gradient, rtol=1e-3, atol=1e-6)


def test_it_is_public() -> None:
    assert coreecho.rank_n_contrast_loss is rank_n_contrast_loss


@pytest.mark.parametrize(
    ("embeddings", "labels", "temperature", "message"),
    [
        (torch.zeros(4, 3), torch.zeros(5), 1.0, r"\(N, D\) and labels \(N,\), got \(4, 3\) and \(5,\)"),
        (torch.zeros(4, 3), torch.zeros(4, 1), 1.0, r"got \(4, 3\) and \(4, 1\)"),
        (torch.zeros(4), torch.zeros(4), 1.0, r"got \(4,\) and \(4,\)"),
        (torch.zeros(1, 3), torch.zeros(1), 1.0, "needs N >= 2 embeddings, got N = 1"),
        (torch.zeros(4, 3, dtype=torch.int64), torch.zeros(4), 1.0, "floating-point embeddings, got torch.int64"),
        (torch.zeros(4, 3), torch.zeros(4), 0.0, "temperature > 0, got 0.0"),
        (torch.zeros(4, 3), torch.zeros(4), -1.0, "temperature > 0, got -1.0"),
        (torch.zeros(4, 3), torch.zeros(4), float("nan"), "temperature > 0, got nan"),
        (torch.zeros(4, 3), torch.tensor([1.0, 2.0, torch.nan, 3.0]), 1.0, "finite labels, got nan at position 2"),
        (torch.zeros(4, 3), torch.tensor([1.0, torch.inf, 2.0, 3.0]), 1.0, "finite labels, got inf at position 1"),
    ],
)
def test_what_is_refused(embeddings: torch.Tensor, labels: torch.Tensor, temperature: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rank_n_contrast_loss(embeddings, labels, temperature)

import numpy as np
import pytest
import torch

from coreecho.losses.segmentation import overlap_loss, traced_frames_loss


def _cross_entropy(logits: np.ndarray, masks: np.ndarray) -> np.ndarray:
    shares = 1 / (1 + np.exp(-logits))
    return -(masks * np.log(shares) + (1 - masks) * np.log(1 - shares))


def test_traced_frames_against_the_formula() -> None:
    rng = np.random.default_rng(0)
    ed, es = rng.normal(size=(2, 3, 5, 4))
    ed_masks, es_masks = rng.random((2, 3, 5, 4)) < 0.4
    found = traced_frames_loss(*map(torch.tensor, (ed, es, ed_masks, es_masks)))
    expected = (_cross_entropy(ed, ed_masks).sum() + _cross_entropy(es, es_masks).sum()) / 2
    assert found.item() == pytest.approx(expected)


def test_traced_frames_are_summed_and_not_averaged() -> None:
    """Untrained, every pixel costs log 2: of a batch of 20 with 112 x 112 pixels, 20 * 112^2 * log 2."""
    logits = torch.zeros(20, 1, 112, 112)
    loss = traced_frames_loss(logits, logits, torch.ones_like(logits), torch.zeros_like(logits))
    assert loss.item() == pytest.approx(20 * 112**2 * np.log(2), rel=1e-5)


def test_overlap_against_the_formula() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 2, 6, 5))
    masks = rng.random((3, 2, 6, 5)) < 0.3
    shares = 1 / (1 + np.exp(-logits))
    dice = (2 * (shares * masks).sum((2, 3)) + 1) / (shares.sum((2, 3)) + masks.sum((2, 3)) + 1)
    expected = _cross_entropy(logits, masks).mean() + np.mean(1 - dice)
    assert overlap_loss(torch.tensor(logits), torch.tensor(masks)).item() == pytest.approx(expected)


def test_overlap_of_a_sure_and_right_answer_is_nothing() -> None:
    masks = torch.zeros(2, 2, 8, 8)
    masks[0, 0, 2:5, 2:5] = 1
    assert overlap_loss(40 * (2 * masks - 1), masks).item() == pytest.approx(0, abs=1e-5)
    assert overlap_loss(-40 * (2 * masks - 1), masks).item() > 40


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="of one shape"):
        overlap_loss(torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4))
    maps = torch.zeros(2, 1, 4, 4)
    with pytest.raises(ValueError, match="of one shape"):
        traced_frames_loss(maps, maps, maps, torch.zeros(2, 4, 4))

import pytest
import torch

from coreecho.losses.phases import phase_class_loss, phase_signal_loss, uvt_loss


def test_signal_of_real_frames_counts() -> None:
    phases = torch.tensor([[0.5, -1.0, 9.0], [0.0, 1.0, 1.0]])
    signal = torch.tensor([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    is_real = torch.tensor([[True, True, False], [True, True, True]])
    assert phase_signal_loss(phases, signal, is_real).item() == pytest.approx((0.25 + 1) / 5)
    assert phase_signal_loss(phases, signal).item() == pytest.approx((0.25 + 81 + 1) / 6)


def test_classes_weigh_1_5_and_5() -> None:
    torch.manual_seed(0)
    logits, classes = torch.randn(2, 4, 3), torch.tensor([[0, 1, 0, 2], [0, 0, 2, 1]])
    is_real = torch.tensor([[True, True, True, False], [True, False, True, True]])
    weighted = torch.nn.CrossEntropyLoss(torch.tensor([1.0, 5.0, 5.0]))
    torch.testing.assert_close(phase_class_loss(logits, classes), weighted(logits.flatten(0, 1), classes.flatten()))
    torch.testing.assert_close(phase_class_loss(logits, classes, is_real), weighted(logits[is_real], classes[is_real]))


def test_ef_weighs_five() -> None:
    loss = uvt_loss(torch.tensor(0.3), torch.tensor([0.5, 0.7]), torch.tensor([60.0, 70.0]))
    assert loss.item() == pytest.approx(0.3 + 5 * 0.1**2 / 2)


def test_wrong_input_is_refused() -> None:
    signal = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="phases and signal"):
        phase_signal_loss(torch.zeros(2, 3, 1), signal)
    with pytest.raises(ValueError, match=r"logits \(B, T, 3\)"):
        phase_class_loss(torch.zeros(2, 3, 2), torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises(ValueError, match="no frame of the batch is real"):
        phase_signal_loss(signal, signal, torch.zeros(2, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="Boolean"):
        phase_signal_loss(signal, signal, torch.ones(2, 3))

import pytest
import torch

from coreecho.models.lv_unet import CAVITY, MYOCARDIUM, LVUNet, LVUNetSettings, with_neighbours

TINY = LVUNetSettings(widths=(4, 6, 8))


def test_it_is_small_enough_to_ship() -> None:
    with torch.device("meta"):
        states = [LVUNet(LVUNetSettings(num_neighbours=n)).state_dict() for n in (0, 3)]
    assert all(sum(value.numel() * 4 for value in state.values()) < 4e6 for state in states)


@pytest.mark.parametrize("size", [(112, 112), (56, 56), (37, 61), (4, 4)])
def test_logits_have_the_size_of_the_frames(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        logits = LVUNet(TINY).eval()(torch.randn(2, 1, *size))
    assert logits.shape == (2, 2, *size)
    assert logits.isfinite().all()


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    model = LVUNet(LVUNetSettings(widths=(4, 6, 8), num_neighbours=1))
    model(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_it_learns_a_bright_ring_and_what_lies_in_it() -> None:
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    centres = torch.randint(9, 15, (20, 2)).float()
    distance = ((rows - centres[:, :1, None]) ** 2 + (columns - centres[:, 1:, None]) ** 2).sqrt()
    targets = torch.stack([distance < 5, (distance >= 5) & (distance < 9)], dim=1).float()
    frames = targets[:, MYOCARDIUM, None] + 0.2 * torch.randn(20, 1, 24, 24)
    model = LVUNet(LVUNetSettings(widths=(8, 12, 16)))
    optimiser = torch.optim.Adam(model.parameters(), 2e-2)
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(frames[:12]), targets[:12])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.inference_mode():
        found = (model.eval()(frames[12:]) > 0).float()
    for channel in (CAVITY, MYOCARDIUM):
        common = (found[:, channel] * targets[12:, channel]).sum()
        assert 2 * common / (found[:, channel].sum() + targets[12:, channel].sum()) > 0.9


def test_neighbours_become_channels() -> None:
    clip = torch.arange(6.0)[:, None, None].expand(6, 2, 2)
    seen = with_neighbours(clip, LVUNetSettings(num_neighbours=2, neighbour_stride=2))
    assert seen[:, :, 0, 0].tolist() == [
        [0, 0, 0, 2, 4],
        [0, 0, 1, 3, 5],
        [0, 0, 2, 4, 5],
        [0, 1, 3, 5, 5],
        [0, 2, 4, 5, 5],
        [1, 3, 5, 5, 5],
    ]
    assert with_neighbours(clip, LVUNetSettings()).shape == (6, 1, 2, 2)


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 32, 32), (1, 1, 3, 32)])
def test_wrong_frames_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"this LVUNet expects frames \(B, 1, H, W\)"):
        LVUNet(TINY)(torch.zeros(shape))


def test_impossible_settings_are_refused() -> None:
    for settings in ({"widths": (8,)}, {"num_neighbours": -1}, {"neighbour_stride": 0}):
        with pytest.raises(ValueError, match="an LVUNet has"):
            LVUNetSettings(**settings)  # type: ignore[arg-type]

import numpy as np
import pytest
import torch
from torch import Tensor

from coreecho.losses.colearning import appearance_loss, carry, carry_ends, shape_loss

SIZE = 20


def moving_square(num_frames: int = 4) -> tuple[Tensor, Tensor]:
    """A square that goes a pixel to the right a frame, (T, H, W); and its true fields (1, 2, T, 2, H, W)."""
    frames = torch.zeros(num_frames, SIZE, SIZE)
    fields = torch.zeros(1, 2, num_frames, 2, SIZE, SIZE)
    for frame in range(num_frames):
        frames[frame, 6:14, 4 + frame : 12 + frame] = 1
        # What has come to x lay as many pixels to the left.
        fields[0, 0, frame, 0] = -frame / SIZE
        fields[0, 1, frame, 0] = (num_frames - 1 - frame) / SIZE
    return frames, fields


def test_a_picture_is_carried_from_where_the_field_points_to() -> None:
    picture = torch.from_numpy(np.random.default_rng(0).random((1, 1, 8, 10), dtype=np.float32))
    field = torch.zeros(1, 2, 8, 10)
    torch.testing.assert_close(carry(picture, field), picture)
    field[:, 0], field[:, 1] = 2 / 10, -1 / 8
    carried = carry(picture, field)
    torch.testing.assert_close(carried[0, 0, 1:, :-2], picture[0, 0, :-1, 2:])
    # Half a pixel is the mean of two.
    field[:, 0], field[:, 1] = 0.5 / 10, 0
    torch.testing.assert_close(carry(picture, field)[..., :-1], (picture[..., :-1] + picture[..., 1:]) / 2)
    with pytest.raises(ValueError, match=r"expected fields \(N, 2, H, W\)"):
        carry(picture, field[..., 1:])


def test_ends_come_to_every_frame() -> None:
    frames, fields = moving_square()
    carried = carry_ends(frames[[0, -1]][None, None], fields)
    assert carried.shape == (1, 1, 2, 4, SIZE, SIZE)
    torch.testing.assert_close(carried[0, 0, 0], frames)
    torch.testing.assert_close(carried[0, 0, 1], frames)


def test_the_true_motion_looks_right_and_none_does_not() -> None:
    frames, fields = moving_square()
    assert float(appearance_loss(frames[None], fields, smoothness=1.0)) == pytest.approx(0, abs=1e-6)
    still = float(appearance_loss(frames[None], 0 * fields, smoothness=1.0))
    unlike = [(frames - frames[end]).square().mean() for end in (0, -1)]
    assert still == pytest.approx(float(sum(unlike)) / 2)


def test_a_rough_field_costs_its_steps_in_pixels() -> None:
    rough = torch.zeros(1, 2, 3, 2, SIZE, SIZE)
    rough[..., ::2] = 1 / SIZE
    blank = torch.zeros(1, 3, SIZE, SIZE)
    # Every neighbour along x differs by a pixel, and none along y.
    assert float(appearance_loss(blank, rough, smoothness=0.3)) == pytest.approx(0.3)


def test_outlines_that_are_carried_teach_the_frames_between_and_the_other_end() -> None:
    frames, fields = moving_square()
    said = (40 * frames - 20)[None, None]
    masks, is_known = frames[[0, -1]][None, None] > 0, torch.tensor([[True]])
    assert float(shape_loss(said, masks, is_known, fields)) == pytest.approx(0, abs=1e-5)
    # Without motion the two ends overlap by 5 of 8 columns, and the frames between by 7 and 6, seen from either.
    area, still = 64, float(shape_loss(said, masks, is_known, 0 * fields))
    dice = [(2 * 8 * common + 1) / (2 * area + 1) for common in (7, 6, 5)]
    assert still == pytest.approx(1 - float(np.mean(dice)), abs=1e-5)
    assert float(shape_loss(said, masks, ~is_known, fields)) == 0.0


def test_the_network_learns_from_what_is_carried() -> None:
    frames, fields = moving_square()
    logits = torch.zeros(1, 1, 4, SIZE, SIZE, requires_grad=True)
    shape_loss(logits, frames[[0, -1]][None, None] > 0, torch.tensor([[True]]), fields).backward()
    assert logits.grad is not None
    # More inside, less outside; nothing at the ends, whose outlines are known.
    gradient = logits.grad[0, 0]
    assert (gradient[1:-1][frames[1:-1] > 0] < 0).all()
    assert (gradient[1:-1][frames[1:-1] == 0] > 0).all()
    assert (gradient[[0, -1]] == 0).all()

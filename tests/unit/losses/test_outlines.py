import pytest
import torch

from coreecho.losses.outlines import echographs_loss, places_loss, points_loss


def test_points_are_compared_coordinate_by_coordinate() -> None:
    points = torch.zeros(1, 3, 2)
    expected = torch.tensor([[[0.1, 0.0], [0.0, 0.2], [0.0, 0.0]]])
    assert points_loss(points, expected).item() == pytest.approx((0.01 + 0.04) / 6)


def test_places_of_both_frames_count_alike() -> None:
    torch.manual_seed(0)
    places, expected = torch.randn(3, 17, 2), torch.tensor([[0, 16], [3, 9], [1, 0]])
    each = [-places[i].log_softmax(0)[expected[i, k], k] for i in range(3) for k in range(2)]
    torch.testing.assert_close(places_loss(places, expected), torch.stack(each).mean())


def test_terms_of_a_video_are_added() -> None:
    torch.manual_seed(0)
    points, expected = torch.rand(2, 2, 40, 2), torch.rand(2, 2, 40, 2)
    ef_fraction, ef_percent = torch.tensor([0.5, 0.6]), torch.tensor([60.0, 60.0])
    places, frames = torch.randn(2, 17, 2), torch.tensor([[1, 16], [0, 4]])
    told = echographs_loss(points, expected, ef_fraction, ef_percent)
    assert told.item() == pytest.approx(points_loss(points, expected).item() + 0.1**2 / 2)
    found = echographs_loss(points, expected, ef_fraction, ef_percent, places, frames)
    assert found.item() == pytest.approx(told.item() + places_loss(places, frames).item())


def test_wrong_input_is_refused() -> None:
    points, ef = torch.zeros(2, 2, 40, 2), torch.zeros(2)
    with pytest.raises(ValueError, match="points of one shape"):
        points_loss(points, torch.zeros(2, 80, 2))
    with pytest.raises(ValueError, match=r"places \(B, P, 2\)"):
        places_loss(torch.zeros(2, 17, 2), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match="go together"):
        echographs_loss(points, points, ef, ef, torch.zeros(2, 17, 2))

"""What EchoGraphs is asked to minimise: points of outlines, EF, and where ED and ES are.

Thomas et al. 2022: the mean squared error of the coordinates as fractions of the frame; for videos, plus that of
EF / 100; and where the network has to find the frames, plus the cross-entropy of their places.
"""

from torch import Tensor
from torch.nn import functional


def points_loss(points: Tensor, expected: Tensor) -> Tensor:
    """Mean squared error of the coordinates.

    Args:
        points: (B, ..., N, 2), as fractions of the frame.
        expected: of the same shape.

    Returns:
        Scalar.

    Raises:
        ValueError: shapes disagree.
    """
    if points.shape != expected.shape:
        raise ValueError(f"expected points of one shape, got {tuple(points.shape)} and {tuple(expected.shape)}")
    return functional.mse_loss(points, expected)


def places_loss(places: Tensor, expected: Tensor) -> Tensor:
    """Mean cross-entropy of where ED and ES are.

    Args:
        places: (B, P, 2), logits of P places, of which 0 is "not in this clip".
        expected: (B, 2), the places of ED and of ES.

    Returns:
        Scalar.

    Raises:
        ValueError: shapes disagree.
    """
    if places.ndim != 3 or expected.shape != (len(places), places.shape[2]):
        raise ValueError(
            f"expected places (B, P, 2) and their labels (B, 2), got {tuple(places.shape)} and {tuple(expected.shape)}"
        )
    return functional.cross_entropy(places, expected)


def ef_fraction_loss(ef_fraction: Tensor, ef_percent: Tensor) -> Tensor:
    """Mean squared error of EF / 100.

    Args:
        ef_fraction: (B,), predicted.
        ef_percent: (B,), 0 to 100.

    Returns:
        Scalar.
    """
    return functional.mse_loss(ef_fraction, ef_percent.to(ef_fraction.dtype) / 100)


def echographs_loss(
    points: Tensor,
    expected_points: Tensor,
    ef_fraction: Tensor,
    ef_percent: Tensor,
    places: Tensor | None = None,
    expected_places: Tensor | None = None,
) -> Tensor:
    """The sum of all terms for videos.

    Args:
        points: (B, 2, N, 2), of ED and of ES.
        expected_points: of the same shape.
        ef_fraction: (B,), predicted EF / 100.
        ef_percent: (B,), 0 to 100.
        places: as of `places_loss`, from a network that finds the frames.
        expected_places: the same.

    Returns:
        Scalar.

    Raises:
        ValueError: shapes disagree, or only one of `places` and `expected_places` is given.
    """
    if (places is None) != (expected_places is None):
        raise ValueError("places and expected_places go together")
    loss = points_loss(points, expected_points) + ef_fraction_loss(ef_fraction, ef_percent)
    if places is not None and expected_places is not None:
        loss = loss + places_loss(places, expected_places)
    return loss

"""The colours of Grad-CAM, and what such a picture cannot mean: for every page, sheet and film of it."""

from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, to_hex

# Even in lightness, and told apart with all common forms of colour blindness. Its darkest third would only blacken the
# picture where the map is small, and is left out.
_COLOURS = "inferno"
_FIRST_COLOUR = 0.35
_STEPS = 32

HEAT = LinearSegmentedColormap.from_list(
    "coreecho_heat", colormaps[_COLOURS](np.linspace(_FIRST_COLOUR, 1, 256)), N=256
)
# What nearly everybody asks of such a picture, and what it does not say. What the colours mean stands at their bar.
GRAD_CAM_CAUTION = (
    "Grad-CAM is rough. It does not show that the number is right, that the model measured anything there, or that "
    "other places do not matter."
)


@dataclass(frozen=True, kw_only=True)
class HeatScale:
    """A bar of the colours, from no effect to the largest.

    Attributes:
        colours: from low to high, as HTML has them.
        low: what the first means.
        high: what the last means.
        description: for those who cannot see it.
    """

    colours: list[str]
    low: str
    high: str
    description: str


def heat_scale(quantity: str) -> HeatScale:
    """The bar for maps of what raises a quantity, such as the EF."""
    return HeatScale(
        colours=[to_hex(HEAT(step / (_STEPS - 1))) for step in range(_STEPS)],
        low="little effect",
        high=f"raises the {quantity} most",
        description=f"Colours of Grad-CAM, from little effect to what raises the {quantity} most",
    )

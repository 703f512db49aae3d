"""Between which values the settings of a recipe lie."""

from typing import TYPE_CHECKING

from coreecho.video.affine import SCALE_LIMITS
from coreecho.video.clips import MOST_CLIPS

if TYPE_CHECKING:
    from coreecho.training.recipe import Recipe

_AT_LEAST = {
    "seed": 0,
    "crop_pad": 0,
    "cutouts": 0,
    "ramp_epochs": 0,
    "stage1_epochs": 1,
    "stage2_epochs": 1,
    "batch_size": 2,
    "warmup_steps": 0,
    "decay_every": 1,
    "validation_clips": 1,
    "frames_per_video": 1,
}
# Beyond any use: a number with too many noughts shall not take all memory, or days, after the data were read.
_AT_MOST = {"crop_pad": 4_096, "cutouts": 1_000, "validation_clips": MOST_CLIPS, "frames_per_video": 10_000}
_POSITIVE = ("temperature", "learning_rate", "decay_factor", "label_scale")
# As far as steps in float32 can go.
_SMALLEST, _LARGEST = 1e-30, 1e30
# The sizes of distortions that `video.augmentation` and `video.photometric` know.
_UP_TO = {
    "camera_rotation_degrees": 45.0,
    "camera_zoom": 0.5,
    "camera_shift": 0.5,
    "stride_spread": 1.0,
    "gain_flicker": 0.5,
    "gamma_spread": 1.0,
    "shading_spread": 1.0,
    "blur_pixels": 1.5,
    "noise": 0.5,
}
_BELOW_ONE = ("dropout", "head_dropout", "momentum", "translation")


def faults_of_ranges(recipe: "Recipe") -> list[str]:
    """Say which settings of a recipe are out of their range."""
    faults = [
        f"{name} is {getattr(recipe, name)}, expected at least {low}"
        for name, low in _AT_LEAST.items()
        if getattr(recipe, name) < low
    ]
    faults += [
        f"{name} is {getattr(recipe, name)}, expected at most {most:,}"
        for name, most in _AT_MOST.items()
        if getattr(recipe, name) > most
    ]
    if recipe.seed >= 2**63:
        faults.append(f"seed is {recipe.seed}, expected less than 2^63")
    faults += [
        f"{name} is {getattr(recipe, name)}, expected more than 0" for name in _POSITIVE if getattr(recipe, name) <= 0
    ]
    faults += [
        f"{name} is {value}, expected {_SMALLEST:g} to {_LARGEST:g}, which float32 holds"
        for name in (*_POSITIVE, "weight_decay")
        if 0 < (value := getattr(recipe, name)) < _SMALLEST or value > _LARGEST
    ]
    if recipe.decay_factor > 1:
        faults.append(f"decay_factor is {recipe.decay_factor}, expected at most 1")
    faults += [
        f"{name} is {getattr(recipe, name)}, expected 0 <= {name} < 1"
        for name in _BELOW_ONE
        if not 0 <= getattr(recipe, name) < 1
    ]
    faults += [
        f"{name} is {getattr(recipe, name)}, expected 0 to {most:g}"
        for name, most in _UP_TO.items()
        if not 0 <= getattr(recipe, name) <= most
    ]
    if not (recipe.name.strip() and recipe.name.isprintable()):
        faults.append(f"name is {recipe.name!r}, expected a line of text")
    if not recipe.init.strip():
        faults.append(f"init is {recipe.init!r}, expected `scratch`, `default`, or a file or folder")
    if recipe.weight_decay < 0:
        faults.append(f"weight_decay is {recipe.weight_decay}, expected at least 0")
    if not 0 <= recipe.rotation_degrees <= 180:
        faults.append(f"rotation_degrees is {recipe.rotation_degrees}, expected 0 to 180")
    low, high = recipe.scale_range
    least, most = SCALE_LIMITS
    if not least <= low <= high <= most:
        faults.append(f"scale_range is {recipe.scale_range}, expected {least:g} <= smallest <= largest <= {most:g}")
    return faults

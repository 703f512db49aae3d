"""What to do where a training left the finite numbers: what of its recipe makes that likely."""

import torch

from coreecho.training.lesson import Lesson
from coreecho.training.recipe import SCRATCH

# From a product of 2 on, |1 - rate x decay| is at least 1: what is meant to shrink weights makes them grow.
_GROWING = 2.0
_LARGEST = torch.finfo(torch.float32).max


def way_on(lesson: Lesson, *, is_mixed: bool, num_steps: int, label_range: tuple[float, float] | None) -> str:
    """One sentence that names the likely causes, the likeliest first.

    Args:
        lesson: that is taught.
        is_mixed: the pass rounds to bf16.
        num_steps: that this stage has made from the weights that it began with.
        label_range: smallest and largest number that is learned; None where it is none.
    """
    recipe, found = lesson.recipe, []
    rate, decay = recipe.learning_rate, recipe.weight_decay
    farthest = 0.0 if label_range is None else max(map(abs, label_range))
    # A squared error of such a label is more than float32 holds.
    if farthest**2 > _LARGEST:
        found.append(f"labels reach {farthest:.3g}: lower `label_scale`, which is {recipe.label_scale:g}")
    if num_steps and decay > rate and rate * decay >= _GROWING:
        found.append(
            f"lower `weight_decay`: {decay:g} at a `learning_rate` of {rate:g} makes weights grow at each step"
        )
    # The gradient of Rank-N-Contrast grows with 1 / temperature; the paper's is 1.
    temperature = getattr(lesson, "temperature", None)
    if num_steps and temperature is not None and temperature < 1:
        found.append(f"raise `temperature`, which is {temperature:g}: gradients grow with 1 / `temperature`")
    if num_steps:
        found.append(f"lower `learning_rate`, which is {rate:g}")
    else:
        start = "" if recipe.init == SCRATCH else f" the weights of `init` ({recipe.init}),"
        found.append(f"no step was made yet, so look at{start} `mean` and `std`, by which clips are normalised")
    if is_mixed:
        found.append("train with `precision` fp32, not bf16")
    text = "; or ".join(found)
    return f"{text[0].upper()}{text[1:]}."

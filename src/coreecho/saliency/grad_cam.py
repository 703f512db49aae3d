"""Where a model looks: Grad-CAM in space and time for a predicted ejection fraction, or infarction.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017, here
for one number y in place of the score of a class, and with time as a third axis. y is what the model's head gives: the
EF in percent, or the logit of a myocardial infarction. With A_c the activation of channel c at a level of the encoder,
and the mean over all cells (t, h, w) of its grid,

    weight_c = mean of dy / dA_c(t, h, w)          map(t, h, w) = relu( sum over c of weight_c * A_c(t, h, w) ).

What the sign means. A class is there or not, but an EF is high or low, and both are findings. The sum is positive where
the picture raises the EF and negative where it lowers it. The relu, as published and as in the paper's figures, keeps
what raises it; `negative` keeps what lowers it (the paper's "counterfactual explanations"); `absolute` keeps both, and
shows all that matters whichever way. For an infarction, which is there or not, positive is what speaks for it. All maps
are at least 0, in EF points (or logits) per cell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from coreecho.errors import RecipeError
from coreecho.models.echo_model import EchoModel
from coreecho.models.evaluation_mode import evaluation_mode
from coreecho.precision import exact
from coreecho.saliency.encoder_levels import AUTO, choose_level, enlarge

Evidence = Literal["positive", "negative", "absolute"]


@dataclass(frozen=True, eq=False)
class GradCam:
    """The Grad-CAM of B clips.

    Attributes:
        maps: (B, T, H, W) float32, at least 0, one value for each pixel of the clips.
        prediction: (B,) float64, the network's outputs, which are explained: EF in percent, or logits.
        level: where the activations were taken, as the encoder calls it.
        grid: cells of that level in time, height and width.
        evidence: which sign was kept.
    """

    maps: NDArray[np.float32]
    prediction: NDArray[np.float64]
    level: str
    grid: tuple[int, int, int]
    evidence: Evidence


def grad_cam(
    model: EchoModel,
    clips: Tensor,
    num_valid_frames: Tensor | None = None,
    *,
    level: str = AUTO,
    evidence: Evidence = "positive",
) -> GradCam:
    """Map which places and times of each clip raise (or lower) what the model predicts.

    The default level is the deepest one with at least 7 x 7 cells. Deeper levels know more of what they see, and less
    of where: of a frame of 112 x 112 pixels UniFormer's third level has 7 x 7 cells, and its fourth has 3 x 3, too
    coarse for a left ventricle. The demo's 56 x 56 pixels leave 7 x 7 cells at the second, 3 x 3 at the third, and one
    at the fourth.

    Runs in evaluation mode and single precision, and leaves the model as it was: no hook, no gradient, no changed
    statistics. Frozen models work. Differs from the published method: `evidence`, see the top of this file.

    Args:
        model: on the device that shall compute.
        clips: (B, T, H, W), grey, 0 to 255, of the model's input size.
        num_valid_frames: (B,), how many frames of each clip lie inside its video; None if all do.
        level: whose output is used; see `choose_level`.
        evidence: which sign is kept.

    Raises:
        RecipeError: no such level or evidence.
        ValueError: the clips are not of the model's input size.
    """
    if evidence not in get_args(Evidence):
        raise RecipeError(f"evidence: expected one of {', '.join(get_args(Evidence))}; got {evidence!r}.")
    time, height, width = clips.shape[1:]
    chosen = choose_level(model.encoder, level, (time, height, width))
    device = model.scale.device
    valid = torch.full((len(clips),), clips.shape[1]) if num_valid_frames is None else num_valid_frames
    # Around the whole: inside a caller's autocast the sum over channels would be rounded, too.
    with torch.autocast(device.type, enabled=False):
        output, activations, gradients = activations_and_gradients(
            model, chosen.module, lambda: model(clips.to(device), valid.to(device)).prediction
        )
        cells = _keep(class_activation(activations, gradients), evidence).cpu().numpy()
    maps = enlarge(cells, (time, height, width), chosen.axes)
    return GradCam(maps, exact(output).numpy(), chosen.name, chosen.cells, evidence)


def activations_and_gradients(
    model: nn.Module, layer: nn.Module, output: Callable[[], Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Run a model, and take what a layer gives and how each output moves with it.

    Works for any network and any output of one number a sample. What lies before the layer runs without a graph, so
    memory holds the graph of the rest only; and the parameters may be frozen, since the layer's output is the leaf.

    Args:
        model: is put into evaluation mode meanwhile, so that samples do not see each other.
        layer: one of its modules; gives (B, C, ...).
        output: runs the model, and gives (B,).

    Returns:
        The outputs (B,), the activations (B, C, ...), and the gradients of the former by the latter, of the same shape.

    Raises:
        ValueError: the layer did not run exactly once, or the output does not depend on it.
    """
    leaves: list[Tensor] = []

    def cut(_module: nn.Module, _inputs: tuple[Tensor, ...], activations: Tensor) -> Tensor:
        # From here on a graph is wanted; the surrounding no_grad restores the caller's mode.
        torch.set_grad_enabled(True)
        leaves.append(activations.detach().requires_grad_())
        return leaves[-1]

    handle = layer.register_forward_hook(cut)
    try:
        with evaluation_mode(model), torch.inference_mode(False), torch.no_grad():
            with torch.autocast(next(model.parameters()).device.type, enabled=False):
                values = output()
            if len(leaves) != 1 or not values.requires_grad:
                raise ValueError(
                    f"Grad-CAM needs a layer that runs once and decides the output; it ran {len(leaves)} times"
                )
            (gradients,) = torch.autograd.grad(values.sum(), leaves)
    finally:
        handle.remove()
    return values.detach(), leaves[0].detach(), gradients


def class_activation(activations: Tensor, gradients: Tensor) -> Tensor:
    """Weigh channels by their mean gradient: (B, C, T, H, W) twice to (B, T, H, W), of either sign."""
    weights = gradients.float().mean(dim=(2, 3, 4))
    return torch.einsum("bc,bcthw->bthw", weights, activations.float())


def _keep(maps: Tensor, evidence: Evidence) -> Tensor:
    if evidence == "absolute":
        return maps.abs()
    return (maps if evidence == "positive" else -maps).clamp(min=0)

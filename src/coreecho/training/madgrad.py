"""MADGRAD, the optimiser of the paper's HMC-QU experiments."""

from collections.abc import Callable, Iterable
from math import sqrt
from typing import Any, overload

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class MADGRAD(Optimizer):
    r"""A momentumized, adaptive, dual averaged gradient method.

    Implements Algorithm 1 of Defazio & Jelassi 2022, "Adaptivity without Compromise", JMLR 23(144). With g_k the
    gradient at x_k, lambda_k = lr sqrt(k + 1) for k = 0, 1, ... and c = 1 - momentum:

        s_{k+1}  = s_k  + lambda_k g_k
        nu_{k+1} = nu_k + lambda_k g_k g_k
        z_{k+1}  = x_0 - s_{k+1} / (nu_{k+1}^(1/3) + eps)
        x_{k+1}  = (1 - c) x_k + c z_{k+1}

    Differs from the authors' program, which adds eps to lr: with the paper's lr of 1e-5 and eps of 1e-6 its lambda_k is
    a tenth larger than its learning rate says. Such a run is had here with lr = 1.1e-5.

    Momentum needs no state of its own beyond x_0: what is stored is s, nu, x_0 and the count k, so a run that resumes
    from `state_dict` takes the same steps to the last bit.

    Args:
        parameters: float32 or float64 tensors, or groups of them, as any optimiser of PyTorch takes.
        lr: learning rate; not comparable with that of SGD or Adam.
        momentum: 0 up to, but not including, 1.
        weight_decay: an L2 penalty: this times x_k is added to g_k.
        eps: added to the denominator, outside the root; positive.

    Raises:
        ValueError: a setting is out of its range, or a parameter is of another type. Half precision would lose the
            sums; under mixed precision the parameters stay in float32.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]],
        *,
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        eps: float = 1e-6,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "eps": eps})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own.

        Raises:
            ValueError: as for the optimiser itself.
        """
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        try:
            _check_group(group)
        except ValueError:
            self.param_groups.pop()
            raise

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Go one step, for every parameter that has a gradient.

        Args:
            closure: computes the loss anew and its gradients with it.

        Returns:
            The closure's loss.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: nn.Parameter, group: dict[str, Any]) -> None:
        """Move one parameter, in place."""
        state, gradient = self.state[parameter], parameter.grad
        if gradient is None or gradient.is_sparse:
            raise ValueError("MADGRAD expects dense gradients.")
        if not state:
            state["step"] = 0
            state["start"] = parameter.detach().clone()
            state["gradient_sum"] = torch.zeros_like(parameter)
            state["square_sum"] = torch.zeros_like(parameter)
        if group["weight_decay"]:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        weight = group["lr"] * sqrt(state["step"] + 1)
        state["step"] += 1
        state["gradient_sum"].add_(gradient, alpha=weight)
        state["square_sum"].addcmul_(gradient, gradient, value=weight)
        denominator = state["square_sum"].pow(1 / 3).add_(group["eps"])
        target = torch.addcdiv(state["start"], state["gradient_sum"], denominator, value=-1)
        parameter.lerp_(target, 1 - group["momentum"])


def _check_group(group: dict[str, Any]) -> None:
    """Refuse what the algorithm cannot do."""
    ranges = {
        "lr": (group["lr"] >= 0, "at least 0"),
        "momentum": (0 <= group["momentum"] < 1, "at least 0 and below 1"),
        "weight_decay": (group["weight_decay"] >= 0, "at least 0"),
        "eps": (group["eps"] > 0, "above 0"),
    }
    for setting, (is_right, expected) in ranges.items():
        if not is_right:
            raise ValueError(f"MADGRAD expects {setting} to be {expected}, got {group[setting]}.")
    for parameter in group["params"]:
        if parameter.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"MADGRAD expects parameters of float32 or float64, got {parameter.dtype}.")

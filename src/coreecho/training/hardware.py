"""What a run computes on: the fields are flags of `coreecho train`."""

from dataclasses import dataclass
from typing import Literal

from coreecho.checking import faults_of_types, refuse
from coreecho.models.device_names import fault_of_device


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What a run computes on. None of it changes which clips a step sees."""

    device: str = "auto"
    """Processor to train on: `auto` (a GPU if there is one), `cpu`, `gpu`, or one by its name: `cuda:1`, `mps`."""
    devices: int = 1
    """Processes on each node, one for each device."""
    nodes: int = 1
    """Machines."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Number format of the forward and backward pass; weights and the contrastive loss stay in fp32."""
    workers: int | None = None
    """Processes that load clips; none on the CPU and four for each GPU when not given."""

    @property
    def is_mixed(self) -> bool:
        """Whether the pass rounds to bf16 where that is enough."""
        return self.precision == "bf16"

    def __post_init__(self) -> None:
        refuse("The hardware", faults_of_types(self))
        at_least = {"devices": 1, "nodes": 1} | ({} if self.workers is None else {"workers": 0})
        found = {name: getattr(self, name) for name in at_least}
        faults = [
            f"{name} is {found[name]}, expected at least {low}" for name, low in at_least.items() if found[name] < low
        ]
        if fault := fault_of_device(self.device):
            faults.append(f"device is {self.device!r}, {fault}")
        refuse("The hardware", faults)

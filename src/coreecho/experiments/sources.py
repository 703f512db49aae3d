"""Where the data and the pretrained weights of a reproduction come from."""

from dataclasses import dataclass
from pathlib import Path

from coreecho.errors import RecipeError
from coreecho.experiments.data import Data
from coreecho.experiments.scales import Scale, camus_phantoms, echonet_phantoms, hmc_qu_phantoms


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a plan is made from.

    Attributes:
        out: folder of the reproduction.
        scale: how large it is.
        data: root of the table's data set; None where phantoms are written.
        store: folder for its decoded frames; beside the data when not given.
        k400: the encoder's Kinetics-400 weights.
        r2plus1d: those of R(2+1)D-18.
        coreecho: weights of a CoReEcho model, for the tables of transfer.
        echocotr: weights of an EchoCoTr model, for the same.
        show_progress: show a bar while phantoms are written.
    """

    out: Path
    scale: Scale
    data: Path | None = None
    store: Path | None = None
    k400: str | None = None
    r2plus1d: str | None = None
    coreecho: str | None = None
    echocotr: str | None = None
    show_progress: bool = False

    def echonet(self, *, cue: bool = False) -> Data:
        """EchoNet-Dynamic, or its phantoms."""
        if self.scale.is_phantom:
            return echonet_phantoms(self.out, self.scale, cue=cue, show_progress=self.show_progress)
        return Data(dataset="echonet", root=self._root("EchoNet-Dynamic"), store=self.store)

    def camus(self) -> Data:
        """CAMUS, or its phantoms."""
        if self.scale.is_phantom:
            return camus_phantoms(self.out, self.scale, show_progress=self.show_progress)
        return Data(dataset="camus", root=self._root("CAMUS"), store=self.store)

    def hmc_qu(self) -> Data:
        """HMC-QU, or its phantoms."""
        if self.scale.is_phantom:
            return hmc_qu_phantoms(self.out, self.scale, show_progress=self.show_progress)
        return Data(dataset="hmc-qu", root=self._root("HMC-QU"), store=self.store)

    def _root(self, name: str) -> Path:
        if self.data is None:
            raise RecipeError(f"This table needs the root of {name}: give `--data ROOT`, or `--phantom`.")
        return self.data

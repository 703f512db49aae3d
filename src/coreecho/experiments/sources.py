"""Where the data and the pretrained weights of a reproduction come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coreecho.errors import RecipeError
from coreecho.experiments.data import Data
from coreecho.experiments.scales import PHANTOMS, Scale

TITLES = {"echonet": "EchoNet-Dynamic", "camus": "CAMUS", "hmc-qu": "HMC-QU"}


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a plan is made from.

    Attributes:
        out: folder of the reproduction.
        scale: how large it is.
        data: root of the table's data set; None where phantoms are written.
        store: folder for its decoded frames; beside the data when not given.
        weights: pretrained weights under the names that tables have for them, such as `k400`: a run, a file, or
            `scratch` to do without.
        show_progress: show a bar while phantoms are written.
    """

    out: Path
    scale: Scale
    data: Path | None = None
    store: Path | None = None
    weights: Mapping[str, str] = field(default_factory=dict)
    show_progress: bool = False

    def data_of(self, layout: str, *, cue: bool = False) -> Data:
        """The data set of a layout, or its phantoms, which are written unless they are there.

        Raises:
            RecipeError: it is not given, or there are no phantoms of it.
        """
        if self.scale.is_phantom:
            if layout not in PHANTOMS:
                raise RecipeError(f"There are no phantoms of {layout!r}, only of {', '.join(PHANTOMS)}: give `--data`.")
            return PHANTOMS[layout](self.out, self.scale, cue=cue, show_progress=self.show_progress)
        if self.data is None:
            raise RecipeError(f"This table needs the root of {TITLES[layout]}: give `--data ROOT`, or `--phantom`.")
        return Data(dataset=layout, root=self.data, store=self.store)

"""The data and the pretrained weights that a reproduction starts from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coreecho.datasets import LAYOUTS
from coreecho.errors import RecipeError
from coreecho.experiments.data import Data
from coreecho.experiments.scales import Scale, phantoms_of


@dataclass(frozen=True, kw_only=True)
class PlanInputs:
    """What a plan is made from.

    Attributes:
        out: folder of the reproduction.
        scale: how large it is.
        data: root of the table's data set; None where phantoms are written.
        store: folder for its decoded frames; beside the data when not given.
        weights: pretrained weights under the names that tables have for them, such as `k400`: a run, a file, or
            `scratch` to do without.
        trained: weights of models that need not be trained, by the label of a row or the name of its training.
        only_trained: train nothing; rows without such weights show the paper's figures alone.
        protocol: of the cross-validations of a table that transfers; the data set's usual one when not given.
        start_index: file of the starts at which rows that take it test each recording.
        show_progress: show a bar while phantoms are written.
    """

    out: Path
    scale: Scale
    data: Path | None = None
    store: Path | None = None
    weights: Mapping[str, str] = field(default_factory=dict)
    trained: Mapping[str, Path] = field(default_factory=dict)
    only_trained: bool = False
    protocol: str | None = None
    start_index: Path | None = None
    show_progress: bool = False

    def data_of(self, layout: str, *, cue: bool = False) -> Data:
        """The data set of a layout, or its phantoms, which are written unless they are there.

        Raises:
            RecipeError: it is not given, or there are no phantoms of it.
        """
        if self.scale.is_phantom:
            return phantoms_of(layout, self.out, self.scale, cue=cue, show_progress=self.show_progress)
        if self.data is None:
            raise RecipeError(
                f"This table needs the root of {LAYOUTS.get(layout).title}: give `--data ROOT`, or `--phantom`."
            )
        return Data(dataset=layout, root=self.data, store=self.store)

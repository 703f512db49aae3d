"""What a training teaches: which network, from which clips, by which terms, and how one sees that it has learned.

Everything that the run, the loop, the recorder and the report have to know of what is learned, they ask the lesson. A
lesson of one number read from a clip is an `Objective`; lessons of outlines, points and phases have other networks and
other batches. Each is registered as an objective (see `objectives.py`) and is trained by `coreecho train`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from coreecho.datasets import Recording
from coreecho.datasets.clip_changes import ClipChanges
from coreecho.datasets.outlines import Masks
from coreecho.errors import RecipeError
from coreecho.models.card import TrainedOn
from coreecho.models.parts import ENCODERS
from coreecho.models.registry import encoder_class
from coreecho.models.weights import Card
from coreecho.registry import Registry
from coreecho.shipped import ShippedKind, resolve
from coreecho.tasks import EF, Task
from coreecho.video.store import FrameStore

if TYPE_CHECKING:
    from coreecho.training.data_folder import DataFolder
    from coreecho.training.recipe import Recipe


LICENCE = "that of the data and of the initial weights that they were trained from"


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Recordings of a split, and how their clips are drawn.

    Attributes:
        recordings: in the order in which their positions count.
        store: their decoded frames.
        data: where they lie, and what lies beside them.
        changes: what is changed in each clip at random; nothing of what is validated.
        seed: of the run.
        stage: of the training, from 1.
    """

    recordings: Sequence[Recording]
    store: FrameStore
    data: "DataFolder"
    changes: ClipChanges = field(default_factory=ClipChanges)
    seed: int = 0
    stage: int = 1


class Lesson(ABC):
    """What a stage of the training teaches.

    Args:
        recipe: of the run.

    Attributes:
        usual_task: name of what a recipe learns to read that does not say it.
        needs: what a recording must have to be learned from, for people.
        has_own_clips: its clips are placed about traced frames, and its validation reads what the task does of them.
        measured_by: the command that measures a run, `{run}` being its folder, and `{data}` and `{dataset}` its data.
        reads_number: whether the network reads what the task is of, so that there are errors to calibrate it by.
        outlines_ends: whether `end_masks` gives outlines at ED and ES.
        networks: in which the recipe's `encoder` is a name.
        recipe: as given.
        num_views: V, clips of each recording in a step.
        shipped: which of the models that ship it may start from.
    """

    usual_task: ClassVar[str] = EF.name
    needs: ClassVar[str] = "nothing but its label"
    has_own_clips: ClassVar[bool] = False
    measured_by: ClassVar[str] = "coreecho evaluate {run}"
    reads_number: ClassVar[bool] = True
    outlines_ends: ClassVar[bool] = False
    networks: ClassVar[Registry[Any]] = ENCODERS
    num_views: int = 1
    shipped: ClassVar[ShippedKind] = "ef"

    def __init__(self, recipe: "Recipe") -> None:
        self.recipe = recipe

    @classmethod
    def is_usual(cls, task: Task) -> bool:
        """Whether it is what a recipe learns to read that does not say it."""
        return task.name == cls.usual_task

    @classmethod
    def check_network(cls, name: str) -> None:
        """See that the recipe's `encoder` stands for a network of this lesson. Raises RecipeError."""
        encoder_class(name)

    @abstractmethod
    def faults(self) -> list[str]:
        """Settings of the recipe that do not fit the lesson, or each other."""

    def for_frozen_encoder(self) -> "Lesson | None":
        """What of it teaches the head alone; None where it is about the encoder."""
        return None

    # The network.

    @abstractmethod
    def build_network(self, recordings: Sequence[Recording]) -> nn.Module:
        """Make the network with new weights, drawn from PyTorch's own generator.

        Args:
            recordings: of the training split.
        """

    @abstractmethod
    def blank(self) -> tuple[nn.Module, Tensor]:
        """The network with any weights, and what it sees of one recording in a step, by which its speed is measured.

        Returns:
            The network, and its input (n, ...) for n pictures or clips, all black.
        """

    @abstractmethod
    def initialise(self, network: Any, path: Path) -> str:
        """Start a network from given weights; return one line for the log. Raises CheckpointError: they do not fit."""

    @abstractmethod
    def card(self, network: Any, trained_on: TrainedOn) -> Card:
        """What the weights that are kept are."""

    @property
    def start(self) -> Path:
        """The weights that the recipe's `init` names. Raises CheckpointError: this build ships none."""
        return resolve(self.recipe.init, self.shipped)

    @property
    def source(self) -> str:
        """Where its weights come from, for their card."""
        return f"trained by coreecho with the recipe {self.recipe.name}, seed {self.recipe.seed}"

    # The data.

    def usable(self, recordings: Sequence[Recording], data: "DataFolder") -> list[Recording]:
        """The recordings of a split that it can be learned or validated from; all of them."""
        return list(recordings)

    @abstractmethod
    def check_targets(self, recordings: Sequence[Recording], data: "DataFolder") -> None:
        """See, before hours of work, that the recordings have what is to be learned.

        Raises:
            RecipeError: none has it, or it cannot be of the task; names the remedy.
            DatasetError: some have none.
        """

    @abstractmethod
    def target_of(self, recording: Recording, data: "DataFolder") -> str:
        """What is to be learned of a recording, in one line that changes when it does."""

    def label_range(self, recordings: Sequence[Recording]) -> tuple[float, float] | None:
        """Smallest and largest number that is learned; None where it is none."""
        return None

    @abstractmethod
    def training_examples(self, examples: Examples) -> Dataset[Any]:
        """Random clips with what is to be learned of them, called with (epoch, position of the recording)."""

    @abstractmethod
    def validation_examples(self, examples: Examples) -> Dataset[Any]:
        """The same clips every time, called with the position of the recording."""

    @property
    def collate(self) -> Callable[[list[Any]], Any] | None:
        """Make a batch of examples; None stacks them."""
        return None

    # Learning.

    @property
    @abstractmethod
    def learns_head(self) -> bool:
        """Whether what reads the embeddings learns from it."""

    def prepare(self, network: Any) -> None:
        """Say which of the network's parameters learn: all of them."""
        network.requires_grad_(True)

    def resting(self, network: Any) -> Sequence[nn.Module]:
        """Parts of the network that do not learn: their batch statistics and dropout stand still. None here."""
        return ()

    @abstractmethod
    def inputs(self, batch: Any) -> tuple[Tensor, ...]:
        """What `terms` takes besides the network."""

    @abstractmethod
    def terms(self, model: Any, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Terms of the loss, by name, whose sum is minimised; of a network and what `inputs` gives."""

    # Validation.

    @property
    @abstractmethod
    def selection(self) -> str:
        """The figure of the validation whose smallest value makes the best epoch, such as `val_mae`."""

    @property
    def told(self) -> str:
        """The figure of the kept epoch that the card of the weights tells; `selection` where nothing else is said."""
        return self.selection

    @property
    def selects(self) -> bool:
        """Whether the validation tells good epochs from bad ones."""
        return True

    @property
    def unit(self) -> str:
        """Of `selection`; empty for a pure number."""
        return ""

    @abstractmethod
    def validate(self, network: Any, loader: DataLoader[Any]) -> pd.DataFrame:
        """Look at every recording of the loader; with several processes, of all their loaders.

        Args:
            network: in any mode; it is put into evaluation mode and back.
            loader: batches of `validation_examples`.

        Returns:
            One row a recording, in the data set's order: `recording`, its position, and what was found.
        """

    def end_masks(self, network: Any, batch: Any) -> tuple[Masks, Masks]:
        """The cavity at ED and at ES of the clips of a validation batch, (B, 2, H, W) each.

        Returns:
            What the network outlines, and what is known.

        Raises:
            RecipeError: the network outlines nothing there.
        """
        raise RecipeError(f"A network of the objective {self.recipe.objective} gives no outlines at ED and ES.")

    @abstractmethod
    def figures(self, table: pd.DataFrame) -> dict[str, float]:
        """The figures of `validate`'s table, `selection` among them."""

"""How a run is evaluated: which split, which clips of each recording, how many resamples."""

from dataclasses import dataclass
from pathlib import Path

from coreecho.datasets import Split
from coreecho.errors import RecipeError
from coreecho.evaluation import Clips
from coreecho.evaluation.intervals import DEFAULT_LEVEL, DEFAULT_RESAMPLES


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a run is evaluated.

    Attributes:
        split: of the data set.
        clips: evenly placed clips of each recording, or "all" for the whole video.
        step: source frames between the clips of "all"; None for the model's stride.
        start_index: file of each recording's starts; goes before `clips`.
        resamples: of the bootstrap.
        level: of the intervals.
        seed: of the bootstrap.

    Raises:
        RecipeError: a value makes no sense, or two contradict each other.
    """

    split: Split = "test"
    clips: Clips = 3
    step: int | None = None
    start_index: Path | None = None
    resamples: int = DEFAULT_RESAMPLES
    level: float = DEFAULT_LEVEL
    seed: int = 0

    def __post_init__(self) -> None:
        faults = []
        if self.clips != "all" and (isinstance(self.clips, bool) or not isinstance(self.clips, int) or self.clips < 1):
            faults.append(f"clips is {self.clips!r}, expected a number of at least 1, or 'all'")
        if self.step is not None and (self.clips != "all" or self.start_index is not None):
            faults.append("step is given, and only clips='all' without a start index has a step")
        if self.step is not None and self.step < 1:
            faults.append(f"step is {self.step}, expected at least 1 frame")
        if self.resamples < 1:
            faults.append(f"resamples is {self.resamples}, expected at least 1")
        if not 0 < self.level < 1:
            faults.append(f"level is {self.level}, expected a share between 0 and 1 such as 0.95")
        if self.seed < 0:
            faults.append(f"seed is {self.seed}, expected at least 0")
        if faults:
            raise RecipeError("The evaluation does not hold together: " + "; ".join(faults) + ".")

    @property
    def name(self) -> str:
        """Short name for a folder: `test-3`, `test-all`, `test-all-step1`, `test-starts-NAME`."""
        if self.start_index is not None:
            return f"{self.split}-starts-{self.start_index.stem}"
        return f"{self.split}-{self.clips}" + ("" if self.step is None else f"-step{self.step}")

    @property
    def description(self) -> str:
        """In words: `TEST split, 3 clips a recording`."""
        clips = (
            "the whole video"
            if self.clips == "all"
            else f"{self.clips} clip{'' if self.clips == 1 else 's'} a recording"
        )
        if self.start_index is not None:
            clips = f"starts from {self.start_index.name}"
        return f"{self.split.upper()} split, {clips}"

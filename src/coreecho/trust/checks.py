"""What a gate may ask of a clip, one thing each, and what a reason for doubt was worth where it was measured."""

import math
from dataclasses import dataclass

from coreecho.errors import CalibrationError
from coreecho.trust.conformal import Side

# Two readers of one clip differ by about 7 points (one standard deviation); a model and an outline that differ by more
# than this cannot both be right.
DISAGREEMENT_POINTS = 10.0


@dataclass(frozen=True, kw_only=True)
class CheckDefinition:
    """One thing that can be strange about a recording.

    Attributes:
        name: a key.
        label: in words.
        unit: of the value, with what is to stand before it; empty where there is none.
        side: which values are strange.
        tolerance: differences up to this mean nothing, such as 49.97 frames a second where all others have 50.
        is_of_outline: it is measured in the outline of the left ventricle, and so only where something outlines it.
        always_doubted_above: a value beyond it is doubtful, however usual it is in a split; None where the split alone
            says what is doubtful.
    """

    name: str
    label: str
    unit: str = ""
    side: Side
    tolerance: float = 0.0
    is_of_outline: bool = False
    always_doubted_above: float | None = None


CHECKS: dict[str, CheckDefinition] = {
    definition.name: definition
    for definition in (
        CheckDefinition(name="neighbour_distance", label="distance to the nearest training recordings", side="high"),
        CheckDefinition(name="class_distance", label="distance to the training recordings of any EF", side="high"),
        CheckDefinition(name="frame_rate", label="frame rate", unit=" per second", side="both", tolerance=1.0),
        CheckDefinition(
            name="num_frames", label="length at the training's frame rate", unit=" frames", side="low", tolerance=2.0
        ),
        CheckDefinition(name="contrast", label="contrast", side="both", tolerance=0.005),
        CheckDefinition(name="motion", label="change of the picture over time", side="both", tolerance=0.005),
        CheckDefinition(name="flicker", label="flicker from frame to frame", side="both", tolerance=0.02),
        CheckDefinition(
            name="deformation",
            label="share of the change over time that no motion of the whole picture explains",
            side="low",
            tolerance=0.005,
        ),
        CheckDefinition(
            name="shaded",
            label="change over time in the dullest part of the sector, by that of the rest",
            side="low",
            tolerance=0.005,
        ),
        CheckDefinition(name="chroma", label="share of the sector that is coloured", side="high", tolerance=0.005),
        CheckDefinition(name="sector_area", label="share of the picture that is sector", side="both", tolerance=0.005),
        CheckDefinition(
            name="sector_cut",
            label="share of the picture's edge at which the sector is cut off",
            side="high",
            tolerance=0.01,
        ),
        CheckDefinition(
            name="clip_disagreement", label="disagreement of its clips", unit=" EF points", side="high", tolerance=0.1
        ),
        CheckDefinition(
            name="copy_disagreement",
            label="disagreement of its mirrored or zoomed copies",
            unit=" EF points",
            side="high",
            tolerance=0.1,
        ),
        CheckDefinition(name="num_beats", label="heartbeats found", side="low", tolerance=0.5, is_of_outline=True),
        CheckDefinition(
            name="lv_unseen",
            label="share of the frames in which no left ventricle is found",
            side="high",
            tolerance=0.02,
            is_of_outline=True,
        ),
        # Large hearts are what many clips are taken for.
        CheckDefinition(
            name="lv_area",
            label="share of the sector that is left ventricle",
            side="low",
            tolerance=0.005,
            is_of_outline=True,
        ),
        CheckDefinition(
            name="lv_cut",
            label="share of the left ventricle's outline at the sector's edge",
            side="high",
            tolerance=0.01,
            is_of_outline=True,
        ),
        CheckDefinition(
            name="lv_pace",
            label="pace at which the left ventricle's area swings",
            unit=" per second",
            side="low",
            tolerance=0.01,
            is_of_outline=True,
        ),
        CheckDefinition(
            name="segmentation_disagreement",
            label="disagreement with the EF of the segmented ventricle",
            unit=" EF points",
            side="high",
            tolerance=0.1,
            is_of_outline=True,
            always_doubted_above=DISAGREEMENT_POINTS,
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class ErrorRatio:
    """How many times as much recordings err that a check flags, as sound ones that it does not flag.

    Attributes:
        ratio: of the mean absolute errors.
        low: end of its interval.
        high: other end.
        level: of the interval.
        num_flagged: recordings, as they are or with a planted fault.
        num_others: sound recordings that the check does not flag.
        on: in words, on what it was measured.
    """

    ratio: float
    low: float
    high: float
    level: float
    num_flagged: int
    num_others: int
    on: str

    def __post_init__(self) -> None:
        numbers = (self.low, self.ratio, self.high)
        if not (all(map(math.isfinite, numbers)) and 0 <= self.low <= self.ratio <= self.high):
            raise CalibrationError(f"error_ratio: expected 0 <= low <= ratio <= high, all finite, got {numbers}.")
        if not (0 < self.level < 1 and self.num_flagged > 0 and self.num_others > 0 and self.on.strip()):
            raise CalibrationError(
                "error_ratio: expected a level, recordings of both kinds, and on what it was measured."
            )

    @property
    def words(self) -> str:
        """For a person, behind a reason."""
        return (
            f"clips flagged for this erred {self.ratio:.2g} times as much ({100 * self.level:g} % interval "
            f"{self.low:.2g} to {self.high:.2g}, n {self.num_flagged}; {self.on})"
        )

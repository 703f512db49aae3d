"""What a gate may ask of a clip, one thing each, and what a reason for doubt was worth where it was measured."""

import math
from dataclasses import dataclass

from coreecho.errors import CalibrationError
from coreecho.trust.conformal import Side, is_strange_high, is_strange_low

# Two readers of one clip differ by about 7 points (one standard deviation); a model and an outline that differ by more
# than this cannot both be right.
DISAGREEMENT_POINTS = 10.0
# What phantoms are called where it is said on what something was measured.
SIMULATED_HEARTS = "simulated hearts"


@dataclass(frozen=True, kw_only=True)
class CheckDefinition:
    """One thing that can be strange about a recording.

    Attributes:
        name: a key.
        label: in words, for the headings of tables.
        if_low: what a person reads of a value that is strangely low, `{}` in place of the value; empty where low values
            are not strange.
        if_high: of one that is strangely high.
        is_share: the value is a share, 0 to 1, and told as a percentage.
        side: which values are strange.
        tolerance: differences up to this mean nothing, such as 49.97 frames a second where all others have 50.
        is_of_outline: it is measured in the outline of the left ventricle, and so only where something outlines it.
        always_doubted_above: a value beyond it is doubtful, however usual it is in a split; None where the split alone
            says what is doubtful.
        if_missing: what a person reads where it could not be measured; empty where its label says enough.
        code_if_missing: what a program reads there; empty where its name says enough.
        said_by: another check whose reason says what this one's would; empty where there is none.
    """

    name: str
    label: str
    if_low: str = ""
    if_high: str = ""
    is_share: bool = False
    side: Side
    tolerance: float = 0.0
    is_of_outline: bool = False
    always_doubted_above: float | None = None
    if_missing: str = ""
    code_if_missing: str = ""
    said_by: str = ""

    @property
    def is_strange_high(self) -> bool:
        """Whether a high value is strange."""
        return is_strange_high(self.side)

    @property
    def is_strange_low(self) -> bool:
        """Whether a low value is strange."""
        return is_strange_low(self.side)

    @property
    def num_sides(self) -> int:
        """On how many sides a value can be strange."""
        return self.is_strange_high + self.is_strange_low

    def is_always_doubted(self, value: float) -> bool:
        """Whether a value is doubtful however usual it is; the one place that compares with the limit."""
        return self.always_doubted_above is not None and value > self.always_doubted_above

    def told(self, value: float, *apart_from: float) -> str:
        """A value for a person, with as few digits as tell it from others that are not the same."""
        for more in range(3):
            if self.is_share:
                texts = [f"{100 * each:.{more}f} %" for each in (value, *apart_from)]
            else:
                texts = [
                    f"{each:.{more}f}" if abs(each) >= 10 else f"{each:.{2 + more}g}" for each in (value, *apart_from)
                ]
            if all(text != texts[0] for text, each in zip(texts[1:], apart_from, strict=True) if each != value):
                break
        return texts[0]


# How far copies of a clip that are mirrored or zoomed are read from it.
COPY_CHECK = "copy_disagreement"
# How far the EF of the left ventricle's outline is from it.
OUTLINE_CHECK = "segmentation_disagreement"
# For programs, where there is no such EF: two numbers that disagree ask for something else than one alone.
NO_OUTLINE_CODE = "no_segmentation_ef"

CHECKS: dict[str, CheckDefinition] = {
    definition.name: definition
    for definition in (
        CheckDefinition(
            name="neighbour_distance",
            label="distance to the nearest training recordings",
            if_high="unlike any training recording: distance {} to the nearest ones",
            side="high",
        ),
        CheckDefinition(
            name="class_distance",
            label="distance to the training recordings of any EF",
            if_high="unlike the training recordings of any EF: distance {}",
            side="high",
        ),
        CheckDefinition(
            name="frame_rate",
            label="frame rate",
            if_low="frame rate unusually low: {} per second",
            if_high="frame rate unusually high: {} per second",
            side="both",
            tolerance=1.0,
        ),
        CheckDefinition(
            name="num_frames",
            label="length at the training's frame rate",
            if_low="length at the training's frame rate: {} frames, unusually few",
            side="low",
            tolerance=2.0,
        ),
        CheckDefinition(
            name="contrast",
            label="contrast",
            if_low="contrast unusually low: {}",
            if_high="contrast unusually high: {}",
            side="both",
            tolerance=0.005,
        ),
        CheckDefinition(
            name="motion",
            label="change of the picture over time",
            if_low="picture changes unusually little over time: by {}",
            if_high="picture changes unusually much over time: by {}",
            side="both",
            tolerance=0.005,
        ),
        CheckDefinition(
            name="flicker",
            label="flicker from frame to frame",
            if_low="picture flickers unusually little from frame to frame: by {}",
            if_high="picture flickers unusually much from frame to frame: by {}",
            side="both",
            tolerance=0.02,
        ),
        CheckDefinition(
            name="deformation",
            label="share of the change over time that no motion of the whole picture explains",
            if_low="hardly anything moves but the picture as a whole: it leaves {} of the change unexplained",
            is_share=True,
            side="low",
            tolerance=0.005,
        ),
        CheckDefinition(
            name="shaded",
            label="change over time in the dullest part of the sector, by that of the rest",
            if_low="one part of the sector is dull, as under a shadow: it changes {} as much as the rest",
            is_share=True,
            side="low",
            tolerance=0.005,
        ),
        CheckDefinition(
            name="chroma",
            label="share of the sector that is coloured",
            if_high="coloured, as colour Doppler is: {} of the sector",
            is_share=True,
            side="high",
            tolerance=0.005,
        ),
        CheckDefinition(
            name="sector_area",
            label="share of the picture that is sector",
            if_low="ultrasound sector unusually small: {} of the picture",
            if_high="ultrasound sector unusually large: {} of the picture",
            is_share=True,
            side="both",
            tolerance=0.005,
        ),
        CheckDefinition(
            name="sector_cut",
            label="share of the picture's edge at which the sector is cut off",
            if_high="ultrasound sector cut off along {} of the picture's edge",
            is_share=True,
            side="high",
            tolerance=0.01,
        ),
        CheckDefinition(
            name="clip_disagreement",
            label="disagreement of its clips",
            if_high="standard deviation of the file's clips {} points",
            side="high",
            tolerance=0.1,
        ),
        CheckDefinition(
            name=COPY_CHECK,
            label="disagreement of its mirrored or zoomed copies",
            if_high="EF of the mirrored or zoomed copies {} points apart",
            side="high",
            tolerance=0.1,
        ),
        CheckDefinition(
            name="num_beats",
            label="heartbeats found",
            if_low="unusually few heartbeats found: {}",
            side="low",
            tolerance=0.5,
            is_of_outline=True,
        ),
        CheckDefinition(
            name="lv_unseen",
            label="share of the frames in which no left ventricle is found",
            if_high="no left ventricle found in {} of the frames",
            is_share=True,
            side="high",
            tolerance=0.02,
            is_of_outline=True,
        ),
        # Large hearts are what many clips are taken for.
        CheckDefinition(
            name="lv_area",
            label="share of the sector that is left ventricle",
            if_low="left ventricle unusually small: {} of the sector",
            # A ventricle that is not found is not small, too.
            said_by="lv_unseen",
            is_share=True,
            side="low",
            tolerance=0.005,
            is_of_outline=True,
        ),
        CheckDefinition(
            name="lv_cut",
            label="share of the left ventricle's outline at the sector's edge",
            if_high="left ventricle cut off by the sector's edge along {} of its outline",
            is_share=True,
            side="high",
            tolerance=0.01,
            is_of_outline=True,
        ),
        CheckDefinition(
            name="lv_pace",
            label="pace at which the left ventricle's area swings",
            if_low="left ventricle's area swings unusually slowly: {} times a second",
            side="low",
            tolerance=0.01,
            is_of_outline=True,
        ),
        CheckDefinition(
            name=OUTLINE_CHECK,
            label="disagreement with the EF of the segmented ventricle",
            if_high="outline's EF {} points away",
            side="high",
            tolerance=0.1,
            is_of_outline=True,
            always_doubted_above=DISAGREEMENT_POINTS,
            if_missing="no second EF to compare with: no complete beat could be outlined",
            code_if_missing=NO_OUTLINE_CODE,
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
        """For a person, behind a reason; on what it was measured is `origin`."""
        where = ", on phantoms" if SIMULATED_HEARTS in self.on else ""
        return f"such clips err {self.ratio:.2g} times as much{where}"

    @property
    def origin(self) -> str:
        """On what it was measured, for a person, once under all reasons."""
        return (
            f"how many times as much such clips err was measured on {self.on}, against sound clips without that "
            "reason; the calibration beside the weights has the interval and the number of clips of each reason "
            "(`error_ratio`)"
        )

"""What a cohort of phantoms is made of: one typed settings class, and the simulated scanners it can name.

Every field has its default, its unit and its reason here and nowhere else; the command line and the card beside the
videos come from these classes.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from coreecho.errors import DatasetError

Difficulty = Literal["easy", "standard"]

# Frame counts of EchoNet-Dynamic (shared facts): 28 to 1,002.
ECHONET_FRAME_RANGE = (28, 1002)


@dataclass(frozen=True, kw_only=True)
class Scanner:
    """A simulated scanner: the part of the picture that belongs to the machine and not to the patient."""

    name: str
    wavelength_mm: float
    """Effective wavelength in tissue (0.55 mm is 2.8 MHz at 1,540 m/s, the usual cardiac harmonic band)."""
    aperture_mm: float
    """Active aperture. The two-way beam is about 0.7 * wavelength / aperture radians wide at the focus."""
    focus_mm: float
    """Transmit focus; the beam widens before and behind it."""
    pulse_mm: float
    """Axial resolution, full width at half maximum of the envelope."""
    depth_mm: tuple[float, float]
    """Display depth is drawn uniformly from this range."""
    half_angle_deg: tuple[float, float]
    """Half of the opening angle, drawn uniformly from this range."""
    dynamic_range_db: tuple[float, float]
    """Log compression, drawn uniformly from this range."""
    mean_grey: float
    """Mean of the whole picture as a fraction of full scale, towards which the operator sets the gain."""
    persistence: float
    """Weight of the previous output frame in the frame averaging, for a frame rate of 50."""
    fps: tuple[tuple[float, float], ...]
    """Pairs of (frames per second, probability)."""


# EchoNet-Dynamic's frame rates: 18 to 138, 79 % exactly 50. The minor modes are an even spread over the rest.
_ECHONET_FPS = (
    (50.0, 0.79),
    (18.0, 0.005),
    (25.0, 0.02),
    (30.0, 0.04),
    (34.0, 0.02),
    (40.0, 0.025),
    (46.0, 0.025),
    (55.0, 0.02),
    (60.0, 0.02),
    (75.0, 0.02),
    (100.0, 0.01),
    (138.0, 0.005),
)

SCANNERS = {
    "A": Scanner(
        name="A",
        wavelength_mm=0.55,
        aperture_mm=19.0,
        focus_mm=80.0,
        pulse_mm=1.1,
        depth_mm=(150.0, 180.0),
        half_angle_deg=(37.0, 44.0),
        dynamic_range_db=(52.0, 64.0),
        mean_grey=0.127,
        persistence=0.25,
        fps=_ECHONET_FPS,
    ),
    # An older machine: lower frequency, coarser texture, more contrast, slower.
    "B": Scanner(
        name="B",
        wavelength_mm=0.80,
        aperture_mm=16.0,
        focus_mm=65.0,
        pulse_mm=1.9,
        depth_mm=(170.0, 210.0),
        half_angle_deg=(33.0, 40.0),
        dynamic_range_db=(40.0, 48.0),
        mean_grey=0.095,
        persistence=0.45,
        fps=((25.0, 0.3), (30.0, 0.5), (38.0, 0.2)),
    ),
    # A newer machine: finer texture, softer contrast, brighter, faster.
    "C": Scanner(
        name="C",
        wavelength_mm=0.42,
        aperture_mm=23.0,
        focus_mm=90.0,
        pulse_mm=0.8,
        depth_mm=(135.0, 160.0),
        half_angle_deg=(40.0, 47.0),
        dynamic_range_db=(64.0, 76.0),
        mean_grey=0.185,
        persistence=0.1,
        fps=((60.0, 0.3), (70.0, 0.4), (85.0, 0.3)),
    ),
}


@dataclass(frozen=True, kw_only=True)
class PhantomSettings:
    """The settings of a cohort of phantoms. Same settings and seed, same files.

    Raises:
        DatasetError: a value is outside of its range.
    """

    scanner: Literal["A", "B", "C"] = "A"
    """A resembles EchoNet-Dynamic; B (older) and C (newer) differ in texture, contrast, gain, depth and frame rate."""
    difficulty: Difficulty = "standard"
    """How far the nuisances go. `easy` has good pictures of hearts in a standard place, for the demo."""
    min_frames: int = ECHONET_FRAME_RANGE[0]
    """Fewest frames of a video."""
    max_frames: int = ECHONET_FRAME_RANGE[1]
    """Most frames of a video; set equal to min_frames for videos of one length."""

    def __post_init__(self) -> None:
        if self.scanner not in SCANNERS:
            raise DatasetError(f"phantom settings: scanner is {self.scanner!r}, expected one of {sorted(SCANNERS)}.")
        if self.difficulty not in ("easy", "standard"):
            raise DatasetError(f"phantom settings: difficulty is {self.difficulty!r}, expected 'easy' or 'standard'.")
        if not 16 <= self.min_frames <= self.max_frames:
            raise DatasetError(
                f"phantom settings: min_frames is {self.min_frames} and max_frames {self.max_frames}; "
                "expected 16 <= min_frames <= max_frames, since a video must hold end-diastole and end-systole."
            )

    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values, for the card beside the videos."""
        return asdict(self)

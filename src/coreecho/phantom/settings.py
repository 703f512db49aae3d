"""What a cohort of phantoms is made of: one typed settings class, and the simulated scanners it can name.

Every field has its default, its unit and its reason here and nowhere else; the command line and the card beside the
videos come from these classes.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from coreecho.errors import DatasetError

ScannerName = Literal["A", "B", "C", "any"]
Difficulty = Literal["easy", "standard", "clinic"]
Group = Literal["hearts", "motion", "framing", "pictures"]
Overlay = Literal["none", "ticks", "full"]
Cue = Literal["none", "gain", "depth", "contrast", "haze", "tilt"]

# Chosen so that the demo model, trained end to end on 1,000 standard recordings, reaches a test R2 between 0.75 and
# 0.92.
_NUISANCE_SCALES: dict[str, float] = {"easy": 0.25, "standard": 0.65, "clinic": 1.0}

# Settings that came later: at these values a card does not name them, so that older cohorts keep their cards.
LATER_SETTINGS: dict[str, Any] = {"leave_out": "nothing", "masks": False}

# Frame counts of EchoNet-Dynamic: 28 to 1,002.
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
    grey_power: float
    """Power of the grey map after log compression."""
    persistence: float
    """Weight of the previous output frame in the frame averaging, for a frame rate of 50."""
    fps: tuple[tuple[float, float], ...]
    """Pairs of (frames per second, probability)."""
    defocus: float = 0.11
    """Width of the beam away from the focus: radians for each mm of aperture and 1/mm of inverse depth."""
    scatterers_per_mm2: float = 1.3
    """Density of the simulated scatterers; their Gaussian amplitudes make the speckle fully developed at 1 already."""
    sampling_points: int = 3
    """Points each way at which a pixel looks at the beams."""
    looks: int = 1
    """Neighbouring samples of a beam whose power is averaged (compounding)."""
    reject: float = 0.0
    """Share of the dynamic range, from its lower end, that is shown black."""
    shoulder: float = 0.0
    """How far the grey map is an S: 0 is a power law, 1 the S alone."""
    pixel_reach: float = 1.5
    """Width in pixels over which the scan converter averages: a real picture was smoothed before it was made small."""
    sharpening: float = 0.0
    """Share of the difference between a pixel and the mean of its neighbours that is added to it."""
    jpeg_quality: int = 0
    """Quality, 1 to 95, at which the machine stores its frames; 0 stores them as they are."""


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
        grey_power=1.85,
        persistence=0.2,
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
        grey_power=1.5,
        persistence=0.45,
        fps=((25.0, 0.3), (30.0, 0.5), (38.0, 0.2)),
    ),
    # A newer machine: finer texture, softer contrast, brighter, faster.
    "C": Scanner(
        name="C",
        wavelength_mm=0.47,
        aperture_mm=21.0,
        focus_mm=90.0,
        pulse_mm=0.8,
        depth_mm=(135.0, 160.0),
        half_angle_deg=(40.0, 47.0),
        dynamic_range_db=(58.0, 70.0),
        mean_grey=0.165,
        grey_power=1.45,
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

    scanner: ScannerName = "A"
    """A resembles EchoNet-Dynamic; B (older) and C (newer) differ in texture, contrast, gain, depth and frame rate.
    `any` is another machine for each recording."""
    difficulty: Difficulty = "standard"
    """`standard` resembles EchoNet-Dynamic; `easy`, for the demo, has steady hearts and few nuisances; `clinic` draws
    hearts, motion, framing and pictures as widely as clinics see them, and EF more evenly."""
    min_frames: int = ECHONET_FRAME_RANGE[0]
    """Fewest frames of a video."""
    max_frames: int = ECHONET_FRAME_RANGE[1]
    """Most frames of a video; set equal to min_frames for videos of one length."""
    overlay: Overlay = "none"
    """Burned in outside of the sector: nothing (as in EchoNet-Dynamic), depth ticks, or text and ECG as well."""
    cue: Cue = "none"
    """A nuisance that is tied to EF in the TRAIN and VAL splits, to plant a shortcut; in TEST it is free of EF."""
    cue_strength: float = 0.0
    """Correlation of the cue with EF (ranks, as normal scores), -1 to 1."""
    label_noise: float = 0.0
    """Standard deviation, in EF points, of the labels' error; human readers differ by about 5."""
    truth: bool = False
    """Write masks, volumes per frame and all latent variables beside the videos."""
    masks: bool = False
    """Write masks and volumes per frame alone: small and fast, to train segmentation from."""
    leave_out: Literal["nothing", "hearts", "motion", "framing", "pictures"] = "nothing"
    """Of `clinic`: a group of knobs that is drawn as for `standard` instead, to learn what it is worth."""

    def __post_init__(self) -> None:
        choices = {
            "scanner": get_args(ScannerName),
            "difficulty": get_args(Difficulty),
            "overlay": get_args(Overlay),
            "cue": get_args(Cue),
            "leave_out": ("nothing", *get_args(Group)),
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise DatasetError(
                    f"phantom settings: {name} is {getattr(self, name)!r}, expected one of {', '.join(known)}."
                )
        self._check_numbers()

    def _check_numbers(self) -> None:
        if not 16 <= self.min_frames <= self.max_frames:
            raise DatasetError(
                f"phantom settings: min_frames is {self.min_frames} and max_frames {self.max_frames}; "
                "expected 16 <= min_frames <= max_frames, since a video must hold end-diastole and end-systole."
            )
        if not -1.0 <= self.cue_strength <= 1.0:
            raise DatasetError(f"phantom settings: cue_strength is {self.cue_strength}, expected -1 to 1.")
        if (self.cue == "none") != (self.cue_strength == 0.0):
            raise DatasetError(
                f"phantom settings: cue is {self.cue!r} and cue_strength {self.cue_strength}; expected both or "
                "neither, since a cue without strength changes nothing."
            )
        if self.leave_out != "nothing" and not self.is_clinic:
            raise DatasetError(
                f"phantom settings: leave_out is {self.leave_out!r} and difficulty {self.difficulty!r}; only of "
                "'clinic' can something be left out."
            )
        if not 0.0 <= self.label_noise <= 20.0:
            raise DatasetError(f"phantom settings: label_noise is {self.label_noise}, expected 0 to 20 EF points.")

    @property
    def nuisance_scale(self) -> float:
        """Spread of the nuisances relative to the widest that was looked at."""
        return _NUISANCE_SCALES[self.difficulty]

    def cue_in(self, split: str) -> str | None:
        """The nuisance that tells of the EF in a split; none in the tested one, where who learned it fails."""
        return None if self.cue == "none" or split == "TEST" else self.cue

    @property
    def is_by_many_scanners(self) -> bool:
        """Whether each recording is filmed by any of the machines."""
        return self.scanner == "any"

    @property
    def has_ticks(self) -> bool:
        """Whether a scale of the depth is burned into the frames."""
        return self.overlay != "none"

    @property
    def has_texts(self) -> bool:
        """Whether texts and an ECG are burned in as well."""
        return self.overlay == "full"

    @property
    def is_steady(self) -> bool:
        """Whether all hearts beat in a brisk sinus rhythm, contract evenly, and are filmed at the commonest frame rate.

        A clip of the demo, half a second long, then holds most of a beat.
        """
        return self.difficulty == "easy"

    @property
    def is_clinic(self) -> bool:
        """Whether the hearts have what clinics see: diseases, rhythms, and a wide range of EF."""
        return self.difficulty == "clinic"

    def is_wide(self, group: Group) -> bool:
        """Whether a group of hidden variables is drawn as widely as clinics see it."""
        return self.is_clinic and self.leave_out != group

    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values, for the card beside the videos."""
        return {name: value for name, value in asdict(self).items() if LATER_SETTINGS.get(name) != value}

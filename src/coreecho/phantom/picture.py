"""What a view may hold beyond the usual: another framing, other echo levels, more layers of clutter."""

from dataclasses import dataclass

# Height and width of a frame in pixels: EchoNet-Dynamic's.
FRAME_SIZE = 112


@dataclass(frozen=True, kw_only=True)
class Framing:
    """Which part of the sector the frame shows."""

    mm_per_pixel: float
    probe_column: float
    probe_row: float
    """Where the beams meet, in pixels; above the frame where its apex is cut off."""
    left_share: float = 1.0
    right_share: float = 1.0
    """Shares of the sector's half-width, as sines, that are seen on each side."""
    mark_column: float | None = None
    """Column of the probe's mark beside the sector's apex; None is without mark and depth ticks."""
    tick_offset: float = 5.0
    """Pixels between the sector's right edge and its ticks."""


@dataclass(frozen=True, kw_only=True)
class Echoes:
    """What each tissue sends back, in dB relative to mid-septal myocardium."""

    septum_db: float = -1.0
    septal_fade_db: float = 0.0
    """The septum fades from its middle to both of its borders."""
    lateral_wall_db: float = -1.0
    endocardium_db: float = 2.0
    specular_db: float = 7.0
    """The specular echo of the endocardium: along the beam, and what it gains across it."""
    epicardial_fade_db: float = 8.0
    """The lateral wall fades towards the epicardium."""
    rv_wall_db: float = -8.0
    pericardium_db: float = 9.0
    rv_pericardium_db: float = 0.0
    """What the pericardium sends back more beside the right ventricle."""
    lung_db: float = -25.0
    """What lies beside the heart."""
    near_field_db: float = -7.0
    atrial_wall_db: float = -5.0
    posterior_db: float = -2.0
    posterior_fade_db_per_mm: float = 0.8
    """What lies behind the atria, and how it fades."""
    leaflets_db: float = 0.0
    """What the leaflets send back more than the usual."""
    papillary_db: float = -3.0
    """Papillary muscle, moderator band and trabeculae."""
    atrial_septum_db: float = 0.0
    """What the septum between the atria sends back more than the atria's other walls."""
    atrial_septum_mm: float = 0.0
    """Half of the thickness of the part that does."""
    crux_mm: float = 3.5
    """Reach of the fibrous crux, where septa and valves meet."""
    crux_fade_db: float = 0.0
    """How far it fades over its reach."""
    annulus_db: float = 8.0
    apex_lost_db: float = 0.0
    """What the walls lose at the apex."""
    apex_lost_along: float = 0.3
    """How far from it, as a share of the ventricle's length."""


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Clutter and losses of one video."""

    near_fade_db_per_mm: float
    """How fast the near field's clutter fades with depth."""
    veil_db: float | None
    """Level of a grey veil over one side of the sector; None is none."""
    veil_side: float
    """1 lateral, -1 septal."""
    veil_from: float
    """Where it begins, as a share of the sector's half-width."""
    haze_db: float
    """Level of the clutter over the whole sector."""
    compensation_db: float
    """Size of the errors of the time-gain compensation."""
    edge_db: float
    """What the outermost beams lose."""
    has_fine_noise: bool
    """Whether the noise differs from beam to beam and sample to sample, instead of having the speckle's grain."""

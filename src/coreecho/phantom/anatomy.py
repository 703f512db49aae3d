"""The heart at end-diastole, in an apical four-chamber view: its shape, and what each point of tissue sends back.

Heart coordinates, in mm: Z runs along the long axis of the left ventricle from the epicardial apex (0) to the plane of
the mitral annulus (`length_mm`) and on into the atria; X is the distance from that axis in the image plane, positive
towards the lateral wall, negative towards septum and right heart. The left ventricle is a body of revolution about the
axis.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.phantom.cohort import RecordingFacts
from coreecho.phantom.wall_motion import WallMotion, draw_wall_motion

Floats = NDArray[np.float64]

_PROFILE_POINTS = 401


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """The shape of one heart at end-diastole. Lengths in mm; echo levels in dB relative to mid-septal myocardium."""

    length_mm: float
    """Epicardial apex to mitral annulus."""
    radius_mm: float
    """Largest radius of the cavity of the left ventricle."""
    apex_mm: float
    """Thickness of the apical cap."""
    wall_mm: float
    """Thickness of the wall at the widest place."""
    apex_power: float
    """2 is an ellipsoidal apex, larger is nearer to a bullet."""
    widest: float
    """Where the cavity is widest, as a fraction of its length from the apex."""
    annulus_ratio: float
    """Radius of the annulus over the largest radius."""
    rv_width_mm: float
    """Width of the right ventricle at its base."""
    rv_wall_mm: float
    rv_start: float
    """Where the right ventricle begins, as a fraction of the length from the apex."""
    atrium_mm: float
    """Height of the left atrium."""
    atrium_width_mm: float
    right_atrium_ratio: float
    """Size of the right atrium over the left's."""
    atrium_shape: float
    """Power of the atria's superellipse: 2 is round, larger is squarer."""
    bend_mm: float
    """How far the middle of the long axis bows towards the lateral wall."""
    apical_thinning: float
    """Share of its thickness that the wall loses towards the apex."""
    wall_wave: float
    """How far the wall's thickness swells and thins along its length, as a share of it."""
    wall_phase: float
    """Where it does, in turns."""
    papillary_along: float
    """Middle of the papillary muscle's foot on the lateral wall, as a fraction of the length from the apex."""
    papillary_reach: float
    """Half of the foot's length, as a fraction of the ventricle's."""
    papillary_mm: float
    """How far the muscle stands out into the cavity; 0 is out of the image plane."""
    moderator_mm: float
    """Thickness of the moderator band across the right ventricle; 0 is out of the image plane."""
    moderator_along: float
    """Where it leaves the septum, as a fraction of the length from the apex."""
    aorta_mm: float
    """Radius of the descending aorta behind the left atrium; 0 is out of the image plane."""
    aorta_x_mm: float
    wall_motion: WallMotion
    atrial_waist: float | None = None
    """Width of the atria at the annuli over their largest, which lies half-way down; None is widest at the annuli."""
    cavity_wave: float | None = None
    """How far the cavity's squared radius swells and narrows along its length, as a share of it; None is smooth."""
    cavity_phase: float | None = None
    """Where it does, in turns."""
    trabeculae_mm: float | None = None
    """Depth of the trabeculated layer at the apex, inside of the cavity; None is a smooth cavity."""
    effusion_mm: float | None = None
    """Width of fluid between heart and pericardium; None is none."""

    def cavity_fraction(self, z_mm: Floats) -> Floats:
        """Squared radius of the cavity over the largest squared radius, at depths (any shape) below the apex."""
        along = (np.asarray(z_mm) - self.apex_mm) / (self.length_mm - self.apex_mm)
        along = np.clip(along, 0.0, 1.0)
        apical = 1.0 - np.abs((self.widest - along) / self.widest) ** self.apex_power
        basal = 1.0 - (1.0 - self.annulus_ratio**2) * ((along - self.widest) / (1.0 - self.widest)) ** 2
        fraction = np.where(along < self.widest, apical, basal)
        if self.cavity_wave is None or self.cavity_phase is None:
            return fraction
        # Nothing at the apex and the annulus.
        wave = np.sin(np.pi * along) * np.sin(2.0 * np.pi * (1.4 * along + self.cavity_phase))
        return np.asarray(fraction * (1.0 + self.cavity_wave * wave))

    def endocardium_squared(self, z_mm: Floats) -> Floats:
        """Squared radius of the endocardium in mm^2."""
        return self.radius_mm**2 * self.cavity_fraction(z_mm)

    def epicardium(self, z_mm: Floats) -> Floats:
        """Radius of the epicardium in mm; zero at the epicardial apex, thinning to both ends."""
        z_mm = np.asarray(z_mm)
        endocardium = np.sqrt(self.endocardium_squared(z_mm))
        near_apex = np.clip(z_mm / (2.2 * self.apex_mm), 0.0, 1.0)
        cap = self.wall_mm * np.sqrt(1.0 - (1.0 - near_apex) ** 2)
        along = np.clip(z_mm / self.length_mm, 0.0, 1.0)
        share = 1.0 - 0.15 * along**4 - self.apical_thinning * (1.0 - along) ** 2
        return endocardium + cap * (share + self.wall_wave * np.sin(2.0 * np.pi * (1.3 * along + self.wall_phase)))

    def rv_cavity(self, z_mm: Floats) -> Floats:
        """Width of the right ventricle's cavity in mm, measured outward from the septum's right side."""
        along = np.clip((np.asarray(z_mm) / self.length_mm - self.rv_start) / (1.0 - self.rv_start), 0.0, 1.0)
        return self.rv_width_mm * np.sin(0.5 * np.pi * along) ** 0.8

    def contraction_weight(self, z_mm: Floats, is_septal: NDArray[np.bool_] | bool) -> Floats:
        """How strongly the wall contracts at depths below the apex, on the given side (both of one shape)."""
        return self.wall_motion.weight(np.asarray(z_mm) / self.length_mm, is_septal)

    def bend(self, z_mm: Floats) -> Floats:
        """How far the axis bows towards the lateral wall, in mm, at depths below the apex."""
        along = np.clip(np.asarray(z_mm) / self.length_mm, 0.0, 1.0)
        return 4.0 * self.bend_mm * along * (1.0 - along)

    @property
    def annulus_mm(self) -> float:
        """Radius of the mitral annulus."""
        return self.radius_mm * self.annulus_ratio

    def profile(self) -> tuple[Floats, Floats]:
        """Depths below the apex (n,) and squared cavity radii (n,) in mm^2 for integrals along the axis."""
        z_mm = np.linspace(self.apex_mm, self.length_mm, _PROFILE_POINTS)
        return z_mm, self.endocardium_squared(z_mm)


def draw_anatomy(facts: RecordingFacts, generator: np.random.Generator, *, is_even: bool = False) -> Anatomy:
    """A heart whose cavity holds exactly the recording's end-diastolic volume."""
    dilation = np.clip((55.0 - facts.ef_percent) / 40.0, 0.0, 1.0)
    sphericity = generator.normal(0.262 + 0.045 * dilation, 0.018)
    apex_power = generator.uniform(2.0, 2.8)
    widest = generator.uniform(0.55, 0.68)
    annulus_ratio = generator.uniform(0.72, 0.88)
    # Cavity of unit length and unit radius; its volume scales with length * radius^2.
    unit = Anatomy(
        length_mm=1.0,
        radius_mm=1.0,
        apex_mm=0.0,
        wall_mm=0.0,
        apex_power=apex_power,
        widest=widest,
        annulus_ratio=annulus_ratio,
        rv_width_mm=0.0,
        rv_wall_mm=0.0,
        rv_start=0.0,
        atrium_mm=0.0,
        atrium_width_mm=0.0,
        right_atrium_ratio=1.0,
        atrium_shape=2.0,
        bend_mm=0.0,
        apical_thinning=0.0,
        wall_wave=0.0,
        wall_phase=0.0,
        papillary_along=0.0,
        papillary_reach=0.1,
        papillary_mm=0.0,
        moderator_mm=0.0,
        moderator_along=0.5,
        aorta_mm=0.0,
        aorta_x_mm=0.0,
        wall_motion=WallMotion(),
    )
    depths, squared = unit.profile()
    filling = np.pi * np.trapezoid(squared, depths)
    cavity_length = (1000.0 * facts.edv_ml / (filling * sphericity**2)) ** (1.0 / 3.0)
    apex_mm = generator.uniform(5.0, 8.0)
    # A failing ventricle has a large atrium behind it.
    atrium = (cavity_length / 82.0) ** 0.5 * np.exp(0.10 * dilation + 0.08 * generator.standard_normal())
    return Anatomy(
        length_mm=float(cavity_length + apex_mm),
        radius_mm=float(sphericity * cavity_length),
        apex_mm=float(apex_mm),
        wall_mm=float(np.clip(generator.normal(8.8, 1.4), 6.0, 14.0)),
        apex_power=float(apex_power),
        widest=float(widest),
        annulus_ratio=float(annulus_ratio),
        rv_width_mm=float(np.clip(generator.normal(30.0, 5.0), 18.0, 45.0)),
        rv_wall_mm=float(generator.uniform(3.0, 5.0)),
        rv_start=float(generator.uniform(0.12, 0.3)),
        atrium_mm=float(generator.normal(35.0, 4.0) * atrium),
        atrium_width_mm=float(generator.normal(42.0, 4.0) * atrium),
        right_atrium_ratio=float(generator.uniform(0.78, 1.08)),
        atrium_shape=float(generator.uniform(2.0, 2.8)),
        bend_mm=float(generator.normal(1.0, 1.5)),
        apical_thinning=float(generator.uniform(0.0, 0.4)),
        wall_wave=float(generator.uniform(0.0, 0.16)),
        wall_phase=float(generator.random()),
        papillary_along=float(generator.uniform(0.42, 0.55)),
        papillary_reach=float(generator.uniform(0.1, 0.15)),
        papillary_mm=float(generator.uniform(4.0, 7.0) * (generator.random() < 0.6)),
        moderator_mm=float(generator.uniform(2.0, 4.0) * (generator.random() < 0.5)),
        moderator_along=float(generator.uniform(0.4, 0.6)),
        aorta_mm=float(generator.uniform(8.0, 12.0) * (generator.random() < 0.4)),
        aorta_x_mm=float(generator.uniform(0.0, 25.0)),
        wall_motion=draw_wall_motion(facts.ef_percent, generator, is_even=is_even),
    )

"""What each place of the heart and its surroundings sends back: echo levels at end-diastole.

Levels are in dB relative to the myocardium of the septum, before anything that lies between probe and tissue.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from coreecho.phantom.anatomy import Anatomy
from coreecho.phantom.view import View

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BLOOD_DB = -99.0
_SCAR_DB = 3.0
# Thickness of the septum between the atria, and of the atria's other walls.
_SEPTUM_MM = 3.0
_ATRIAL_WALL_MM = 2.0
# Width of a superellipse of the usual power at half its height, over its largest.
_MIDDLE_WIDTH = 0.9
# Smooth variation of the level: lengths in mm over which it changes.
_REGION_MM = 12.0
_COARSE_MM = 7.0
_FINE_MM = 2.2


@dataclass(frozen=True, kw_only=True)
class Places:
    """Points in heart coordinates at end-diastole, and where they lie relative to its surfaces; every array is (N,)."""

    x_mm: Floats
    """Distance from the bowed axis; negative is septal."""
    z_mm: Floats
    is_septal: Flags
    distance: Floats
    """From the axis, in the image plane."""
    level: Floats
    """Depth below the apex, held between apex and annulus."""
    out_of_plane2: Floats
    """Squared distance in mm^2 between image plane and axis."""
    endocardium: Floats
    epicardium: Floats
    """Half-widths in the image plane."""
    outside: Floats
    """Distance from the epicardium; negative inside."""
    rv_cavity: Floats
    """Width of the right ventricle."""
    past_rv: Floats
    """Distance from the cavity of the right ventricle, outwards."""
    below: Floats
    """Depth below the annulus; 0 above it."""
    left_dome: Floats
    right_dome: Floats
    """Below 1 inside of the atrium, 1 on its border."""
    behind: Floats
    """Distance from the nearer atrium in mm; negative inside."""

    @property
    def is_ventricular(self) -> Flags:
        """Between the epicardial apex and the annulus."""
        return (self.z_mm >= 0.0) & (self.below <= 0.0)

    @property
    def is_wall(self) -> Flags:
        """In the wall of the left ventricle, or in its cavity."""
        return (self.outside <= 0.0) & (self.below <= 0.0)


def out_of_plane_squared(anatomy: Anatomy, z_mm: Floats, foreshortening_rad: float) -> Floats:
    """Squared distance in mm^2 between image plane and long axis; the plane is tilted about the annulus."""
    return np.asarray(np.square(np.tan(foreshortening_rad) * np.maximum(anatomy.length_mm - z_mm, 0.0)))


def locate(anatomy: Anatomy, x_mm: Floats, z_mm: Floats, foreshortening_rad: float) -> Places:
    """Measure points (N,) against the surfaces of the heart."""
    x_mm = x_mm - anatomy.bend(z_mm)
    level = np.clip(z_mm, 0.0, anatomy.length_mm)
    out_of_plane2 = out_of_plane_squared(anatomy, level, foreshortening_rad)
    distance = np.abs(x_mm)
    epicardium = np.sqrt(np.maximum(anatomy.epicardium(level) ** 2 - out_of_plane2, 0.0))
    rv_cavity = anatomy.rv_cavity(level)
    below = np.maximum(z_mm - anatomy.length_mm, 0.0)
    half = 0.5 * anatomy.atrium_width_mm
    power = anatomy.atrium_shape

    def dome(centre_mm: float, half_mm: float, height_mm: float) -> Floats:
        sideways = np.abs(x_mm - centre_mm) / half_mm
        if anatomy.atrial_waist is not None:
            down = np.clip(below / height_mm, 0.0, 1.0)
            sideways = sideways / (anatomy.atrial_waist + (1.0 - anatomy.atrial_waist) * np.sin(np.pi * down))
            # So wide at half its height, the superellipse would be too narrow there.
            sideways = sideways * _MIDDLE_WIDTH
        return np.asarray((sideways**power + (below / height_mm) ** power) ** (1.0 / power))

    left_centre = half - anatomy.annulus_mm
    left = dome(left_centre, half, anatomy.atrium_mm)
    right_half = anatomy.right_atrium_ratio * half
    right_centre = left_centre - half - _SEPTUM_MM - right_half
    right = dome(right_centre, right_half, anatomy.right_atrium_ratio * anatomy.atrium_mm)
    return Places(
        x_mm=x_mm,
        z_mm=z_mm,
        is_septal=x_mm < 0.0,
        distance=distance,
        level=level,
        out_of_plane2=out_of_plane2,
        endocardium=np.sqrt(np.maximum(anatomy.endocardium_squared(level) - out_of_plane2, 0.0)),
        epicardium=epicardium,
        outside=distance - epicardium,
        rv_cavity=rv_cavity,
        past_rv=distance - epicardium - rv_cavity,
        below=below,
        left_dome=left,
        right_dome=right,
        behind=(np.minimum(left, right) - 1.0) * half,
    )


def smooth_noise(shape: tuple[int, int], scale: float, generator: np.random.Generator) -> Floats:
    """Gaussian noise of unit variance (shape), correlated over about `scale` points."""
    noise = gaussian_filter(generator.standard_normal(shape, dtype=np.float32), scale, mode="wrap", truncate=2.5)
    return np.asarray(noise / noise.std(), dtype=np.float64)


def draw_levels(
    anatomy: Anatomy,
    view: View,
    grid_shape: tuple[int, int],
    step_mm: float,
    seen: NDArray[np.intp],
    at: Places,
    generator: np.random.Generator,
) -> Floats:
    """Echo level in dB of places (N,), `BLOOD_DB` in the cavities.

    Args:
        anatomy: the heart at end-diastole.
        view: how it is seen.
        grid_shape: rows and columns of a grid over the heart.
        step_mm: its spacing.
        seen: (N,) the places' numbers in it, row by row.
        at: the places.
        generator: of this recording.
    """
    coarse, fine, region = (
        smooth_noise(grid_shape, length_mm / step_mm, generator).ravel()[seen]
        for length_mm in (_COARSE_MM, _FINE_MM, _REGION_MM)
    )
    # No atrium is a smooth oval.
    at = replace(at, behind=at.behind + 1.3 * coarse)
    patchy = view.contrast_db * coarse + 0.5 * view.contrast_db * fine
    facing = _facing_ventricle(anatomy, view, at)
    level = _surroundings(anatomy, view, at, facing) + 1.3 * patchy + view.unevenness_db * region
    level = np.where(at.is_wall, _wall(anatomy, view, at, facing) + 1.2 * patchy + view.unevenness_db * region, level)
    level = np.where(_is_blood(anatomy, at, roughness_mm=0.8 * fine), BLOOD_DB, level)
    is_muscle = _papillary_muscle(anatomy, at) | _moderator_band(anatomy, at)
    if anatomy.trabeculae_mm is not None:
        is_muscle |= _trabeculae(anatomy, at, anatomy.trabeculae_mm, rough=0.7 * fine + 0.3 * coarse)
    level = np.where(is_muscle, view.echoes.papillary_db + 1.3 * patchy, level)
    return _annuli(anatomy, view, at, level)


def _facing(view: View, at: Places, normal_x: Floats, normal_z: Floats) -> Floats:
    """Cosine (N,) between beam and normal of a surface: 1 where the beam meets the surface squarely, else less."""
    cosine, sine = np.cos(view.tilt_rad), np.sin(view.tilt_rad)
    beam_x = view.apex_x_mm + cosine * at.x_mm + sine * at.z_mm
    beam_z = view.apex_z_mm - sine * at.x_mm + cosine * at.z_mm
    turned_x, turned_z = cosine * normal_x + sine * normal_z, cosine * normal_z - sine * normal_x
    projection = np.abs(beam_x * turned_x + beam_z * turned_z)
    return np.asarray(projection / np.maximum(np.hypot(beam_x, beam_z) * np.hypot(turned_x, turned_z), 1e-6))


def _facing_ventricle(anatomy: Anatomy, view: View, at: Places, *, right: bool = False) -> Floats:
    """How squarely the beam meets the epicardium of the left ventricle, or else the free wall of the right one."""

    def surface(z_mm: Floats) -> Floats:
        return anatomy.epicardium(z_mm) + (anatomy.rv_cavity(z_mm) if right else 0.0)

    step = 1.0
    slope = (surface(at.level + step) - surface(np.maximum(at.level - step, 0.0))) / (2.0 * step)
    return _facing(view, at, np.where(at.is_septal, -1.0, 1.0), -slope)


def _facing_atria(anatomy: Anatomy, view: View, at: Places) -> Floats:
    """How squarely the beam meets the wall of the nearer atrium."""
    half = 0.5 * anatomy.atrium_width_mm
    centre = half - anatomy.annulus_mm
    ratio = anatomy.right_atrium_ratio
    is_right = at.right_dome < at.left_dome
    sideways = at.x_mm - np.where(is_right, centre - half - _SEPTUM_MM - ratio * half, centre)
    size = np.where(is_right, ratio, 1.0)
    power = anatomy.atrium_shape - 1.0
    across = np.sign(sideways) * np.abs(sideways / (size * half)) ** power / half
    return _facing(view, at, across, (at.below / (size * anatomy.atrium_mm)) ** power / anatomy.atrium_mm)


def _wall(anatomy: Anatomy, view: View, at: Places, facing: Floats) -> Floats:
    """The wall of the left ventricle: by its angle to the beam, its layers, scars, and the stretch that drops out."""
    share = np.clip((at.distance - at.endocardium) / np.maximum(at.epicardium - at.endocardium, 1.0), 0.0, 1.0)
    # The fibres of the septum's middle layer lie across the beam.
    middle = view.midwall_db * np.exp(-np.square((share - 0.55) / 0.22))
    echoes = view.echoes
    if echoes.septal_fade_db:
        middle = middle - echoes.septal_fade_db * np.square((share - 0.5) / 0.5)
    level = np.where(
        at.is_septal, echoes.septum_db + middle, echoes.lateral_wall_db - echoes.epicardial_fade_db * share
    )
    border = np.exp(-np.square((at.distance - at.endocardium) / 1.3))
    level = level + view.fibre_db * (facing - 0.45) + (echoes.endocardium_db + echoes.specular_db * facing) * border
    along = at.level / anatomy.length_mm
    level = level - _apical_loss(anatomy, view, at)
    lost = view.apical_dropout_db * np.exp(-np.square((along - view.apical_dropout_along) / 0.16))
    level = level - np.where(at.is_septal, lost * np.exp(-at.distance / 6.0), lost)
    scar = 1.0 - np.clip(anatomy.wall_motion.contractility(along, at.is_septal), 0.0, 1.0)
    return level + _SCAR_DB * scar


def _apical_loss(anatomy: Anatomy, view: View, at: Places) -> Floats | float:
    """What walls (N,) lose near the apex, in dB."""
    echoes = view.echoes
    if not echoes.apex_lost_db:
        return 0.0
    along = at.level / anatomy.length_mm
    return np.asarray(echoes.apex_lost_db * np.exp(-np.square(along / echoes.apex_lost_along)))


def _surroundings(anatomy: Anatomy, view: View, at: Places, facing: Floats) -> Floats:
    """Everything but the left ventricle: lung, right heart's walls, pericardium, atria, what lies behind them."""
    beyond = np.where(at.is_septal, at.past_rv - anatomy.rv_wall_mm, at.outside)
    echoes = view.echoes
    if anatomy.effusion_mm is not None:
        beyond = beyond - anatomy.effusion_mm * _effusion_shape(anatomy, at)
    level = echoes.lung_db - 0.25 * np.clip(beyond, 0.0, 60.0)
    level = np.where(
        at.z_mm < 4.0,
        np.maximum(level, echoes.near_field_db - 0.12 * np.abs(at.x_mm) + 0.5 * np.minimum(at.z_mm, 0.0)),
        level,
    )
    facing = np.where(at.is_septal, _facing_ventricle(anatomy, view, at, right=True), facing)
    angle_db = view.fibre_db * (facing - 0.45) - _apical_loss(anatomy, view, at)
    line = np.exp(-np.square((beyond - 1.5) / 1.1)) * at.is_ventricular
    pericardium = echoes.pericardium_db - 7.0 + np.where(at.is_septal, echoes.rv_pericardium_db, 0.0)
    level = np.maximum(level, pericardium + angle_db + 20.0 * np.log10(np.maximum(line, 1e-3)))
    is_rv_wall = at.is_septal & (at.past_rv > 0.0) & (at.past_rv < anatomy.rv_wall_mm) & (at.rv_cavity > 0.0)
    level = np.where(is_rv_wall & at.is_ventricular, echoes.rv_wall_db + angle_db, level)
    return np.where(at.below > 0.0, np.maximum(_atria(anatomy, view, at), echoes.lung_db - 6.0), level)


def _atria(anatomy: Anatomy, view: View, at: Places) -> Floats:
    """The atria's thin walls, bright only across the beam, and behind them pericardium and fading tissue."""
    reach = np.clip(at.below / (0.9 * anatomy.atrium_mm), 0.0, 1.0) ** 3
    echoes = view.echoes
    fading = echoes.posterior_db - echoes.posterior_fade_db_per_mm * at.behind
    posterior = fading - 26.0 * (1.0 - reach) - np.square(at.x_mm + 14.0) / 260.0
    facing = _facing_atria(anatomy, view, at)
    bright = np.exp(-np.square((at.behind - 3.5) / 1.6)) * reach * facing
    posterior = np.maximum(posterior, echoes.pericardium_db - 3.0 + 20.0 * np.log10(np.maximum(bright, 1e-3)))
    wall = echoes.atrial_wall_db + view.fibre_db * (facing - 0.6)
    # The septum between the atria lies along the beam; the fossa ovalis, half-way down, is thin besides.
    near_septum = np.abs(at.x_mm + anatomy.annulus_mm + 1.5) < 3.0
    fossa = near_septum & (np.abs(at.below / anatomy.atrium_mm - 0.5) < 0.3)
    wall = wall - view.atrial_dropout_db * fossa
    walled = np.where(at.behind < _ATRIAL_WALL_MM, np.maximum(wall, posterior), posterior)
    between = np.where(fossa, wall, walled)
    if not echoes.atrial_septum_mm:
        return between
    middle = np.abs(at.x_mm + anatomy.annulus_mm + 0.5 * _SEPTUM_MM)
    across = np.exp(-np.square(middle / echoes.atrial_septum_mm))
    septum = echoes.atrial_wall_db + echoes.atrial_septum_db - view.atrial_dropout_db * fossa
    septum = septum - 6.0 * at.below / anatomy.atrium_mm + 20.0 * np.log10(np.maximum(across, 1e-3))
    return np.where(at.below < anatomy.atrium_mm, np.maximum(between, septum), between)


def _is_blood(anatomy: Anatomy, at: Places, roughness_mm: Floats) -> Flags:
    """Inside one of the four cavities; trabeculae roughen the border of the ventricles."""
    left = (at.distance < at.endocardium + roughness_mm) & (at.endocardium > 0.0) & (at.z_mm > anatomy.apex_mm)
    inside_rv = (at.outside > 0.0) & (at.past_rv < 1.5 * roughness_mm) & (at.rv_cavity > 0.0)
    ventricles = at.is_ventricular & (left | (at.is_septal & inside_rv))
    aorta_z_mm = anatomy.length_mm + anatomy.atrium_mm + 4.0 + anatomy.aorta_mm
    aorta = np.hypot(at.x_mm - anatomy.aorta_x_mm, at.z_mm - aorta_z_mm) < anatomy.aorta_mm
    blood = ventricles | ((at.below > 0.0) & (at.behind < 0.0)) | aorta
    if anatomy.effusion_mm:
        outer = np.where(at.is_septal, at.past_rv - anatomy.rv_wall_mm, at.outside)
        fluid = (outer > 0.0) & (outer < anatomy.effusion_mm * _effusion_shape(anatomy, at))
        blood |= fluid & at.is_ventricular
    return np.asarray(blood)


def _effusion_shape(anatomy: Anatomy, at: Places) -> Floats:
    """Width (N,) of fluid around the heart, of its largest: it gathers below the base and thins to the apex."""
    return np.asarray(0.4 + 0.6 * np.sin(0.5 * np.pi * at.level / anatomy.length_mm))


def _trabeculae(anatomy: Anatomy, at: Places, depth_mm: float, rough: Floats) -> Flags:
    """Strands of muscle inside of the cavity, deeper and denser towards the apex and on the lateral side."""
    along = np.clip(at.level / anatomy.length_mm, 0.0, 1.0)
    reach = depth_mm * (1.0 - 0.8 * along) * np.where(at.is_septal, 0.5, 1.0)
    depth = np.minimum(at.endocardium - at.distance, at.z_mm - anatomy.apex_mm)
    dense = rough > 0.2 + 0.8 * depth / np.maximum(reach, 0.1)
    return np.asarray(at.is_ventricular & (depth > 0.0) & (depth < 1.6 * reach) & dense)


def _papillary_muscle(anatomy: Anatomy, at: Places) -> Flags:
    """The anterolateral papillary muscle, a spindle that stands on the lateral wall."""
    along = (at.z_mm / anatomy.length_mm - anatomy.papillary_along) / anatomy.papillary_reach
    depth = at.endocardium - at.distance
    height = anatomy.papillary_mm * np.sqrt(np.maximum(1.0 - along**2, 0.0))
    return np.asarray(~at.is_septal & (depth > -0.5) & (depth < height) & (np.abs(along) < 1.0))


def _moderator_band(anatomy: Anatomy, at: Places) -> Flags:
    """A band of muscle from the septum obliquely down to the free wall of the right ventricle."""
    across = np.clip(at.outside / np.maximum(at.rv_cavity, 1.0), 0.0, 1.0)
    middle = anatomy.length_mm * (anatomy.moderator_along + 0.14 * across)
    in_cavity = at.is_septal & at.is_ventricular & (at.outside > 0.0) & (at.past_rv < 0.0)
    return np.asarray(in_cavity & (np.abs(at.z_mm - middle) < 0.5 * anatomy.moderator_mm))


def _annuli(anatomy: Anatomy, view: View, at: Places, level: Floats) -> Floats:
    """The fibrous annuli, and the crux where septum and valves meet, are bright."""
    annulus_db = view.echoes.annulus_db
    from_mitral = np.hypot(at.distance - anatomy.annulus_mm - 3.0, at.z_mm - anatomy.length_mm)
    reach = from_mitral / view.echoes.crux_mm
    fibrous = np.where(at.is_septal, annulus_db, annulus_db - 5.0)
    if view.echoes.crux_fade_db:
        # It merges into the walls.
        fibrous = np.maximum(fibrous - view.echoes.crux_fade_db * np.square(reach), level)
    level = np.where(reach < 1.0, fibrous, level)
    right = at.epicardium + anatomy.rv_width_mm + 1.0
    from_tricuspid = np.hypot(at.distance - right, at.z_mm - anatomy.length_mm + 4.0)
    return np.where(at.is_septal & (from_tricuspid < 3.0), annulus_db - 6.0, level)

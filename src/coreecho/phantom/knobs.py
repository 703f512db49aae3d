"""The knobs of the widest cohort (`--difficulty clinic`, `--scanner any`): from what each hidden variable is drawn.

A pair named `..._range` is uniform between its ends; `..._normal` is mean and standard deviation; `..._chance` is a
probability; `..._sd` and `..._spread` are standard deviations, the latter of a natural logarithm. Where a number comes
from nobody's measurement it says "wider than": then the knob covers what is seen in clips, and more, so that a model
cannot lean on it.
"""

from dataclasses import dataclass

Pair = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class HeartKnobs:
    """Who comes to the clinic: size, shape and disease, drawn together from EF."""

    edv_ml: float = 84.0
    """Median EDV at an EF of 55 % or more (EchoNet-Dynamic: 82 mL over all)."""
    edv_per_ef: float = 0.020
    """Growth of log EDV for each point of EF below 55: twice as large at 20 %, as in dilated hearts."""
    edv_spread: float = 0.28
    """Spread of log EDV within a kind of heart (EchoNet-Dynamic: 0.33 over all hearts of one EF)."""
    edv_limits_ml: Pair = (28.0, 420.0)
    """Smallest and largest EDV in mL: a small hypertrophied heart, the largest of heart failure clinics."""
    heart_rate_normal: Pair = (74.0, 15.0)
    """Beats a minute; 0.25 more for each point of EF below 50."""
    sphericity_sd: float = 0.022
    """Spread of radius over length of the cavity within a kind of heart."""
    sphericity_per_log_edv: float = 0.05
    """Growth of radius over length with log EDV above 130 mL: a large failing ventricle is round (Lang et al. 2015)."""
    wall_sd_mm: float = 1.3
    """Spread of the wall's thickness within a kind of heart (Lang et al. 2015: 6 to 11 mm are normal)."""
    rv_width_normal: Pair = (31.0, 9.0)
    """Basal width of the right ventricle in mm (Lang et al. 2015: 25 to 41 mm; dilated to 60)."""
    rv_wall_range_mm: Pair = (2.0, 7.0)
    """Thickness of its free wall (normal up to 5 mm)."""
    wave_range: Pair = (0.0, 0.16)
    """How far the cavity's squared radius swells and narrows along its length, as a share of it."""
    atrium_spread: float = 0.2
    """Spread of the log size of the left atrium, beside its growth in failing hearts."""
    right_atrium_range: Pair = (0.6, 1.35)
    """Size of the right atrium over the left's."""
    bend_normal_mm: Pair = (4.0, 3.0)
    """How far the axis bows towards the lateral wall: the septum is the straighter one."""
    papillary_range_mm: Pair = (2.0, 8.0)
    """How far a papillary muscle stands out into the cavity; three in four are in the image plane."""
    moderator_chance: float = 0.2
    """Share of hearts whose moderator band lies in the image plane."""
    trabeculae_range_mm: Pair = (0.0, 6.0)
    """Depth of the trabeculated layer, which belongs to the cavity (non-compaction: beyond 5 mm at the apex)."""
    contractility_sd: float = 0.18
    """Spread of contractility from segment to segment, 1 being normal, in hearts without an infarct."""
    effusion_chance: float = 0.07
    effusion_range_mm: Pair = (2.0, 14.0)
    """Width of fluid around the heart (small below 10 mm, moderate to 20)."""
    foreshortening_range_deg: Pair = (0.0, 8.5)
    """Angle between image plane and long axis; squared uniform, so that most are small. Beyond 9 degrees the contour's
    EF is more than 4 points above the volume's."""


@dataclass(frozen=True, kw_only=True)
class MotionKnobs:
    """Motion, most of it not the left ventricle's own, and none of that tied to its EF."""

    still_chance: float = 0.15
    """Share of videos in which probe and breath hold still; in the others the amplitudes vary tenfold."""
    swing_mm: float = 1.8
    """Scale of the shift of the whole heart with each beat, each way (rocking hearts: up to 10 mm)."""
    swing_deg: float = 1.6
    """Scale of its turning with each beat (apical rocking, pendulum hearts with effusion: up to 10 degrees)."""
    probe_mm: float = 1.2
    """Scale of the slow waves of the hand that holds the probe."""
    probe_deg: float = 1.1
    """Scale of its turning."""
    breath_mm: float = 2.0
    """Scale of breathing's shift (diaphragm in quiet breathing: 10 to 20 mm, of which the window takes most away)."""
    breath_deg: float = 1.0
    breath_range_s: Pair = (2.4, 6.0)
    """Period of breathing: 10 to 25 a minute."""
    rv_ef_range: Pair = (0.08, 0.62)
    """Share by which the right ventricle narrows, whatever the left one does."""
    rv_descent_range_mm: Pair = (3.0, 27.0)
    """Tricuspid annular excursion (17 mm and more are normal, 5 mm in failure)."""
    atrial_range_mm: Pair = (0.0, 5.0)
    """How far the atria's walls move outwards while the ventricle empties."""
    shortening_range: Pair = (0.13, 0.33)
    """Share of the emptied fraction that is descent of the annulus: from radial to longitudinal hearts."""
    valve_stroke_ml: float = 65.0
    """Stroke volume at which the mitral valve opens fully; less opens it less (E-point septal separation)."""
    valve_tie_range: Pair = (0.0, 0.9)
    """How far the opening is tied to the stroke volume, as a power; 0 is free of it."""
    delay_range_s: Pair = (0.0, 0.11)
    """Delay between septum and lateral wall in hearts with a conduction delay or a pacemaker (QRS up to 200 ms)."""
    delay_chance: float = 0.25
    through_plane_range: Pair = (0.0, 1.4)
    """Radians of phase by which a place's echo turns over to another one's while the ventricle empties (torsion)."""
    clutter_turn_range: Pair = (0.0, 7.0)
    """Radians over which the clutter's speckle turns over to another one's in a second."""
    flicker_sd_db: float = 0.35
    """Scale of the change of gain from frame to frame."""
    pumping_sd_db: float = 0.9
    """Scale of the slow change of gain: contact, and the machine's own adaptation."""
    rhythm_shares: tuple[float, float, float, float] = (0.68, 0.12, 0.13, 0.07)
    """Sinus rhythm, ectopic beats, atrial fibrillation, paced."""


@dataclass(frozen=True, kw_only=True)
class FramingKnobs:
    """Where the heart and the sector lie in the picture."""

    share: float = 0.128
    """Median of the LV's share of the frame's area at end-diastole, at an EDV of 100 mL."""
    share_power: float = 0.50
    """Power of EDV in it: operators follow a large heart with the depth, but not wholly."""
    share_spread: float = 0.40
    share_limits: Pair = (0.05, 0.36)
    """A third of the frame and more was seen in real clips."""
    lowest_row: float = 106.0
    """The annulus stays above this row of 112."""
    probe_row_range: Pair = (-6.0, 13.0)
    """Row of the point where the beams meet, in pixels."""
    cut_apex_chance: float = 0.08
    cut_apex_range: Pair = (-30.0, -8.0)
    """The same where the sector's apex is cut off."""
    probe_column_normal: Pair = (56.0, 3.5)
    """Column of that point, in pixels; 55.5 is the middle."""
    bottom_row_range: Pair = (102.0, 120.0)
    """Row of the sector's lowest point; beyond 112 the frame cuts it off."""
    wide_chance: float = 0.8
    """Share of sectors about 90 degrees wide, which the frame's sides cut off (the usual one in EchoNet-Dynamic)."""
    half_angle_range_deg: Pair = (29.0, 46.0)
    """Half of the opening angle of the others."""
    steered_chance: float = 0.05
    """Share of sectors of which one side is cut off."""
    apex_depth_range_mm: Pair = (4.0, 26.0)
    """Depth of the epicardial apex below the probe."""
    apex_x_normal: Pair = (8.0, 7.0)
    """Millimetres of the apex beside the probe's axis; positive is lateral."""
    tilt_normal_deg: Pair = (7.0, 8.5)
    """Turn of the long axis; positive takes the base to the lateral side."""


@dataclass(frozen=True, kw_only=True)
class PictureKnobs:
    """What stands between probe and heart, and how each tissue sends back; dB relative to septal myocardium."""

    septum_db: Pair = (-9.0, 2.0)
    septal_fade_db: Pair = (0.0, 16.0)
    """The septum fades from its middle to both of its borders."""
    lateral_wall_db: Pair = (-7.0, 6.0)
    epicardial_fade_db: Pair = (2.0, 14.0)
    """The wall fades from endocardium to epicardium."""
    specular_db: Pair = (1.0, 11.0)
    """What the endocardium gains where the beam meets it squarely."""
    leaflets_db: Pair = (-18.0, 0.0)
    """What the leaflets send back more than the usual: often they are not seen at all."""
    papillary_db: Pair = (-14.0, 0.0)
    rv_wall_db: Pair = (-18.0, -3.0)
    pericardium_db: Pair = (-12.0, 10.0)
    rv_pericardium_db: Pair = (-20.0, 0.0)
    """Beside the right ventricle, more than elsewhere."""
    near_field_db: Pair = (-16.0, 0.0)
    """Tissue between the probe and the heart."""
    atrial_wall_db: Pair = (-9.0, 2.0)
    atrial_dropout_db: Pair = (0.0, 16.0)
    """Loss of the septum between the atria at the fossa ovalis."""
    annulus_db: Pair = (-2.0, 10.0)
    """Level of the fibrous crux."""
    lung_db: Pair = (-28.0, -4.0)
    """Tissue and reverberation beside the heart."""
    posterior_db: Pair = (-6.0, 9.0)
    posterior_fade_db_per_mm: Pair = (0.15, 0.9)
    """How fast what lies behind the atria fades."""
    atrial_septum_db: Pair = (-6.0, 12.0)
    """What the septum between the atria gains, and how far it is thickened there."""
    atrial_septum_mm: Pair = (1.5, 4.0)
    """Half of its thickness (lipomatous hypertrophy: 2 cm in all)."""
    crux_mm: Pair = (2.0, 5.0)
    """Reach of the fibrous crux, where septa and valves meet."""
    crux_fade_db: Pair = (8.0, 20.0)
    """How far it fades over its reach."""
    fibre_db: Pair = (5.0, 19.0)
    unevenness_db: Pair = (2.5, 9.0)
    patchiness_db: Pair = (2.5, 8.0)
    midwall_db: Pair = (0.0, 12.0)
    apical_dropout_db: Pair = (0.0, 26.0)
    lateral_dropout_db: Pair = (0.0, 20.0)
    septal_dropout_db: Pair = (0.0, 20.0)
    apex_lost_chance: float = 0.85
    apex_lost_db: Pair = (4.0, 30.0)
    """Loss of the walls near the apex, which lie along the beam, under the near field's haze."""
    apex_lost_along: Pair = (0.15, 0.5)
    """How far that reaches, as a share of the ventricle's length."""
    shadow_chance: float = 0.3
    shadow_db: Pair = (6.0, 26.0)
    near_haze_db: Pair = (-26.0, -7.0)
    near_fade_db_per_mm: Pair = (0.12, 0.5)
    """How fast the near field's clutter fades with depth."""
    veil_chance: float = 0.6
    veil_db: Pair = (-30.0, -9.0)
    """Grey veil over one side of the sector (lung, ribs), mostly the lateral one."""
    veil_from: Pair = (0.0, 0.8)
    """Where it begins, as a share of the sector's half-width."""
    haze_db: Pair = (-60.0, -21.0)
    """Clutter over the whole sector, which the machine's own processing leaves."""
    noise_db: Pair = (-64.0, -25.0)
    """Electronic noise at full depth."""
    blood_db: Pair = (-60.0, -27.0)
    compensation_db: Pair = (0.0, 6.0)
    """Size of the errors of the time-gain compensation: bands along depth."""
    edge_db: Pair = (0.0, 22.0)
    """What the outermost beams lose."""
    slope_db: Pair = (-9.0, 7.0)
    """From the top of the picture to its bottom."""
    mean_grey: float = 0.118
    """Median over videos of a picture's mean, of full scale (EchoNet-Dynamic: 0.127)."""
    mean_grey_spread: float = 0.30
    fine_noise_chance: float = 0.6
    """Share of machines whose noise has the grain of single beams instead of the speckle's."""
    mark_chance: float = 0.5
    """Share with a probe mark and depth ticks beside the sector (EchoNet-Dynamic has both in most clips)."""


@dataclass(frozen=True, kw_only=True)
class MakerKnobs:
    """A scanner of any maker, with fundamental (long wavelength) or harmonic imaging."""

    wavelength_range_mm: Pair = (0.35, 0.82)
    """4.4 MHz harmonic to 1.9 MHz fundamental at 1,540 m/s."""
    aperture_range_mm: Pair = (18.0, 44.0)
    focus_range_mm: Pair = (45.0, 125.0)
    defocus_range: Pair = (0.01, 0.09)
    """How far the beam widens away from the focus: little with dynamic focusing on receive and zone by zone."""
    pulse_range_mm: Pair = (0.4, 1.6)
    """Axial resolution; with the aperture it makes the speckle's size and how much wider than high it is."""
    looks_range: Pair = (1.0, 3.99)
    """Neighbouring samples of a beam whose power is averaged, rounded down: compounding makes speckle smoother."""
    dynamic_range_db: Pair = (44.0, 78.0)
    grey_power_range: Pair = (1.3, 2.8)
    reject_chance: float = 0.7
    reject_range: Pair = (0.02, 0.25)
    """Share of the dynamic range that is shown black."""
    shoulder_range: Pair = (0.0, 0.7)
    """How far the grey map is an S, which is steep in the middle and flat at both ends."""
    persistence_range: Pair = (0.0, 0.5)
    fps_range: Pair = (15.0, 140.0)
    """Frames a second; every second machine is exactly at 50, as EchoNet-Dynamic's, the rest log-uniform."""
    pixel_reach_range: Pair = (0.7, 1.4)
    """Width of a pixel's look at the beams: from sharp to soft scan conversion."""
    sharpening_range: Pair = (0.2, 1.3)
    """Edge enhancement: share of the difference to the mean of the neighbours that is added; half have none."""
    jpeg_chance: float = 0.2
    jpeg_quality_range: Pair = (40.0, 90.0)

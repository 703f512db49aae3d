"""The left ventricle itself: areas and volumes over time, beats, end-diastole and end-systole, ejection fraction."""

from coreecho.ventricle.agreement import DiceScores, FrameDistance, dice, frame_distance, frame_offset
from coreecho.ventricle.axis import LongAxis
from coreecho.ventricle.beat_by_beat import BeatAveraged, average_beats, beat_clips, error_by_number_of_beats
from coreecho.ventricle.beats import Beat, Beats, find_beats, find_end_systoles
from coreecho.ventricle.contour_points import mirrored_points, points_mask, points_volume
from coreecho.ventricle.phases import PhaseFrames, find_phases
from coreecho.ventricle.smoothing import smooth_masks
from coreecho.ventricle.volume import VentricleCurve, ejection_fraction, ventricle_curve

__all__ = [
    "Beat",
    "BeatAveraged",
    "Beats",
    "DiceScores",
    "FrameDistance",
    "LongAxis",
    "PhaseFrames",
    "VentricleCurve",
    "average_beats",
    "beat_clips",
    "dice",
    "ejection_fraction",
    "error_by_number_of_beats",
    "find_beats",
    "find_end_systoles",
    "find_phases",
    "frame_distance",
    "frame_offset",
    "mirrored_points",
    "points_mask",
    "points_volume",
    "smooth_masks",
    "ventricle_curve",
]

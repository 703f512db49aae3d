"""What is known of simulated hearts beside their EF: the nuisances of a cohort, and one heart at many EFs.

A cohort is made anew from its card: same settings and seed, same hearts. So nothing needs to have been written beside
the videos.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import DatasetError
from coreecho.phantom import PhantomSettings
from coreecho.phantom.cohort import draw_facts, draw_splits, recording_generator
from coreecho.phantom.cohort_folder import CARD_NAME, GENERATOR_VERSION, read_card
from coreecho.phantom.layouts import LAYOUT
from coreecho.phantom.motion import simulate_motion
from coreecho.phantom.simulation import RecordingPlan, plan_recording, render_recording
from coreecho.phantom.truth import latents
from coreecho.phantom.wall_motion import WallMotion
from coreecho.tasks import Task

# What a picture shows that is not EF, and which latent variables of a phantom it is. Size and heart rate go along with
# EF, as they do in patients.
NUISANCES: Mapping[str, tuple[str, ...]] = {
    "gain": ("mean_grey",),
    "depth": ("depth_mm",),
    "opening angle": ("half_angle_rad",),
    "dynamic range": ("dynamic_range_db",),
    "frame rate": ("fps",),
    "heart rate": ("heart_rate_bpm",),
    "heart size": ("edv_ml",),
    "wall thickness": ("wall_mm",),
    "place of the heart": ("apex_x_mm", "apex_z_mm"),
    "tilt": ("tilt_rad",),
    "foreshortening": ("foreshortening_rad",),
    "drop-out": ("lateral_dropout_db", "septal_dropout_db"),
    "haze and noise": ("haze_db", "reverberation_db", "noise_db"),
}
# A path moves the EF between these, in percent. Other numbers of a heart stay as they are (its end-diastolic volume),
# or follow from it.
_LOWEST_EF, _HIGHEST_EF = 5, 90
# Beats of a path are drawn from this stream of a recording's random numbers, the same at every EF.
_PATH_STREAM = 200


def can_be_moved(number: Task) -> bool:
    """Whether a simulated heart can be simulated anew with another of this number."""
    return number.is_appraised


class PhantomCohort:
    """The hearts of a folder of phantoms, by the ids of their recordings.

    Args:
        root: with the cohort's card.

    Raises:
        DatasetError: there is no card, it is damaged, of another layout, or another version of the generator wrote it.
    """

    def __init__(self, root: Path) -> None:
        path = root / CARD_NAME
        try:
            card = read_card(path)
            if card["generator_version"] != GENERATOR_VERSION:
                raise ValueError(f"written by generator {card['generator_version']}, this is {GENERATOR_VERSION}")
            if card["layout"] != LAYOUT:
                raise ValueError(f"its layout is {card['layout']}, and this knows {LAYOUT}")
            self.settings = PhantomSettings(**card["settings"])
            self.seed, count, more_test = int(card["seed"]), int(card["recordings"]), int(card["more_test"])
        except (DatasetError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"{path}: cannot make these phantoms anew ({error}). Write the cohort again.") from error
        self._splits = draw_splits(count, self.seed, more_test)
        self._index = {
            draw_facts(self.settings, self.seed, index, split).stem: index for index, split in enumerate(self._splits)
        }

    def plan(self, recording_id: str) -> RecordingPlan:
        """All that is true of a recording.

        Raises:
            DatasetError: it is not in the cohort.
        """
        index = self._index.get(recording_id)
        if index is None:
            raise DatasetError(f"{recording_id} is none of the {len(self._index)} phantoms of this cohort.")
        return plan_recording(self.settings, self.seed, index, self._splits[index])

    def nuisances(self, recording_ids: Sequence[str], *, but: str = "") -> dict[str, NDArray[np.float64]]:
        """The nuisances of N recordings, (N, p) each, by the names of `NUISANCES`.

        Args:
            recording_ids: N of them.
            but: a label that a model reads, and that is no nuisance to it: of a volume the heart's size is left out.
        """
        records = [latents(self.plan(recording_id)) for recording_id in recording_ids]
        return {
            name: np.array([[float(record[key]) for key in keys] for record in records])
            for name, keys in NUISANCES.items()
            if but not in keys
        }

    def ef_path(self, recording_id: str, ef_percents: Sequence[float]) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """One heart whose EF is moved in steps: the same anatomy, view, speckle, noise and beat times throughout.

        Its wall moves evenly at every EF, also where the recording's own has an infarct: a ventricle of which a part
        stands still cannot eject 75 %, and how an infarct looks is not what is moved here.

        Args:
            recording_id: whose heart.
            ef_percents: 5 to 90.

        Yields:
            The EF of the simulated volumes, and the frames (T, 112, 112).

        Raises:
            DatasetError: the recording is not in the cohort, or an EF is out of range.
        """
        low, high = _LOWEST_EF, _HIGHEST_EF
        plan = self.plan(recording_id)
        even = WallMotion(apex_to_base=plan.anatomy.wall_motion.apex_to_base)
        anatomy = replace(plan.anatomy, wall_motion=even)
        for ef_percent in ef_percents:
            if not low <= ef_percent <= high:
                raise DatasetError(f"A phantom's EF lies between {low} and {high} %, got {ef_percent:g}.")
            facts = replace(plan.facts, ef_percent=float(ef_percent))
            generator = recording_generator(self.seed, plan.facts.index, _PATH_STREAM)
            # Sinus rhythm: an ectopic beat would change what EF a clip shows from one beat to the next.
            motion = simulate_motion(facts, anatomy, generator, pose_scale=self.settings.nuisance_scale, is_steady=True)
            moved = replace(plan, facts=facts, anatomy=anatomy, motion=motion)
            yield motion.ef_percent, np.stack(list(render_recording(moved)))

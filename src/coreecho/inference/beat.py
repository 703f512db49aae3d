"""The one beat that some models look at: which frames it is, and how it is prepared as those of the training were."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets import SINGLE_BEAT_DATASETS, Recording, View
from coreecho.datasets.hmc_qu import hmc_qu_beat
from coreecho.errors import RecipeError, VideoError
from coreecho.models.card import TrainedOn
from coreecho.models.echo_model import EchoModel
from coreecho.video import read_video, resize_frames, squash_frames, take_beat
from coreecho.video.screen import CROPPED_NOTE
from coreecho.video.video import Video

# The first and the last frame, counted from 0, both included, or every frame of the file.
Beat = tuple[int, int] | Literal["all"]

_LEARNED_FROM = {
    "camus": "It was trained on CAMUS: from end-diastole (ED) to end-systole (ES).",
    "hmc-qu": "It was trained on HMC-QU: one cardiac cycle, from its reference frame to its end.",
}
_AVI = b"RIFF"
_AS_HMC_QU = "squashed, and its centre cut out, as HMC-QU's clips"
# The longest cycle of HMC-QU has 73 frames at 25 a second: 2.9 s.
_LONGEST_BEAT_S = 3.0


def parse_beat(text: str) -> Beat:
    """Read a beat as people type it: `3:21`, from the one frame to the other, or `all`.

    Raises:
        RecipeError: it is neither.
    """
    if text == "all":
        return "all"
    match = re.fullmatch(r"(\d+):(\d+)", text)
    if match is None:
        raise RecipeError(f"--beat: expected FIRST:LAST, two frames counted from 0 such as 3:21, or all; got {text!r}.")
    return int(match[1]), int(match[2])


def needs_beat(model: EchoModel) -> bool:
    """Tell whether a model looks at one beat, which the frames of a file alone do not tell."""
    return model.model_input.is_whole_beat or _dataset(model) in SINGLE_BEAT_DATASETS


def check_beat(model: EchoModel, beat: Beat | None) -> None:
    """See that a model that looks at one beat is told which, and any other is not.

    Raises:
        RecipeError: the beat is missing, not wanted, or no beat.
    """
    if beat is None and needs_beat(model):
        learned_from = _LEARNED_FROM.get(_dataset(model) or "", "It was trained on clips of one beat each.")
        raise RecipeError(
            f"This model looks at one beat. {learned_from} Say which frames of the file are that beat, counted from 0, "
            "both included: `--beat FIRST:LAST`, or in Python beat=(first, last). A LAST before FIRST runs backwards; "
            "'all' takes every frame of the file."
        )
    if beat is not None and not needs_beat(model):
        raise RecipeError(
            f"A beat is given ({beat!r}), and this model takes its clips from the whole video: leave the beat out."
        )
    is_pair = isinstance(beat, tuple) and len(beat) == 2 and all(isinstance(frame, int) for frame in beat)
    if beat is not None and beat != "all" and not (is_pair and min(beat) >= 0 and beat[0] != beat[1]):
        raise RecipeError(f"A beat is two different frames, counted from 0, as (first, last), or 'all'; got {beat!r}.")


def read_beat(path: str | Path, beat: Beat, model: EchoModel) -> tuple[Video, tuple[int, int], int]:
    """Read a beat at the model's frame size, prepared as the clips that the model was trained on.

    CAMUS: squashed to squares, whatever its aspect. HMC-QU: whole screens as AVI are squashed, and their centre is cut
    out, as published. All else is read as any clip is, and so is every file by `read_video` first, which refuses what
    is no grey clip of one sector.

    Returns:
        The beat, (T, S, S), in its own direction; its first and last frame in the file; and the file's frames.

    Raises:
        VideoError: the file is refused, or is shorter than the beat.
    """
    video = read_video(path)
    first, last = (0, video.num_frames - 1) if beat == "all" else beat
    if max(first, last) >= video.num_frames:
        raise VideoError(
            f"{path}: the beat is said to run from frame {first} to {last}, counted from 0, and the file has "
            f"{video.num_frames} frames, 0 to {video.num_frames - 1}."
        )
    size, dataset = model.model_input.frame_size, _dataset(model)
    if dataset == "hmc-qu" and _is_avi(path) and CROPPED_NOTE in video.notes:
        # HMC-QU's files say their view by their name, and the two views differ in what is cut out.
        view: View = "A2C" if "2CH" in Path(path).name else "A4C"
        frames = hmc_qu_beat(Recording(id=str(path), path=Path(path), view=view, beat=(first, last)), size)
        note = f"{_AS_HMC_QU} of {view}"
        return replace(video, frames=frames, notes=(note,)), (first, last), video.num_frames
    frames, notes = take_beat(video.frames, first, last), video.notes
    if dataset == "camus":
        # Arrays are taken as they are, as in training. A screen's sector was padded to a square, and CAMUS's are not.
        frames = squash_frames(_lit(frames) if CROPPED_NOTE in notes else frames, size)
        notes = (*notes, "squashed to squares, as CAMUS's clips")
    else:
        frames = resize_frames(frames, size)
    return replace(video, frames=frames, notes=notes), (first, last), video.num_frames


def cautions_of_beat(beat: Video, model: EchoModel) -> list[str]:
    """Say where a beat was not prepared as those of the training, has too few frames, or lasts too long for one."""
    cautions = []
    if _dataset(model) == "hmc-qu" and not any(note.startswith(_AS_HMC_QU) for note in beat.notes):
        cautions.append("the model's clips were squashed and cut as HMC-QU's AVI files are, and this one was not")
    num_frames = model.model_input.num_frames
    if model.model_input.is_whole_beat and 2 * beat.num_frames < num_frames:
        cautions.append(f"short beat: {beat.num_frames} frames, from which the model's {num_frames} are interpolated")
    if beat.duration_s is not None and beat.duration_s > _LONGEST_BEAT_S:
        cautions.append(f"the beat lasts {beat.duration_s:.1f} s: more than one heartbeat?")
    return cautions


def _dataset(model: EchoModel) -> str | None:
    trained_on: TrainedOn | None = None if model.card is None else model.card.trained_on
    return None if trained_on is None else trained_on.dataset


def _is_avi(path: str | Path) -> bool:
    with Path(path).open("rb") as file:
        return file.read(4) == _AVI


def _lit(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without the black rows and columns at the edges: a sector that was padded to a square has its box again."""
    rows, columns = (np.flatnonzero(frames.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    if len(rows) == 0:
        return frames
    return frames[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

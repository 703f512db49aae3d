"""The one beat that some models look at: which frames of a file it is, as people say it."""

from coreecho.datasets import LAYOUTS, Beat, Layout
from coreecho.datasets.beat_files import is_beat, parse_beat
from coreecho.datasets.layout_names import FILES_LAYOUT
from coreecho.errors import RecipeError
from coreecho.models.card import TrainedOn
from coreecho.models.echo_model import EchoModel
from coreecho.video.reading import ClipPath
from coreecho.video.video import Video

__all__ = ["Beat", "cautions_of_beat", "check_beat", "needs_beat", "parse_beat", "read_beat"]

# The longest cycle of HMC-QU has 73 frames at 25 a second: 2.9 s.
_LONGEST_BEAT_S = 3.0


def needs_beat(model: EchoModel) -> bool:
    """Tell whether a model looks at one beat, which the frames of a file alone do not tell."""
    return model.model_input.is_whole_beat or _layout(model).is_single_cycle is True


def check_beat(model: EchoModel, beat: Beat | None) -> None:
    """See that a model that looks at one beat is told which, and any other is not.

    Raises:
        RecipeError: the beat is missing, not wanted, or no beat.
    """
    if beat is None and needs_beat(model):
        raise RecipeError(
            f"This model looks at one beat. {_layout(model).learned_from} Say which frames of the file are that beat, "
            "counted from 0, both included: `--beat FIRST:LAST`, or in Python beat=(first, last). A LAST before FIRST "
            "runs backwards; 'all' takes every frame of the file."
        )
    if beat is not None and not needs_beat(model):
        raise RecipeError(
            f"A beat is given ({beat!r}), and this model takes its clips from the whole video: leave the beat out."
        )
    if beat is not None and not is_beat(beat):
        raise RecipeError(f"A beat is two different frames, counted from 0, as (first, last), or 'all'; got {beat!r}.")


def read_beat(
    path: ClipPath, beat: Beat, model: EchoModel, *, axes: str | None = None
) -> tuple[Video, tuple[int, int], int]:
    """Read a beat at the model's frame size, prepared as the clips that the model was trained on.

    `axes` are of an array, as for `read_video`.

    Returns:
        The beat, (T, S, S), in its own direction; its first and last frame in the file; and the file's frames.

    Raises:
        VideoError: the file is refused, is shorter than the beat, or has frames at uneven times.
    """
    return _layout(model).prepare_file(path, beat, model.model_input, axes=axes)


def cautions_of_beat(beat: Video, model: EchoModel) -> list[str]:
    """Say where a beat was not prepared as those of the training, has too few frames, or lasts too long for one."""
    cautions = _layout(model).cautions_of_file(beat)
    num_frames = model.model_input.num_frames
    if model.model_input.is_whole_beat and 2 * beat.num_frames < num_frames:
        cautions.append(f"short beat: {beat.num_frames} frames, from which the model's {num_frames} are interpolated")
    if beat.duration_s is not None and beat.duration_s > _LONGEST_BEAT_S:
        cautions.append(f"the beat lasts {beat.duration_s:.1f} s: more than one heartbeat?")
    return cautions


def _layout(model: EchoModel) -> Layout:
    """What the model learned from; where nobody knows, files are prepared as those of any table are."""
    trained_on: TrainedOn | None = None if model.card is None else model.card.trained_on
    name = None if trained_on is None else trained_on.dataset
    return LAYOUTS.get(name if name is not None and name in LAYOUTS else FILES_LAYOUT)

"""What a person should know before looking at a prediction: how far the clip is from what the model has learned."""

from coreecho.inference.frame_rate import is_rate_known, is_training_rate
from coreecho.models.card import TrainedOn
from coreecho.tasks import EF, Task
from coreecho.video.clips import ClipSampling
from coreecho.video.temporal import rate_words
from coreecho.video.video import Video


def cautions_of_video(
    video: Video,
    sampling: ClipSampling,
    trained_on: TrainedOn | None,
    task: Task | None = None,
    *,
    read_fps: float | None = None,
) -> list[str]:
    """Say in what a video differs from those that the model was trained on.

    Args:
        video: as the model sees it: at the training's frame rate where it could be brought to it.
        sampling: of the model.
        trained_on: from the model's card; None where it is not known.
        task: of the model; EF when not given.
        read_fps: frames per second before the video was brought to the training's rate; None where it was not. Frames
            are then counted as in the file.

    Returns:
        One sentence for each difference; empty when there is none.
    """
    cautions = []
    noun = (task or EF()).noun
    if video.num_frames < sampling.span:
        step = 1.0 if read_fps is None or video.fps is None else read_fps / video.fps
        there, looked_at = (round(1 + (count - 1) * step) for count in (video.num_frames, sampling.span))
        cautions.append(
            f"short clip: {there} frames, the model looks at {looked_at}; in place of the "
            f"{_missing(max(looked_at - there, 1))} it sees black"
        )
    if trained_on is None:
        cautions.append("nothing is known of the data that this model was trained on")
    else:
        cautions += cautions_of_domain(video, trained_on, noun)
        # A whole beat is interpolated to the model's frames, however fast they were taken.
        cautions += [] if sampling.is_whole_beat else _frame_rate(video, trained_on, noun)
    return cautions


def cautions_of_value(value: float, trained_on: TrainedOn | None, task: Task) -> list[str]:
    """Say whether what a person reads is impossible, or beyond all that the model was trained on.

    Args:
        value: in the task's unit.
        trained_on: from the model's card; None where it is not known.
        task: of the model.
    """
    if task.has_output_of_its_own:
        # A link gives possible values only.
        return []
    read = f"{_a(task.noun)} of {value:.1f} {task.unit}".rstrip()
    if not task.is_possible(value):
        return [f"{read} is impossible"]
    learned = None if trained_on is None else trained_on.label_range
    if learned is not None and not learned[0] <= value <= learned[1]:
        low, high = learned
        return [f"{read} lies outside the {low:.1f} to {high:.1f} {task.unit} of the training".replace("  ", " ")]
    return []


def cautions_of_domain(video: Video, trained_on: TrainedOn, read: str) -> list[str]:
    """Say where a model of simulated hearts is shown a real one, or the reverse; `read` is what it reads, as "EF"."""
    if trained_on.is_phantom and not video.is_phantom:
        return [f"the model was trained on simulated hearts only: this {read} of a real clip has no clinical meaning"]
    if video.is_phantom and not trained_on.is_phantom:
        return [
            f"this heart is simulated and the model was trained on real ones: its {read} says nothing about the model"
        ]
    return []


def _frame_rate(video: Video, trained_on: TrainedOn, read: str) -> list[str]:
    if not is_rate_known(trained_on):
        return [
            f"the frame rates of the training are not known: {_a(read)} is only right if this video's is one of them"
        ]
    low, high = trained_on.fps_range
    training = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    if video.fps is None:
        return [
            f"frame rate unknown: {_a(read)} is only right if it is that of the training, {training} frames per second"
        ]
    if is_training_rate(video.fps, trained_on):
        return []
    nearest = low if video.fps < low else high
    return [
        f"frame rate of {rate_words(video.fps)} per second outside the {training} of the training: "
        f"to the model the heart beats at {nearest / video.fps:.2g} times its speed"
    ]


def _missing(count: int) -> str:
    return "one that is missing" if count == 1 else f"{count} that are missing"


def _a(noun: str) -> str:
    return f"an {noun}" if noun[:1].casefold() in "aeio" else f"a {noun}"

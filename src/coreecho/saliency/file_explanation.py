"""Where a model looks in one file.

What is explained is the model's own output: the predicted EF, or the logit of a myocardial infarction.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import RecipeError
from coreecho.inference.beat import Beat
from coreecho.inference.preparing import ClipFile, read_clip
from coreecho.models.echo_model import EchoModel
from coreecho.models.segmenter import Segmenter
from coreecho.saliency.encoder_levels import AUTO
from coreecho.saliency.grad_cam import Evidence
from coreecho.saliency.lv_focus import LVFocus, focus_of_maps
from coreecho.saliency.ventricles import outlined_ventricle
from coreecho.saliency.video_explanation import VideoExplanation, explain_video
from coreecho.video import even_starts, take_clip
from coreecho.video.reading import ClipPath

# A ventricle takes some five of the fields of a map of 7 x 7, and one field more or less is no finding.
_ABOUT_ALIKE = 1.25


@dataclass(frozen=True, eq=False)
class FileExplanation:
    """What was found of a file.

    Attributes:
        clip: the file, as the model saw it.
        explanation: the maps.
        warnings: what speaks against trusting the prediction.
        model: which it was, in a line.
        focus: how much it looks at the left ventricle; None where nothing outlined it.
        outlined_by: what outlined it, in a line.
    """

    clip: ClipFile
    explanation: VideoExplanation
    warnings: tuple[str, ...]
    model: str
    focus: LVFocus | None = None
    outlined_by: str = ""

    @property
    def is_phantom(self) -> bool:
        """Whether the heart is simulated."""
        return self.clip.is_phantom

    @property
    def focus_words(self) -> str:
        """How much it looks at the left ventricle, in words; empty where that was not asked."""
        if self.focus is None:
            return ""
        if self.focus.reason:
            return f"LV focus is not defined: {self.focus.reason}"
        focus = self.focus.lv_focus
        is_alike = 1 / _ABOUT_ALIKE <= focus <= _ABOUT_ALIKE
        compared = "as much at the left ventricle as" if is_alike else "at the left ventricle than"
        how = "about" if is_alike else "less" if focus < 1 else "more"
        return (
            f"LV focus {focus:.2f}: the model looks {how} {compared} at the rest. "
            f"{100 * self.focus.energy_in_lv:.0f} % of the map lies in the left ventricle, which takes "
            f"{100 * self.focus.lv_share_of_sector:.0f} % of the sector; 1 is to look everywhere alike"
        )

    def shown_frames(self) -> tuple[NDArray[np.uint8], float | None]:
        """The frames that the maps lie on, (F, S, S), and how many pass in a second; None where that is not known."""
        video, sampling = self.clip.video, self.explanation.sampling
        if not sampling.is_whole_beat:
            return video.frames, video.fps
        beat, _ = take_clip(video.frames, 0, sampling)
        return beat, None if video.fps is None else video.fps * len(beat) / video.num_frames

    def shown_maps(self) -> NDArray[np.float32]:
        """The maps of these frames, (F, S, S)."""
        explanation = self.explanation
        return explanation.clip_maps[0] if explanation.sampling.is_whole_beat else explanation.video_map()


def explain_file(
    model: EchoModel,
    path: ClipPath,
    *,
    clips: int = 3,
    level: str = AUTO,
    evidence: Evidence = "positive",
    batch_size: int = 4,
    beat: Beat | None = None,
    axes: str | None = None,
    segmenter: Segmenter | None = None,
) -> FileExplanation:
    """Explain what a model predicts for a clip file.

    The file is brought to the training's frame rate as `Predictor` does, and all frames here are those that the model
    then sees. A model that looks at one whole beat sees the frames that the beat is resampled to.

    Args:
        model: on the device that shall compute.
        path: the clip.
        clips: evenly placed clips whose maps are averaged where they overlap.
        level: see `choose_level`.
        evidence: see `grad_cam`.
        batch_size: clips at once.
        beat: see `read_clip`.
        axes: see `read_clip`.
        segmenter: outlines the left ventricle, so that it is told how much the model looks at it; None does not.

    Raises:
        VideoError: the file is not a readable clip, or shorter than the beat, or has no sector.
        RecipeError: a setting makes no sense.
    """
    if clips < 1:
        raise RecipeError(f"clips: expected at least 1, got {clips}")
    clip = read_clip(model, path, beat=beat, axes=axes)
    starts = even_starts(len(clip.frames), model.model_input, clips)
    explanation = explain_video(model, clip.frames, starts, level=level, evidence=evidence, batch_size=batch_size)
    named = "untrained" if model.card is None else f"{model.card.encoder}, {model.card.source}"
    warnings = clip.warnings(model, explanation.prediction)
    if segmenter is None:
        return FileExplanation(clip, explanation, warnings, named)
    focus = _focus(clip, explanation, segmenter, clips)
    return FileExplanation(clip, explanation, warnings, named, focus, segmenter.name)


def _focus(clip: ClipFile, explanation: VideoExplanation, segmenter: Segmenter, clips: int) -> LVFocus:
    """LV focus in the frames that the clips sample."""
    ventricle = outlined_ventricle(segmenter, clip.frames, explanation.sampling, clips)
    maps = explanation.at_frames(ventricle.frames)
    return focus_of_maps(clip.video.source, maps, ventricle.masks, clip.sector)

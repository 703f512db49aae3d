"""Where a model looks in one file, as a folder of files.

overlay.mp4        the clip with the map in colour (or overlay.gif)
contact_sheet.png  frames of it, without and with the map
map.npz            the map itself
explanation.json   the prediction, how the map was made, and what speaks against trusting either

What is explained is the model's own output: the predicted EF, or the probability of a myocardial infarction.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import CoReEchoError, RecipeError
from coreecho.files import write_whole
from coreecho.inference.beat import Beat
from coreecho.inference.preparing import ClipFile, read_clip
from coreecho.models.echo_model import EchoModel
from coreecho.notices import NOTICE
from coreecho.report.overlay import colour_frames, contact_sheet, label_pictures, write_gif, write_mp4
from coreecho.saliency.encoder_levels import Stage
from coreecho.saliency.explained_output import OUTPUTS, as_figures, evidence_in_words, in_words
from coreecho.saliency.grad_cam import Evidence
from coreecho.saliency.video_explanation import VideoExplanation, explain_video
from coreecho.video import even_starts, take_clip

Film = Literal["mp4", "gif", "both"]


@dataclass(frozen=True, eq=False)
class FileExplanation:
    """What was found of a file, and where it was written.

    Attributes:
        folder: with the files named above.
        clip: the file, as the model saw it.
        explanation: the maps.
        warnings: what speaks against trusting the prediction.
    """

    folder: Path
    clip: ClipFile
    explanation: VideoExplanation
    warnings: tuple[str, ...]

    @property
    def is_phantom(self) -> bool:
        """Whether the heart is simulated."""
        return self.clip.is_phantom

    def shown_frames(self) -> tuple[NDArray[np.uint8], float | None]:
        """The frames that the maps lie on, (F, S, S), and how many pass in a second; None where that is not known."""
        video, sampling = self.clip.video, self.explanation.sampling
        if not sampling.is_whole_beat:
            return video.frames, video.fps
        beat, _ = take_clip(video.frames, 0, sampling)
        return beat, None if video.fps is None else video.fps * len(beat) / video.num_frames


def explain_file(
    model: EchoModel,
    path: Path,
    out: Path,
    *,
    clips: int = 3,
    stage: Stage = "auto",
    evidence: Evidence = "positive",
    film: Film = "mp4",
    batch_size: int = 4,
    beat: Beat | None = None,
) -> FileExplanation:
    """Explain what a model predicts for a clip file, and write the folder.

    The file is brought to the training's frame rate as `Predictor` does, and all frames here are those that the model
    then sees. A model that looks at one whole beat sees the frames that the beat is resampled to.

    Args:
        model: on the device that shall compute.
        path: the clip.
        out: the folder, made where it is missing.
        clips: evenly placed clips whose maps are averaged where they overlap.
        stage: see `grad_cam`.
        evidence: see `grad_cam`.
        film: which films are written.
        batch_size: clips at once.
        beat: see `read_clip`.

    Raises:
        VideoError: the file is not a readable clip, or shorter than the beat, or has no sector.
        RecipeError: a setting makes no sense.
        CoReEchoError: the folder cannot be written.
    """
    if clips < 1:
        raise RecipeError(f"clips: expected at least 1, got {clips}")
    clip = read_clip(model, path, beat=beat)
    starts = even_starts(len(clip.frames), model.model_input, clips)
    explanation = explain_video(model, clip.frames, starts, stage=stage, evidence=evidence, batch_size=batch_size)
    explained = FileExplanation(out, clip, explanation, clip.warnings(model, explanation.prediction))
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write(explained, film)
    except OSError as error:
        raise CoReEchoError(f"{out} cannot be written to: {error.strerror or error}. Give another `--out`.") from error
    return explained


def _write(explained: FileExplanation, film: Film) -> None:
    explanation, sector = explained.explanation, explained.clip.sector
    frames, fps = explained.shown_frames()
    maps = explanation.clip_maps[0] if explanation.sampling.is_whole_beat else explanation.video_map()
    pictures = colour_frames(frames, maps, sector)
    predicted = in_words(explanation.target, explanation.prediction)
    title = f"{predicted}, Grad-CAM of {explanation.stage}, {explanation.evidence}"
    meaning = f"bright: {evidence_in_words(explanation.target, explanation.evidence)}"
    lines = [title, meaning, *(f"Caution: {warning}" for warning in explained.warnings)]
    folder, is_phantom = explained.folder, explained.is_phantom
    if film in ("mp4", "both"):
        films = label_pictures(pictures, lines, is_phantom=is_phantom)
        write_mp4(folder / "overlay.mp4", films, fps=fps, is_phantom=is_phantom)
    if film in ("gif", "both"):
        films = label_pictures(pictures, lines, is_phantom=is_phantom)
        write_gif(folder / "overlay.gif", films, fps=fps, is_phantom=is_phantom)
    sheet = folder / "contact_sheet.png"
    contact_sheet(sheet, frames, pictures, sector, title=f"{title}; {meaning}", fps=fps, is_phantom=is_phantom)
    write_whole(folder / "map.npz", map_archive(explanation, maps, sector))
    write_whole(folder / "explanation.json", json.dumps(_document(explained), indent=2) + "\n")


def map_archive(explanation: VideoExplanation, maps: NDArray[np.float32], sector: NDArray[np.bool_]) -> bytes:
    """The content of map.npz: video_map (F, H, W), clip_maps (k, T, H, W), and what they belong to; no pixels."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        video_map=maps,
        clip_maps=explanation.clip_maps,
        mean_clip_map=explanation.mean_clip_map(),
        clip_starts=np.array(explanation.starts),
        num_valid_frames=np.array(explanation.num_valid_frames),
        sector=sector,
        target=np.array(explanation.target),
        output=np.array(OUTPUTS[explanation.target].name),
        # EF in percent, or logits of an infarction.
        clip_predictions=explanation.clip_predictions,
        stage=np.array(explanation.stage),
        evidence=np.array(explanation.evidence),
    )
    return buffer.getvalue()


def _document(explained: FileExplanation) -> dict[str, object]:
    explanation = explained.explanation
    output = OUTPUTS[explanation.target]
    frames, fps = explained.shown_frames()
    return {
        "notice": NOTICE,
        "is_phantom": explained.is_phantom,
        "target": explanation.target,
        "output": output.name,
        **as_figures(explanation.target, explanation.clip_predictions),
        "clip_starts": list(explanation.starts),
        "num_frames": len(frames),
        "fps": fps,
        "file_num_frames": explained.clip.file_num_frames,
        "file_fps": explained.clip.file_fps,
        "beat": explained.clip.beat,
        "method": "Grad-CAM (Selvaraju et al. 2017), in space and time",
        "stage": explanation.stage,
        "grid_time_height_width": list(explanation.grid),
        "evidence": explanation.evidence,
        "explained": output.explained,
        "meaning": f"bright: {evidence_in_words(explanation.target, explanation.evidence)}",
        "map": f"map.npz: video_map (frame, row, column), {output.unit}; NaN where no clip looks",
        "warnings": list(explained.warnings),
        "notes": list(explained.clip.video.notes),
    }

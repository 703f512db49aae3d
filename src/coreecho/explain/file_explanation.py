"""Where a model looks in one file, as a folder of files.

overlay.mp4        the clip with the map in colour (or overlay.gif)
contact_sheet.png  frames of it, without and with the map
map.npz            the map itself
explanation.json   the predicted EF, how the map was made, and what speaks against trusting either
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import CoReEchoError, RecipeError
from coreecho.explain.clip_file import ClipFile, read_clip
from coreecho.explain.grad_cam import Evidence, Stage
from coreecho.explain.labels import NOTICE
from coreecho.explain.overlay import colour_frames, contact_sheet, label_pictures, write_gif, write_mp4
from coreecho.explain.video_explanation import VideoExplanation, explain_video
from coreecho.files import write_whole
from coreecho.models.ef_model import EFModel
from coreecho.video import even_starts

Film = Literal["mp4", "gif", "both"]


@dataclass(frozen=True, eq=False)
class FileExplanation:
    """What was found of a file, and where it was written.

    Attributes:
        folder: with the files named above.
        clip: the file, as the model saw it.
        explanation: the maps.
        warnings: what speaks against trusting the EF.
    """

    folder: Path
    clip: ClipFile
    explanation: VideoExplanation
    warnings: tuple[str, ...]

    @property
    def is_phantom(self) -> bool:
        """Whether the heart is simulated."""
        return self.clip.video.is_phantom


def explain_file(
    model: EFModel,
    path: Path,
    out: Path,
    *,
    clips: int = 3,
    stage: Stage = "auto",
    evidence: Evidence = "positive",
    film: Film = "mp4",
    batch_size: int = 4,
) -> FileExplanation:
    """Explain the EF of a clip file, and write the folder.

    Args:
        model: on the device that shall compute.
        path: the clip.
        out: the folder, made where it is missing.
        clips: evenly placed clips whose maps are averaged where they overlap.
        stage: see `grad_cam`.
        evidence: see `grad_cam`.
        film: which films are written.
        batch_size: clips at once.

    Raises:
        VideoError: the file is not a readable clip, or has no sector.
        RecipeError: a setting makes no sense.
        CoReEchoError: the folder cannot be written.
    """
    if clips < 1:
        raise RecipeError(f"clips: expected at least 1, got {clips}")
    clip = read_clip(model, path)
    starts = even_starts(len(clip.frames), model.model_input, clips)
    explanation = explain_video(model, clip.frames, starts, stage=stage, evidence=evidence, batch_size=batch_size)
    explained = FileExplanation(out, clip, explanation, clip.warnings(model, explanation.ef_percent))
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write(explained, film)
    except OSError as error:
        raise CoReEchoError(f"{out} cannot be written to: {error.strerror or error}. Give another `--out`.") from error
    return explained


def _write(explained: FileExplanation, film: Film) -> None:
    explanation, clip = explained.explanation, explained.clip
    sector = clip.sector
    maps = explanation.video_map()
    pictures = colour_frames(clip.frames, maps, sector)
    title = f"predicted EF {explanation.ef_percent:.1f} %, Grad-CAM of {explanation.stage}, {explanation.evidence}"
    lines = [title, *(f"Caution: {warning}" for warning in explained.warnings)]
    folder, fps, is_phantom = explained.folder, clip.video.fps, explained.is_phantom
    if film in ("mp4", "both"):
        films = label_pictures(pictures, lines, is_phantom=is_phantom)
        write_mp4(folder / "overlay.mp4", films, fps=fps, is_phantom=is_phantom)
    if film in ("gif", "both"):
        films = label_pictures(pictures, lines, is_phantom=is_phantom)
        write_gif(folder / "overlay.gif", films, fps=fps, is_phantom=is_phantom)
    sheet = folder / "contact_sheet.png"
    contact_sheet(sheet, clip.frames, pictures, sector, title=title, fps=fps, is_phantom=is_phantom)
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
        clip_ef_percent=explanation.clip_ef_percent,
        sector=sector,
        stage=np.array(explanation.stage),
        evidence=np.array(explanation.evidence),
    )
    return buffer.getvalue()


def _document(explained: FileExplanation) -> dict[str, object]:
    explanation = explained.explanation
    return {
        "notice": NOTICE,
        "is_phantom": explained.is_phantom,
        "ef_percent": explanation.ef_percent,
        "clip_ef_percent": explanation.clip_ef_percent.tolist(),
        "clip_starts": list(explanation.starts),
        "num_frames": explanation.num_frames,
        "fps": explained.clip.video.fps,
        "method": "Grad-CAM (Selvaraju et al. 2017), in space and time",
        "stage": explanation.stage,
        "grid_time_height_width": list(explanation.grid),
        "evidence": explanation.evidence,
        "map": "map.npz: video_map (frame, row, column), EF points per cell; NaN where no clip looks",
        "warnings": list(explained.warnings),
        "notes": list(explained.clip.video.notes),
    }

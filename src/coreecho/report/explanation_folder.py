"""Where a model looks in one file, as a folder of files.

overlay.mp4        the clip with the map in colour (or overlay.gif)
contact_sheet.png  frames of it, without and with the map
map.npz            the map itself
explanation.json   the prediction, how the map was made, and what speaks against trusting either
"""

import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from coreecho.files import write_whole, writing_into
from coreecho.notices import NOTICE
from coreecho.report.doubt import doubt_words, stretches_words, why_words
from coreecho.report.heat import GRAD_CAM_CAUTION
from coreecho.report.overlay import colour_frames, contact_sheet, label_pictures, write_gif, write_mp4
from coreecho.saliency.file_explanation import FileExplanation
from coreecho.saliency.lv_focus import MEANS
from coreecho.trust import Appraisal

Film = Literal["mp4", "gif", "both"]


def write_explanation(
    explained: FileExplanation, out: Path, *, film: Film = "mp4", appraisal: Appraisal | None = None
) -> None:
    """Write the folder.

    Args:
        explained: what was found.
        out: the folder, made where it is missing.
        film: which films are written.
        appraisal: what the number is worth; without it there is no interval.

    Raises:
        CoReEchoError: it cannot be written.
    """
    with writing_into(out):
        _write(explained, out, film, appraisal)


def _write(explained: FileExplanation, out: Path, film: Film, appraisal: Appraisal | None) -> None:
    explanation, sector, is_phantom = explained.explanation, explained.clip.sector, explained.is_phantom
    frames, fps = explained.shown_frames()
    pictures = colour_frames(frames, explained.shown_maps(), sector)
    cautions = (*explained.warnings, GRAD_CAM_CAUTION)
    # A film and a sheet say the same: either may travel alone.
    said = _said(explained, appraisal)
    lines = [*said, *(f"Caution: {caution}" for caution in cautions), f"Model: {explained.model}"]

    def films() -> Iterator[NDArray[np.uint8]]:
        return label_pictures(pictures, lines, is_phantom=is_phantom, meaning=explanation.meaning)

    if film in ("mp4", "both"):
        write_mp4(out / "overlay.mp4", films(), fps=fps, is_phantom=is_phantom)
    if film in ("gif", "both"):
        write_gif(out / "overlay.gif", films(), fps=fps, is_phantom=is_phantom)
    contact_sheet(
        out / "contact_sheet.png",
        frames,
        pictures,
        sector,
        title="\n".join(said),
        fps=fps,
        model=explained.model,
        cautions=cautions,
        is_phantom=is_phantom,
        meaning=explanation.meaning,
    )
    write_whole(out / "map.npz", map_archive(explained))
    write_whole(out / "explanation.json", json.dumps(_document(explained, appraisal), indent=2) + "\n")


def _said(explained: FileExplanation, appraisal: Appraisal | None) -> list[str]:
    """What stands over the sheet and below the film, line by line; the stretches apart from the number."""
    explanation = explained.explanation
    values = explanation.task.value_of(explanation.clip_predictions).tolist()
    clip, starts = explained.clip, explained.clip.file_frames(explanation.starts)
    told = [
        f"{explanation.predicted}, {doubt_words(appraisal, explanation.task)}",
        *(line.removesuffix(".") for line in why_words(appraisal)),
        stretches_words(values, explanation.task, starts, 0 if clip.beat else clip.file_num_frames),
        f"Grad-CAM, bright: {explanation.meaning}",
        explained.focus_words,
    ]
    return [line for line in told if line]


def map_archive(explained: FileExplanation) -> bytes:
    """The content of map.npz: video_map (F, H, W), clip_maps (k, T, H, W), and what they belong to; no pixels."""
    explanation = explained.explanation
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        video_map=explained.shown_maps(),
        clip_maps=explanation.clip_maps,
        mean_clip_map=explanation.mean_clip_map(),
        # As `coreecho predict` says them; and where they lie in video_map.
        clip_starts=np.array(explained.clip.file_frames(explanation.starts)),
        clip_starts_in_map=np.array(explanation.starts),
        num_valid_frames=np.array(explanation.num_valid_frames),
        sector=explained.clip.sector,
        target=np.array(explanation.task.name),
        output=np.array(f"predicted {explanation.task.quantity}"),
        # EF in percent, or logits of an infarction.
        clip_predictions=explanation.clip_predictions,
        level=np.array(explanation.level),
        evidence=np.array(explanation.evidence),
    )
    return buffer.getvalue()


def _focus(explained: FileExplanation) -> dict[str, object]:
    """How much it looks at the left ventricle; nothing where that was not asked."""
    focus = explained.focus
    if focus is None:
        return {}
    values = {name: getattr(focus, name) for name in MEANS}
    return {
        **{name: None if math.isnan(value) else value for name, value in values.items()},
        "lv_frames": focus.num_frames,
        "lv_outlined_by": explained.outlined_by,
        "lv_focus_reason": focus.reason,
    }


def _document(explained: FileExplanation, appraisal: Appraisal | None) -> dict[str, object]:
    explanation, task = explained.explanation, explained.explanation.task
    frames, fps = explained.shown_frames()
    return {
        "notice": NOTICE,
        "is_phantom": explained.is_phantom,
        "model": explained.model,
        "target": task.name,
        "output": f"predicted {task.quantity}",
        **task.figures(explanation.clip_predictions),
        # What it is worth has names of its own, and `level` is one of them.
        "appraisal": None
        if appraisal is None or not task.is_appraised
        else {name: getattr(appraisal, name) for name in Appraisal.told_parts()},
        "clip_starts": list(explained.clip.file_frames(explanation.starts)),
        "clip_starts_in_map": list(explanation.starts),
        "num_frames": len(frames),
        "fps": fps,
        "file_num_frames": explained.clip.file_num_frames,
        "file_fps": explained.clip.file_fps,
        # As in the document of `coreecho predict`: only where one was looked at.
        **({} if explained.clip.beat is None else {"beat": explained.clip.beat}),
        "method": "Grad-CAM (Selvaraju et al. 2017), in space and time",
        "level": explanation.level,
        "grid_time_height_width": list(explanation.grid),
        "evidence": explanation.evidence,
        "explained": task.output,
        **_focus(explained),
        "caution": GRAD_CAM_CAUTION,
        "meaning": f"bright: {explanation.meaning}",
        "map": f"map.npz: video_map (frame, row, column), {task.output_unit} per cell; NaN where no clip looks",
        "warnings": list(explained.warnings),
        "notes": list(explained.clip.video.notes),
    }

"""The volume of the left ventricle over time below the clips of a page, where a segmenter outlines it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from coreecho.errors import VideoError
from coreecho.models.segmenter import Segmenter
from coreecho.report.page_elements import chart
from coreecho.report.page_films import Case
from coreecho.report.page_runs import ShownRun
from coreecho.report.pictures import new_figure, save_figure
from coreecho.report.volume_drawing import draw_volume_curve, volume_title
from coreecho.ventricle.segmentation import Segmentation
from coreecho.ventricle.segmenting import segment_video
from coreecho.video import resize_frames
from coreecho.video.video import Video

_SIZE, _DPI = (5.2, 3.4), 170


def with_volume(case: Case, run: ShownRun, segmenter: Segmenter) -> Case:
    """Add to a case the volume over time, and say the EF of its beats.

    Args:
        case: of the run.
        run: whose recording it is.
        segmenter: on the device that shall compute.

    Raises:
        DatasetError: its frames cannot be read.
    """
    store = run.subject.store()
    frames = resize_frames(np.asarray(store.frames(case.recording)), segmenter.frame_size)
    video = Video(frames, store.fps(case.recording), case.recording, run.evaluation.is_phantom)
    try:
        found = segment_video(segmenter, video, case.recording)
    except VideoError as error:
        return replace(case, facts=(*case.facts, f"no outline: {error}"))
    ef_percent = found.mean_ef_percent
    fact = "no complete beat in its outline" if ef_percent is None else f"EF {ef_percent:.1f} % by its outline"
    volume = chart(
        lambda path: _draw(found, path),
        description=f"Volume of the left ventricle of recording {case.recording} over time. {volume_title(found)}.",
    )
    return replace(case, facts=(*case.facts, fact), volume=volume)


def _draw(found: Segmentation, path: Path) -> None:
    figure, (axis,) = new_figure(
        volume_title(found),
        _SIZE,
        model=found.model,
        cautions=found.warnings,
        is_phantom=found.is_phantom,
        dpi=_DPI,
    )
    draw_volume_curve(axis, found)
    save_figure(figure, path)

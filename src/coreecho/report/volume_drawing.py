"""Volume of the left ventricle over time, with end-diastole and end-systole marked."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from coreecho.report.pictures import BLUE, GREY, SMALL, VERMILION, new_figure, save_figure
from coreecho.ventricle.segmentation import RELATIVE, Segmentation
from coreecho.ventricle.volume import METHOD_WORDS, METHODS

_STYLES = ("-", ":")
# From this many inches on a legend of the methods' names has two columns.
_WIDE = 8
# Inches, and dots of an inch: of a file that travels alone, and of a page on which a column is narrow.
_SIZE, _DPI = (9, 4.2), 150
_PAGE_SIZE, _PAGE_DPI = (5.2, 3.6), 170


def draw_volume(found: Segmentation, path: Path, *, is_on_page: bool = False) -> None:
    """Draw the volumes by both methods, and the EF of each beat.

    Args:
        found: in a clip.
        path: PNG to write.
        is_on_page: the page says below it by which model, and what speaks against it; letters stay readable there.

    Raises:
        CoReEchoError: it cannot be written.
    """
    figure, (axis,) = new_figure(
        volume_title(found),
        _PAGE_SIZE if is_on_page else _SIZE,
        says="" if is_on_page else _left_out(found),
        model="" if is_on_page else found.model,
        cautions=() if is_on_page else found.warnings,
        is_phantom=found.is_phantom,
        dpi=_PAGE_DPI if is_on_page else _DPI,
    )
    draw_volume_curve(axis, found)
    save_figure(figure, path)


def _left_out(found: Segmentation) -> str:
    """Swings of the curve that are no beats, each with why; empty where there is none."""
    return " ".join(f"{words[:1].upper()}{words[1:]}." for words in found.left_out_words)


def volume_title(found: Segmentation) -> str:
    """What was found, in a line."""
    ef_percent, count = found.mean_ef_percent, len(found.beats.beats)
    if ef_percent is None:
        return "Left ventricle: no complete beat, no EF"
    beats = f"{count} beat{'s' if count > 1 else ''}"
    return f"Left ventricle: EF {ef_percent:.0f} % by its outline, {beats} ({found.rhythm} rhythm)".replace(
        " (not known rhythm)", ""
    )


def draw_volume_curve(axis: Axes, found: Segmentation) -> None:
    """Draw the curve on axes that there are."""
    times = found.times_s
    places = np.arange(found.num_frames) if times is None else times
    axis.set_xlabel("Frame" if times is None else "Time (s)")
    methods = sorted(METHODS, key=lambda method: method != found.method)
    for method, style in zip(methods, _STYLES, strict=True):
        label = f"{METHOD_WORDS[method]}{' (EF is by this)' if method == found.method else ''}"
        axis.plot(places, found.volume_by(method), color=GREY, linestyle=style, linewidth=1.2, label=label)
    volume = found.volume
    for frames, colour, marker, name in ((found.ed_frames, BLUE, "o", "ED"), (found.es_frames, VERMILION, "s", "ES")):
        shown = list(frames)
        if shown:
            axis.plot(places[shown], volume[shown], linestyle="", marker=marker, color=colour, label=name)
    for ed, es, ef_percent in zip(found.ed_frames, found.es_frames, found.ef_percent, strict=True):
        # Above both curves, over the beat that it is of: on the way down it would lie on them.
        top = _largest(found, min(ed, es), max(ed, es) + 1)
        axis.annotate(
            f"{ef_percent:.0f} %",
            ((places[ed] + places[es]) / 2, top),
            xytext=(0, 6),
            textcoords="offset points",
            fontsize=SMALL,
            ha="center",
        )
    unit = "share of the largest" if found.unit == RELATIVE else found.unit
    axis.set_ylabel(f"Volume ({unit})")
    axis.set_ylim(0, 1.15 * _largest(found, 0, found.num_frames))
    # Outside: below the curve there is room in some hearts only. The methods stand above each other, ED and ES
    # beside them where there is room.
    figure = axis.get_figure(root=True)
    columns = 2 if figure is not None and figure.get_figwidth() >= _WIDE else 1
    axis.legend(fontsize=SMALL, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, ncols=columns, labelspacing=0.2)


def _largest(found: Segmentation, first: int, end: int) -> float:
    """The largest volume by any method from frame `first` to before `end`; 1 where none has a ventricle."""
    volumes = np.stack([found.volume_by(method)[first:end] for method in METHODS])
    largest = float(np.nan_to_num(volumes).max(initial=0))
    return largest if largest > 0 else 1.0

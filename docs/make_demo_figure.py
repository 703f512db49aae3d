"""Draw the README's figure from what `make demo` left: `python docs/make_demo_figure.py demo-run`."""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from coreecho.notices import NOTICE
from coreecho.training import RunFolder
from coreecho.video import read_video

FRAMES = (0, 5, 10, 15)
"""Of each heart: about a quarter of a beat apart."""


def main(demo: Path, picture: Path) -> None:
    """Draw three unseen hearts, weak to strong, beside the predicted over the true EF of the TEST split."""
    run = RunFolder.open(demo / "run")
    predictions = pd.read_csv(run.path / "evaluation" / "test-3" / "predictions.csv")
    paths = {recording.id: recording.path for recording in run.recordings("test")}
    figure = Figure(figsize=(11, 5.2), dpi=110, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1))
    axes = left.subplots(3, len(FRAMES))
    ranked = predictions.sort_values("ef_true", ignore_index=True)
    for row, quantile in zip(axes, (0.03, 0.4, 0.97), strict=True):
        recording = ranked.iloc[int(quantile * len(ranked))]
        frames = read_video(paths[recording.recording]).frames
        for axis, index in zip(row, FRAMES, strict=True):
            axis.imshow(frames[index], cmap="gray", vmin=0, vmax=255)
            axis.set_axis_off()
        label = f"EF {recording.ef_true:.0f} %, read as {recording.ef_predicted:.0f} %"
        row[0].text(-0.08, 0.5, label, rotation=90, ha="center", va="center", transform=row[0].transAxes, fontsize=9)
    left.suptitle("Simulated hearts that the model has not seen", fontsize=12)
    _scatter(right.subplots(), predictions)
    # A picture travels without its page.
    right.supxlabel(NOTICE, fontsize=9, color="0.35", x=0.99, ha="right")
    FigureCanvasAgg(figure).print_png(str(picture))


def _scatter(axis: Axes, predictions: pd.DataFrame) -> None:
    error = predictions.ef_predicted - predictions.ef_true
    r2 = 1 - (error**2).sum() / ((predictions.ef_true - predictions.ef_true.mean()) ** 2).sum()
    axis.plot([0, 90], [0, 90], color="0.6", linewidth=1)
    axis.scatter(predictions.ef_true, predictions.ef_predicted, s=14, color="#0072B2", alpha=0.7, linewidth=0)
    axis.set(xlim=(0, 90), ylim=(0, 90), xlabel="True EF (%)", ylabel="EF read by CoReEcho (%)", aspect="equal")
    axis.set_title(
        f"{len(predictions)} simulated hearts: R² {r2:.2f}, MAE {error.abs().mean():.1f} points", fontsize=12
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parent / "figures" / "demo.png")

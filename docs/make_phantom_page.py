"""Make the pictures and the table of docs/phantoms.md: phantoms beside the real clip that comes with pydicom.

Run as `python docs/make_phantom_page.py`; takes about a minute. Pictures go to docs/phantoms/, and the table of
measured statistics replaces what stands between the two marks in docs/phantoms.md.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.data import get_testdata_file

from coreecho.phantom import PhantomSettings
from coreecho.phantom.cohort import recording_generator
from coreecho.phantom.motion import simulate_motion
from coreecho.phantom.simulation import RecordingPlan, plan_recording, render_recording
from coreecho.phantom.tracings import disc_volume, trace_frame
from coreecho.video import read_video, resize_frames

Frames = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]

DOCS = Path(__file__).parent
PICTURES = DOCS / "phantoms"
MARKS = ("<!-- measured: begin -->", "<!-- measured: end -->")
SIZE = 112
SEED = 41
FILMED_S = 1.0
MEASURED_RECORDINGS = 40
COMPARED_RECORDINGS = 24
# A stream of a recording's random numbers that the simulator does not use.
COMPARED_STREAM = 220
WINDOW = 64
# Fewer greys make smaller files; each stays below 300 KB.
PNG_GREYS = 96
GIF_GREYS = 40


def real_clip() -> tuple[Frames, float]:
    """The A4C clip of pydicom (MIT licence), the square around its sector at the size of the phantoms, and its rate."""
    file = get_testdata_file("examples_ybr_color.dcm", download=False)
    video = read_video(str(file))
    # The reader pads the sector to a square; as in EchoNet-Dynamic, the sector's depth fills the picture here.
    rows = np.flatnonzero(video.frames.max(axis=(0, 2)) > 3)
    top, depth = int(rows[0]), len(rows)
    left = (video.frames.shape[2] - depth) // 2
    square = video.frames[:, top : top + depth, left : left + depth]
    return resize_frames(square, SIZE), float(video.fps or 30.0)


def render(settings: PhantomSettings, index: int) -> tuple[RecordingPlan, Frames]:
    """A recording of the page's cohort."""
    plan = plan_recording(settings, SEED, index, "TEST")
    return plan, np.stack(list(render_recording(plan)))


def render_alike(index: int, mean_grey: float, fps: float) -> Frames:
    """A second of a recording of the page's cohort, its gain set and its frame rate chosen as the real clip's."""
    plan = plan_recording(PhantomSettings(min_frames=75, max_frames=75), SEED, index, "TEST")
    facts = replace(plan.facts, fps=fps, num_frames=int(fps))
    generator = recording_generator(SEED, index, COMPARED_STREAM)
    motion = simulate_motion(facts, plan.anatomy, generator, pose_scale=plan.settings.nuisance_scale)
    view = replace(plan.view, mean_grey=mean_grey)
    return np.stack(list(render_recording(replace(plan, facts=facts, motion=motion, view=view))))


def moments(frames: Frames, fps: float, first: int, count: int) -> Frames:
    """`count` frames spread over a second from `first` on, side by side: (H, count * W)."""
    chosen = (first + np.round(np.arange(count) * FILMED_S * fps / count).astype(int)) % len(frames)
    return np.concatenate(list(frames[chosen]), axis=1)


def save_png(picture: Frames, name: str, zoom: float = 1.5) -> None:
    """Save a grey picture enlarged, with as many greys as keep the file small."""
    height, width = picture.shape
    image = Image.fromarray(picture).resize((int(width * zoom), int(height * zoom)), Image.Resampling.BICUBIC)
    image.quantize(PNG_GREYS).save(PICTURES / name, optimize=True)


def save_gif(frames: Frames, fps: float, name: str) -> None:
    """Save about a second as a playing GIF at 25 frames a second or fewer."""
    step = max(1, round(fps / 25))
    count = int(FILMED_S * fps)
    images = [Image.fromarray(frame).quantize(GIF_GREYS) for frame in frames[:count:step]]
    images[0].save(
        PICTURES / name,
        save_all=True,
        append_images=images[1:],
        duration=round(1000 * step / fps),
        loop=0,
        optimize=True,
    )


def captioned(rows: list[tuple[str, Frames]]) -> Frames:
    """Stack pictures of one width, a caption burned into the top left of each."""
    font = ImageFont.load_default_imagefont()
    done = []
    for caption, row in rows:
        image = Image.fromarray(row)
        ImageDraw.Draw(image).text((2, 1), caption, fill=200, font=font)
        done.append(np.array(image))
    return np.concatenate(done, axis=0)


def spatial_spectrum(frames: Frames) -> Floats:
    """Power in dB against spatial frequency, (16,), of a window inside the sector; 0 dB is the sum."""
    top, left = (SIZE - WINDOW) // 2 + 4, (SIZE - WINDOW) // 2
    taper = np.hanning(WINDOW)[:, None] * np.hanning(WINDOW)[None, :]
    power = np.zeros((WINDOW, WINDOW))
    for frame in frames:
        patch = frame[top : top + WINDOW, left : left + WINDOW].astype(float)
        power += np.abs(np.fft.fft2((patch - patch.mean()) * taper)) ** 2
    frequency = np.hypot(np.fft.fftfreq(WINDOW)[:, None], np.fft.fftfreq(WINDOW)[None, :])
    band = (frequency * 32).astype(int)
    ring = np.array([power[band == index].mean() for index in range(16)])
    return np.asarray(10.0 * np.log10(ring / ring.sum()))


def temporal_spectrum(frames: Frames, fps: float) -> tuple[Floats, Floats]:
    """Frequencies in Hz and power in dB of the grey of each bright pixel over the first second; 0 dB is the sum."""
    second = frames[: int(fps)].astype(float)
    bright = second.mean(axis=0) > 8
    change = second[:, bright] - second[:, bright].mean(axis=0)
    power = (np.abs(np.fft.rfft(change * np.hanning(len(change))[:, None], axis=0)) ** 2).mean(axis=1)[1:]
    frequency = np.fft.rfftfreq(len(change), 1.0 / fps)[1:]
    shown = frequency <= 15.0
    return frequency[shown], np.asarray(10.0 * np.log10(power[shown] / power[shown].sum()))


def draw_statistics(real: Frames, real_fps: float) -> None:
    """Intensity histogram, spatial and temporal spectrum: the phantoms' spread, their median, and the real clip.

    The phantoms have the real clip's mean grey and frame rate here.
    """
    films = [render_alike(index, real.mean() / 255.0, real_fps) for index in range(COMPARED_RECORDINGS)]
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), constrained_layout=True)
    bins = np.linspace(0, 256, 33)
    centres = 0.5 * (bins[1:] + bins[:-1])

    def in_sector(frames: Frames) -> Frames:
        return np.asarray(frames[:, frames.max(axis=0) > 3])

    def histogram(frames: Frames) -> Floats:
        return np.asarray(np.maximum(np.histogram(in_sector(frames), bins, density=True)[0], 1e-6))

    bands = (np.arange(16) + 0.5) / 32
    panels = [
        ("grey level inside the sector", centres, [histogram(f) for f in films], (centres, histogram(real))),
        ("cycles a pixel", bands, [spatial_spectrum(f) for f in films], (bands, spatial_spectrum(real))),
        (
            "Hz",
            temporal_spectrum(films[0], real_fps)[0],
            [temporal_spectrum(frames, real_fps)[1] for frames in films],
            temporal_spectrum(real, real_fps),
        ),
    ]
    titles = ("Intensities", "Spatial spectrum (dB)", "Temporal spectrum (dB)")
    for axis, title, (label, x, curves, own) in zip(axes, titles, panels, strict=True):
        low, middle, high = np.percentile(curves, [5, 50, 95], axis=0)
        axis.fill_between(x, low, high, color="#9ecae1", label="phantoms, 5 to 95 %")
        axis.plot(x, middle, color="#08519c", label="phantoms, median")
        axis.plot(*own, color="#d94801", linestyle="--", label="real clip")
        axis.set(title=title, xlabel=label)
    axes[0].set_yscale("log")
    axes[0].legend(fontsize=8)
    figure.savefig(PICTURES / "statistics.png", dpi=80)
    plt.close(figure)


def ef_by_discs(plan: RecordingPlan) -> float:
    """EF in percent from the areas of the two tracings' discs, as a reader gets it."""
    edv, esv = (disc_volume(trace_frame(plan, frame)) for frame in (plan.motion.ed_frame, plan.motion.es_frame))
    return 100.0 * (edv - esv) / edv


def measure(films: list[tuple[float, Frames]], real: Frames) -> str:
    """The table of measured statistics, in Markdown."""
    plans = [plan_recording(PhantomSettings(), SEED, index, "TRAIN") for index in range(1500)]
    ef = np.array([plan.motion.ef_percent for plan in plans])
    frames = np.array([plan.facts.num_frames for plan in plans])
    fps = np.array([plan.facts.fps for plan in plans])
    gap = np.array([plan.motion.es_frame - plan.motion.ed_frame for plan in plans])[fps == 50.0]
    discs = [abs(ef_by_discs(plan) - plan.motion.ef_percent) for plan in plans]
    grey = np.concatenate([film.ravel() for _, film in films]) / 255.0
    edv, esv = ([getattr(plan.motion, name) for plan in plans] for name in ("edv_ml", "esv_ml"))
    short = 100.0 * np.mean(frames < 144)
    systole = ", ".join(f"{value:.0f}" for value in np.percentile(gap, [5, 50, 95]))
    below = "/".join(f"{100 * np.mean(ef < limit):.1f}" for limit in (50, 40, 35))
    rows = [
        ("EF mean, sd (points)", f"{ef.mean():.2f}, {ef.std():.2f}", "55.75, 12.37"),
        ("EF below 50/40/35 (%)", below, "22.4/12.6/9.5"),
        ("EDV, ESV median (mL)", f"{np.median(edv):.0f}, {np.median(esv):.0f}", "82, 34"),
        ("frames: median, shorter than 144 (%)", f"{np.median(frames):.0f}, {short:.1f}", "171, 24.7"),
        ("exactly 50 frames/s (%)", f"{100 * np.mean(fps == 50):.1f}", "79"),
        ("ED to ES at 50 frames/s: 5 %, median, 95 %", systole, "11, 16, 24"),
        ("pixel mean, sd (of full scale)", f"{grey.mean():.3f}, {grey.std():.3f}", "0.127, 0.196"),
        ("EF by discs against volumes: mean, median error", f"{np.mean(discs):.2f}, {np.median(discs):.2f}", "-"),
    ]
    lines = ["| | phantoms, scanner A | EchoNet-Dynamic |", "|---|---|---|"]
    lines += [f"| {name} | {ours} | {theirs} |" for name, ours, theirs in rows]
    lines += [
        "",
        f"The real clip's pixels have mean {real.mean() / 255:.3f} and sd {real.std() / 255:.3f}: a dark one.",
    ]
    return "\n".join(lines)


def grid_of(pictures: list[Frames], columns: int) -> Frames:
    """Pictures (H, W) in rows of `columns`."""
    rows = [np.concatenate(pictures[start : start + columns], axis=1) for start in range(0, len(pictures), columns)]
    return np.concatenate(rows, axis=0)


def draw_sheets(real: Frames, real_fps: float, recordings: list[tuple[RecordingPlan, Frames]]) -> None:
    """The contact sheets and the films."""
    shown = [recording for recording in recordings if recording[0].facts.fps == 50.0][:4]
    rows = [("real", moments(real, real_fps, 0, 8))]
    rows += [(f"EF {p.motion.ef_percent:.0f}", moments(f, p.facts.fps, p.motion.ed_frame, 8)) for p, f in shown]
    save_png(captioned(rows), "beat.png", zoom=1.0)
    instants = [(plan.motion.ed_frame, plan.motion.es_frame) for plan, _ in recordings]
    tiles = [frames[instants[index][index % 2]] for index, (_, frames) in enumerate(recordings[:24])]
    save_png(grid_of(tiles, 8), "cohort.png", zoom=1.0)
    scanners = []
    for scanner in ("A", "B", "C"):
        settings = PhantomSettings(scanner=scanner, min_frames=32, max_frames=32)
        pictures = [render(settings, index) for index in range(8)]
        scanners.append((scanner, np.concatenate([frames[plan.motion.ed_frame] for plan, frames in pictures], axis=1)))
    save_png(captioned(scanners), "scanners.png", zoom=1.0)
    save_gif(real, real_fps, "real.gif")
    for number, (plan, frames) in enumerate(shown[:2], start=1):
        save_gif(frames, plan.facts.fps, f"phantom{number}.gif")


def put_between(marks: tuple[str, str], page: Path, text: str) -> None:
    """Replace what stands in a page between two marks."""
    before, rest = page.read_text(encoding="utf-8").split(marks[0])
    after = rest.split(marks[1])[1]
    page.write_text(f"{before}{marks[0]}\n{text}\n{marks[1]}{after}", encoding="utf-8")


def main() -> None:
    """Make everything."""
    mpl.use("Agg")
    PICTURES.mkdir(exist_ok=True)
    real, real_fps = real_clip()
    settings = PhantomSettings(min_frames=75, max_frames=75)
    recordings = [render(settings, index) for index in range(MEASURED_RECORDINGS)]
    films = [(plan.facts.fps, frames) for plan, frames in recordings]
    draw_sheets(real, real_fps, recordings)
    draw_statistics(real, real_fps)
    put_between(MARKS, DOCS / "phantoms.md", measure(films, real))


if __name__ == "__main__":
    main()

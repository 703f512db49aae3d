"""Show a hundred draws of `--difficulty clinic --scanner any` beside pydicom's real clip, and beside others' clips.

Run as `python docs/make_clinic_page.py`: writes docs/phantoms/clinic.jpg, and the table of measured statistics between
the two marks in docs/phantoms.md. With `--beside FOLDER` (GIFs, and a labels.csv with the columns `file` and
`requested_ef`) the folder's clips are measured too, and `--page OUT.html` writes a page with all of them playing. That
page holds the folder's pictures, so it must lie outside of this repository. Takes about a minute.
"""

import argparse
import base64
import csv
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from make_phantom_page import DOCS, PICTURES, Floats, Frames, grid_of, put_between, real_clip, spatial_spectrum
from PIL import Image, ImageSequence

from coreecho.phantom import PhantomSettings
from coreecho.phantom.simulation import plan_recording, render_recording
from coreecho.phantom.truth import LV_LABEL, label_frame

MARKS = ("<!-- clinic: begin -->", "<!-- clinic: end -->")
SEED = 41
DRAWS = 100
# Every kind of clip is compared at the generated clips' rate and length.
FPS = 8.0
NUM_FRAMES = 16
DARK, BRIGHT = 10, 200


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip at the common rate, (T, H, W), and what is known of it."""

    frames: Frames
    caption: str
    ef_percent: float
    lv_share: float | None = None


def at_common_rate(frames: Frames, fps: float) -> Frames:
    """The frames nearest to the common rate's instants, as many as there are."""
    places = np.round(np.arange(NUM_FRAMES) * fps / FPS).astype(int)
    return frames[places[places < len(frames)]]


def draws() -> list[Clip]:
    """The page's phantoms, by EF."""
    # 16 frames at 8 a second take 1.9 seconds, which are 263 frames of the fastest machine.
    settings = PhantomSettings(difficulty="clinic", scanner="any", min_frames=270, max_frames=270)
    clips = []
    for index in range(DRAWS):
        plan = plan_recording(settings, SEED, index, "TEST")
        needed = int(NUM_FRAMES * plan.facts.fps / FPS) + 1
        film = np.stack([frame for frame, _ in zip(render_recording(plan), range(needed), strict=False)])
        share = float(np.mean(label_frame(plan, plan.motion.ed_frame) == LV_LABEL))
        ef_percent = plan.motion.ef_percent
        caption = f"{plan.facts.kind}, EF {ef_percent:.0f} %, EDV {plan.motion.edv_ml:.0f} mL"
        frames = at_common_rate(film, plan.facts.fps)
        clips.append(Clip(frames=frames, caption=caption, ef_percent=ef_percent, lv_share=share))
    return sorted(clips, key=lambda clip: clip.ef_percent)


def clips_of(folder: Path) -> list[Clip]:
    """The folder's clips, by EF."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    clips = []
    for row in rows:
        with Image.open(folder / row["file"]) as image:
            frames = np.stack([np.array(frame.convert("L")) for frame in ImageSequence.Iterator(image)])
        ef_percent = float(row["requested_ef"])
        clips.append(Clip(frames=frames, caption=f"{row['file']}, EF {ef_percent:.0f} %", ef_percent=ef_percent))
    return sorted(clips, key=lambda clip: clip.ef_percent)


def statistics(clip: Clip) -> dict[str, float]:
    """Simple statistics of one clip; grey levels as shares of full scale."""
    frames = clip.frames.astype(float) / 255.0
    inside = clip.frames.max(axis=0) > DARK
    seen = frames[:, inside]
    return {
        "pixel mean": float(frames.mean()),
        "pixel sd": float(frames.std()),
        "share of the frame that is not black": float(inside.mean()),
        "there: mean": float(seen.mean()),
        "there: sd": float(seen.std()),
        "there: sd over time, mean of pixels": float(seen.std(axis=0).mean()),
        "there: change from frame to frame": float(np.abs(np.diff(seen, axis=0)).mean()),
        f"there: share below {DARK} of 255": float(np.mean(seen < DARK / 255.0)),
        f"there: share above {BRIGHT} of 255": float(np.mean(seen > BRIGHT / 255.0)),
        "spectrum at 0.05 cycles a pixel (dB)": float(spatial_spectrum(clip.frames)[1]),
        "spectrum at 0.25 (dB)": float(spatial_spectrum(clip.frames)[8]),
        "spectrum at 0.48 (dB)": float(spatial_spectrum(clip.frames)[15]),
        "LV's share of the frame at ED": np.nan if clip.lv_share is None else clip.lv_share,
    }


def summary(values: Floats) -> str:
    """Median, and 5th and 95th percentile, of values; one value as it is."""
    if np.isnan(values).any():
        return "-"
    digits = 1 if np.abs(values).max() > 1.0 else 3
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(kinds: dict[str, list[Clip]]) -> str:
    """The statistics of each kind of clip, in Markdown."""
    measured = {name: [statistics(clip) for clip in clips] for name, clips in kinds.items()}
    lines = ["| median (5 to 95 %) | " + " | ".join(measured) + " |", "|---" * (len(measured) + 1) + "|"]
    for name in next(iter(measured.values()))[0]:
        cells = [summary(np.array([clip[name] for clip in clips])) for clips in measured.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def figure(clip: Clip) -> str:
    """A playing clip with its caption, in HTML that needs no other file."""
    images = [Image.fromarray(frame) for frame in clip.frames]
    packed = io.BytesIO()
    images[0].save(
        packed, "GIF", save_all=True, append_images=images[1:], duration=round(1000 / FPS), loop=0, optimize=True
    )
    data = base64.b64encode(packed.getvalue()).decode("ascii")
    return (
        f'<figure><img src="data:image/gif;base64,{data}" alt="{clip.caption}"><figcaption>{clip.caption}</figcaption>'
        "</figure>"
    )


def write_page(out: Path, kinds: dict[str, list[Clip]]) -> None:
    """A page with all clips of all kinds playing."""
    parts = ["<!doctype html><meta charset='utf-8'><title>Clinic</title>"]
    parts.append(
        "<style>body{background:#111;color:#ccc;font:12px sans-serif}section{display:flex;flex-wrap:wrap;gap:6px}"
        "figure{margin:0;width:150px}img{width:150px;height:150px;image-rendering:auto}</style>"
    )
    for name, clips in kinds.items():
        parts += [f"<h2>{name}</h2><section>", *(figure(clip) for clip in clips), "</section>"]
    out.write_text("\n".join(parts), encoding="utf-8")


def main() -> None:
    """Make the picture and the table, and the page where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=Path, help="folder of other clips, with labels.csv")
    parser.add_argument("--page", type=Path, help="HTML file to write, outside of this repository")
    arguments = parser.parse_args()
    if arguments.page is not None and arguments.page.resolve().is_relative_to(DOCS.parent.resolve()):
        sys.exit(f"--page {arguments.page}: lies in this repository, where the other clips must not be copied.")
    real, real_fps = real_clip()
    kinds = {"phantoms, `clinic`, `any`": draws()}
    if arguments.beside is not None:
        kinds["generated clips"] = clips_of(arguments.beside)
    kinds["pydicom's real clip"] = [
        Clip(frames=at_common_rate(real, real_fps), caption="pydicom's A4C clip, MIT licence", ef_percent=np.nan)
    ]
    PICTURES.mkdir(exist_ok=True)
    tiles = [clip.frames[0] for clip in next(iter(kinds.values()))]
    Image.fromarray(grid_of(tiles, 10)).save(PICTURES / "clinic.jpg", quality=62, optimize=True)
    if arguments.page is not None:
        write_page(arguments.page, kinds)
    put_between(MARKS, DOCS / "phantoms.md", table(kinds))


if __name__ == "__main__":
    main()

"""How well models read clips outside a data set: a folder of files with a table that says what EF each shows.

Written for the 100 clips that the page of Reynaud et al. 2023 (EchoDiffusion) shows: 50 hearts drawn by a diffusion
model that was trained on real echo, each `factual` (with its own EF) and `counterfactual` (with another). Two EFs are
known of each: `requested_ef`, which the generator was asked for, and `network_ef`, which a published network reads.
Whoever has such a folder chooses between models with it; nothing is trained on it.

The table has the columns `file`, `kind`, and one or more that end in `_ef`, in percent; rows of each kind are measured
alone. Each file is predicted as `coreecho predict` does, cut, resized and resampled alike; files are decoded once for
each frame size, and kept in `--cache`. Intervals are 95 % percentile bootstraps over the clips of a kind.

Run as `python benchmarks/generated_clips.py --clips FOLDER --model runs/a runs/b`.
"""

import argparse
import hashlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coreecho.errors import CoReEchoError
from coreecho.evaluation.ef_ranges import by_ef_range
from coreecho.evaluation.metrics import compute_metrics
from coreecho.evaluation.model_record import Figure, Measured, ModelRecord, write_record
from coreecho.inference.engine import ClipRequest, predict_videos
from coreecho.inference.preparing import ClipFile, prepare_file
from coreecho.models.echo_model import EchoModel
from coreecho.models.weights import hash_weights, load_model
from coreecho.video import Video, even_starts
from coreecho.video.reader_process import ResizedVideo, read_resized
from coreecho.video.reading import ClipPath

# Below 40 an EF is reduced (ESC 2021); above 55 it is normal (ASE/EACVI 2015: 52 for men, 54 for women).
EDGES = (40, 55)
RESAMPLES = 2_000


def cached_reader(cache: Path | None) -> Callable[..., ResizedVideo]:
    """What reads a file as the product does, or takes what an earlier call has kept of the same bytes."""

    def read(path: ClipPath, frame_size: int, *, axes: str | None = None) -> ResizedVideo:
        if cache is None:
            return read_resized(path, frame_size, axes=axes)
        digest = hashlib.sha256(Path(str(path)).read_bytes()).hexdigest()[:32]
        kept = cache / f"{digest}-{frame_size}.npz"
        if not kept.is_file():
            read_now = read_resized(path, frame_size, axes=axes)
            cache.mkdir(parents=True, exist_ok=True)
            fps = math.nan if read_now.fps is None else read_now.fps
            np.savez(kept, frames=read_now.video.frames, fps=fps, notes=np.array(read_now.video.notes, dtype=str))
        with np.load(kept) as arrays:
            rate = float(arrays["fps"])
            fps_read = None if math.isnan(rate) else rate
            notes = tuple(str(note) for note in arrays["notes"])
            video = Video(arrays["frames"], fps_read, str(path), notes=notes)
        return ResizedVideo(video, len(video.frames), fps_read)

    return read


def predict_all(model: EchoModel, clips: list[ClipFile], *, num_clips: int, batch_size: int) -> np.ndarray:
    """(N,) the EF of each file in percent, the mean over its clips."""

    def request(number: int, clip: ClipFile) -> ClipRequest[int]:
        starts = even_starts(len(clip.frames), model.model_input, num_clips)
        return ClipRequest(number, lambda: (clip.frames, starts))

    requests = [request(number, clip) for number, clip in enumerate(clips)]
    return np.array([said.value for _, said in predict_videos(model, requests, batch_size=batch_size)])


def measure(true: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """r, MAE and bias of all, and MAE and bias in each range of the true EF, with their intervals."""
    metrics = compute_metrics(true, predicted, resamples=RESAMPLES).intervals
    found: dict[str, Any] = {name: metrics[name] for name in ("pearson", "mae", "rmse", "bias")}
    found["n"] = len(true)
    found["ranges"] = by_ef_range(true, predicted, by="true", edges=EDGES, resamples=RESAMPLES)
    return found


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """As `measure` gives it, for JSON."""
    entries: dict[str, Any] = {name: found[name].to_dict() for name in ("pearson", "mae", "rmse", "bias")}
    entries["n"] = found["n"]
    entries["ranges"] = [
        {"name": each.name, "n": each.num_recordings, "mae": each.mae.to_dict(), "bias": each.bias.to_dict()}
        for each in found["ranges"]
    ]
    return entries


def line(kind: str, column: str, found: dict[str, Any]) -> str:
    """A row for the terminal."""
    ranges = " ".join(
        f"| {each.name} ({each.num_recordings}): MAE {each.mae.estimate:4.1f} bias {each.bias.format(1)}"
        for each in found["ranges"]
    )
    return (
        f"  {kind:14s} {column:12s} n {found['n']:3d}  r {found['pearson'].format(2)}  MAE {found['mae'].format(2)}  "
        f"bias {found['bias'].format(1)} {ranges}"
    )


def measured_of(name: str, hearts: str, measured: list[dict[str, Any]], command: str) -> list[Measured]:
    """The same for the record of a model that ships, of which its page is made."""
    texts = {"requested_ef": "the EF that the generator was asked for", "network_ef": "what a published network reads"}

    def figure(label: str, unit: str, found: dict[str, Any], digits: int) -> Figure:
        ends = {end: found[end] for end in ("estimate", "low", "high", "level")}
        return Figure(name=label, unit=unit, digits=digits, **ends)

    return [
        Measured(
            model=name,
            on=f"{hearts}, {each['kind']}",
            hearts="generated",
            against=texts.get(each["column"], each["column"]),
            count=each["n"],
            figures=(
                figure("r", "", each["pearson"], 2),
                figure("MAE", "EF points", each["mae"], 2),
                figure("bias", "EF points", each["bias"], 1),
                *(figure(f"bias, EF {part['name']}", "EF points", part["bias"], 1) for part in each["ranges"]),
            ),
            command=command,
        )
        for each in measured
    ]


def settings_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a program was told, for JSON."""
    told = vars(arguments).items()
    return {name: value if isinstance(value, int | float | list) else str(value) for name, value in told}


def report_model(path: Path, table: pd.DataFrame, arguments: argparse.Namespace) -> dict[str, Any]:
    """Predict every file by one model, print what was measured, and give it for JSON."""
    started = time.perf_counter()
    model = load_model(path)
    read = cached_reader(arguments.cache)
    clips = [prepare_file(model, arguments.clips / name, read=read) for name in table["file"]]
    decoded = time.perf_counter()
    predicted = predict_all(model, clips, num_clips=arguments.num_clips, batch_size=arguments.batch_size)
    seconds = time.perf_counter() - decoded
    print(f"{path}: {decoded - started:.1f} s to load and read, {seconds / len(clips):.3f} s a file to predict")
    measured = []
    for kind, rows in table.groupby("kind", sort=True):
        for column in [name for name in table.columns if name.endswith("_ef")]:
            found = measure(rows[column].to_numpy(float), predicted[rows.index])
            print(line(str(kind), column, found), flush=True)
            measured.append({"kind": kind, "column": column} | plain(found))
    return {
        "model": str(path),
        "sha256": hash_weights(path),
        "seconds_a_file": seconds / len(clips),
        "measured": measured,
        "predicted": dict(zip(table["file"], predicted.round(3).tolist(), strict=True)),
    }


def main() -> None:
    """Measure each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder of the files")
    parser.add_argument("--labels", type=Path, help="table of their EF [default: labels.csv in that folder]")
    parser.add_argument("--model", type=Path, nargs="+", required=True, help="runs or files of weights")
    parser.add_argument("--num-clips", type=int, default=3, help="clips of each file whose mean is its EF")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--cache", type=Path, help="folder for decoded frames")
    parser.add_argument("--json", type=Path, help="write everything here, too")
    parser.add_argument("--record", type=Path, help="write the first model's figures here, for `default-models`")
    parser.add_argument("--name", default="default-ef", help="of the model in that record")
    arguments = parser.parse_args()
    table = pd.read_csv(arguments.labels or arguments.clips / "labels.csv")
    missing = {"file", "kind"} - set(table.columns)
    if missing or not any(name.endswith("_ef") for name in table.columns):
        raise SystemExit("the table needs the columns file, kind, and one or more whose names end in _ef")
    results, failed = [], []
    for path in arguments.model:
        try:
            results.append(report_model(path, table, arguments))
        except CoReEchoError as error:
            failed.append(path)
            print(f"{path}: not measured: {error}", flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"clips": len(table), "models": results}, indent=1) + "\n")
    if arguments.record is not None and results:
        command = "python benchmarks/generated_clips.py --clips FOLDER --model default"
        found = measured_of(arguments.name, "the generated clips of EchoDiffusion", results[0]["measured"], command)
        write_record(arguments.record, ModelRecord(measured=tuple(found)))
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()

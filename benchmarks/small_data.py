"""What a small hospital's labels are worth: fine-tuning on 20 or 40 labelled clips, from several starts.

The clips stand in for a hospital's: a folder with a table of the columns `file`, `heart`, `kind` and the EF in percent,
as `benchmarks/generated_clips.py` takes it. Hearts are put into folds; of each fold the others train, all of them or
as many as asked for (20 are among the 40), and the fold's own are tested, so that every heart is tested once. Starts
are compared at equal training: same clips, same steps, L1 end to end, last epoch; a start is an encoder, and its head
is new. Beside them, without any training: the first start's whole model as it is, and with a straight line fitted to
the labels. Intervals are 95 % percentile bootstraps over hearts; differences to the first start are paired.

Nothing that ships was trained on such clips. Stopped, the same command goes on: trainings that are done stay done.
Run as `python benchmarks/small_data.py --clips FOLDER --start default --start l1=runs/l1 --start scratch`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coreecho.evaluation.intervals import Interval, bootstrap_intervals
from coreecho.experiments.data import Data
from coreecho.experiments.runs import Execution, finish_run, predictions_of
from coreecho.files import write_whole
from coreecho.inference.preparing import prepare_file
from coreecho.models.weights import describe_weights, load_model
from coreecho.report.pictures import BLUE, GREEN, GREY, VERMILION, new_figure, save_figure
from coreecho.training.recipe import SCRATCH, Recipe
from coreecho.training.run_folder import Hardware
from generated_clips import RESAMPLES, cached_reader, predict_all, settings_of

AS_IT_IS, LINE = "as it is", "and a straight line"


def folds_of(hearts: list[Any], count: int, seed: int) -> list[list[Any]]:
    """Deal hearts into folds of equal size, in an order that the seed decides."""
    order = np.random.default_rng(seed).permutation(len(hearts))
    return [[hearts[place] for place in order[fold::count]] for fold in range(count)]


def training_hearts(folds: list[list[Any]], tested: int, count: int) -> list[Any]:
    """As many hearts of the other folds, in turns from each, so that fewer are among more."""
    others = [fold for number, fold in enumerate(folds) if number != tested]
    longest = max(len(fold) for fold in others)
    turns = [fold[place] for place in range(longest) for fold in others if place < len(fold)]
    return turns[:count]


def write_table(path: Path, table: pd.DataFrame, clips: Path, train: list[Any], test: list[Any]) -> Path:
    """A table in the layout of the product: training hearts and those that are tested."""
    split = table["heart"].map(dict.fromkeys(train, "train") | dict.fromkeys(test, "test"))
    rows = pd.DataFrame(
        {
            "path": [str((clips / name).resolve()) for name in table["file"]],
            "id": table["id"],
            "patient": table["heart"],
            "ef_percent": table["ef_percent"],
            "split": split,
        }
    ).dropna(subset=["split"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, rows.to_csv(index=False))
    return path


def recipe_of(first: str, start: str, seed: int, arguments: argparse.Namespace) -> Recipe:
    """The recipe of every training: its input and encoder are those of the first start."""
    card = describe_weights(first)
    if card.model_input is None:
        raise SystemExit(f"{first}: its card does not say how clips are cut for it")
    shown = {name: getattr(card.model_input, name) for name in ("num_frames", "stride", "frame_size", "padding")}
    return Recipe.from_mapping(
        {
            "name": "small-data",
            "seed": seed,
            "encoder": card.encoder,
            "init": start if start in (SCRATCH, "default") else str(Path(start).resolve()),
            "objective": "l1",
            "stage2": False,
            "select": "last",
            "stage1_epochs": arguments.epochs,
            "batch_size": arguments.batch_size,
            "keep_last_batch": True,
            "learning_rate": arguments.learning_rate,
            "schedule": "cosine",
            "warmup_steps": 10,
            "dropout": 0.0,
            "head_dropout": 0.1,
            "augmentation": "affine",
            "rotation_degrees": 8.0,
            "scale_range": [0.9, 1.1],
            "translation": 0.05,
            **shown,
        },
        source="small data",
    )


def mae_over_hearts(errors: pd.DataFrame, column: str = "error") -> Interval:
    """The mean of a column of per-clip errors, its interval over hearts."""
    values = errors[column].to_numpy(float)

    def means(counts: np.ndarray) -> np.ndarray:
        return (counts @ values / counts.sum(axis=1))[:, None]

    patients = errors["heart"].astype(str).tolist()
    return bootstrap_intervals(means, len(values), patients=patients, resamples=RESAMPLES)[0]


def untrained(
    first: str, table: pd.DataFrame, folds: list[list[Any]], arguments: argparse.Namespace
) -> dict[tuple[str, int], pd.DataFrame]:
    """Errors of the first start's model as it is, and with a straight line through as many labels."""
    model, read = load_model(first), cached_reader(arguments.cache)
    clips = [prepare_file(model, arguments.clips / name, read=read) for name in table["file"]]
    said = predict_all(model, clips, num_clips=3, batch_size=8)
    true = table["ef_percent"].to_numpy(float)
    found = {(AS_IT_IS, 0): table.assign(error=np.abs(said - true))}
    for count in arguments.count:
        corrected = np.empty_like(said)
        for number, fold in enumerate(folds):
            known = table["heart"].isin(training_hearts(folds, number, count)).to_numpy()
            tested = table["heart"].isin(fold).to_numpy()
            corrected[tested] = np.polyval(np.polyfit(said[known], true[known], 1), said[tested])
        found[(LINE, count)] = table.assign(error=np.abs(corrected - true))
    return found


def trained(
    first: str, name: str, start: str, table: pd.DataFrame, folds: list[list[Any]], arguments: argparse.Namespace
) -> dict[tuple[str, int], pd.DataFrame]:
    """Errors after fine-tuning from a start; of several seeds, the mean error of each clip."""
    card = describe_weights(first)
    rate = None if card.trained_on is None else card.trained_on.fps_median
    options = {} if rate is None else {"fps": round(rate)}
    execution = Execution(hardware=Hardware(device=arguments.device), show_progress=True)
    known = table.set_index("id")
    found = {}
    for count in arguments.count:
        parts = []
        for seed in arguments.seeds:
            for number, fold in enumerate(folds):
                place = arguments.out / "tables" / f"{count}-fold{number + 1}.csv"
                root = write_table(place, table, arguments.clips, training_hearts(folds, number, count), fold)
                store = arguments.out / "store"
                data = Data(dataset="table", root=root, options=options, store=store)
                path = arguments.out / "runs" / f"{name}-{count}-seed{seed}-fold{number + 1}"
                run = finish_run(recipe_of(first, start, seed, arguments), data, path, execution)
                said = predictions_of(run, execution)
                task = run.task
                parts.append(
                    pd.DataFrame(
                        {
                            "id": said["recording"],
                            "heart": said["recording"].map(known["heart"]),
                            "error": np.abs(said[task.predicted_column] - said["recording"].map(known["ef_percent"])),
                        }
                    )
                )
        pooled = pd.concat(parts).groupby("id", as_index=False).agg(heart=("heart", "first"), error=("error", "mean"))
        found[(name, count)] = pooled
    return found


def draw(path: Path, figures: list[dict[str, Any]], clips: int) -> None:
    """Error against the number of labelled hearts, a line for each start."""
    title = f"Fine-tuning on few labelled clips: mean absolute error of the EF of {clips} held-out generated clips"
    figure, (axis,) = new_figure(title, (7.0, 4.6), cautions=["generated clips, not patients"], is_phantom=False)
    names = list(dict.fromkeys(each["start"] for each in figures))
    for number, name in enumerate(names):
        rows = [each for each in figures if each["start"] == name]
        colour = (BLUE, VERMILION, GREEN, GREY)[number % 4]
        style = "-" if number < 4 else "--"
        counts, values = [each["hearts"] for each in rows], [each["mae"]["estimate"] for each in rows]
        ends = np.abs(np.array([[each["mae"]["low"], each["mae"]["high"]] for each in rows]).T - np.array(values))
        shift = 0.4 * (number - len(names) / 2)
        axis.errorbar(
            np.array(counts) + shift,
            values,
            yerr=ends,
            color=colour,
            linestyle=style,
            marker="o",
            capsize=3,
            label=name,
        )
    axis.set_xlabel("labelled hearts that train")
    axis.set_ylabel("MAE, EF points (95 % interval over hearts)")
    axis.set_ylim(bottom=0)
    axis.legend()
    save_figure(figure, path)


def main() -> None:
    """Train what is missing, and write small-data.json and small-data.png."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder of the files")
    parser.add_argument("--labels", type=Path, help="table of their EF [default: labels.csv in that folder]")
    parser.add_argument("--kind", default="factual", help="rows of the table that are taken; `all` for every kind")
    parser.add_argument("--ef", default="requested_ef", help="column of the EF")
    parser.add_argument(
        "--start", action="append", help="`default`, `scratch`, or NAME=RUN_OR_WEIGHTS; the first leads"
    )
    parser.add_argument("--count", type=int, nargs="+", default=[20, 40], help="labelled hearts that train")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("runs/small-data"))
    parser.add_argument("--cache", type=Path, help="folder for decoded frames, as of generated_clips.py")
    arguments = parser.parse_args()
    starts = dict(
        text.split("=", 1) if "=" in text else (text, text) for text in arguments.start or ["default", SCRATCH]
    )
    table = pd.read_csv(arguments.labels or arguments.clips / "labels.csv").rename(columns={arguments.ef: "ef_percent"})
    table["id"] = [Path(name).stem for name in table["file"]]
    table = table[(table["kind"] == arguments.kind) | (arguments.kind == "all")].reset_index(drop=True)
    folds = folds_of(sorted(table["heart"].unique()), arguments.folds, seed=0)
    most = min(sum(map(len, folds)) - len(fold) for fold in folds)
    if not table.size or max(arguments.count) > most:
        raise SystemExit(f"{len(table)} clips of this kind leave {most} hearts to train; asked for {arguments.count}")

    first_name, first = next(iter(starts.items()))
    if first == SCRATCH:
        raise SystemExit("the first --start has learned something: its input and encoder are those of all")
    errors = untrained(first, table, folds, arguments)
    for name, start in starts.items():
        errors |= trained(first, name, start, table, folds, arguments)
    figures = []
    for (name, count), each in errors.items():
        shown = f"{first_name}, {name}" if name in (AS_IT_IS, LINE) else name
        entry: dict[str, Any] = {"start": shown, "hearts": count, "mae": mae_over_hearts(each).to_dict()}
        lead = errors.get((first_name, count))
        if lead is not None and name != first_name:
            paired = each.merge(lead, on="id", suffixes=("", "_lead"))
            paired["difference"] = paired["error"] - paired["error_lead"]
            entry[f"minus_{first_name}"] = mae_over_hearts(paired, "difference").to_dict()
        figures.append(entry)
        difference = entry.get(f"minus_{first_name}")
        more = (
            ""
            if difference is None
            else "  minus {}: {estimate:+.2f} ({low:+.2f} to {high:+.2f})".format(
                first_name, **{end: difference[end] for end in ("estimate", "low", "high")}
            )
        )
        print("{:32s} {:3d} hearts  MAE {estimate:.2f} ({low:.2f} to {high:.2f}){}".format(
            shown, count, more, **{end: entry["mae"][end] for end in ("estimate", "low", "high")}
        ))  # fmt: skip
    document = {"clips": len(table), "folds": len(folds), "settings": settings_of(arguments), "figures": figures}
    write_whole(arguments.out / "small-data.json", json.dumps(document, indent=1) + "\n")
    draw(arguments.out / "small-data.png", figures, len(table))


if __name__ == "__main__":
    main()

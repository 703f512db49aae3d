"""How many simulated hearts a network has need of: 1,000, 4,000 or 16,000, in as many steps each, over five seeds.

Every training goes on from the start of its seed, as `benchmarks/what_carries.py` makes it, by that program's full
arm, and sees as many clips: a thousand hearts sixteen times, sixteen thousand once. Fewer hearts are among more; those
beyond the `clinic` cohort of the shipped model's plan are drawn from the same settings by a seed of their own, and all
of them train. Measured as there, on generated clips and on phantoms that none has seen; differences to the fewest are
paired over hearts and seeds. Nothing is chosen by what it finds.

Stopped, the same command goes on. Run as
`python benchmarks/how_many_hearts.py --clips FOLDER --phantoms runs/default-models`.
"""

import argparse
import dataclasses
from pathlib import Path

import pandas as pd

from coreecho.datasets import Recording, load_recordings
from coreecho.experiments.data import Data
from coreecho.experiments.model_plan import cohort_folder, default_plan, read_plan
from coreecho.experiments.runs import finish_run
from coreecho.files import write_whole
from coreecho.phantom import write_echonet_phantoms
from over_seeds import FPS, OfSeed, execution_of, lay_out_hearts, measure, new_parser, print_table, read_runs
from what_carries import recipe_of, train_start

HEARTS = (1000, 4000, 16000)
# A cohort's hearts are 75 % TRAIN, about; of this one all train.
_MORE_HEARTS, _MORE_SEED = 11_600, 5
_VALIDATING = 200


def write_more_hearts(arguments: argparse.Namespace) -> Path:
    """Draw the hearts beyond the clinic cohort, or those that are missing; without masks, which nobody reads here."""
    root = cohort_folder(arguments.out, "more-clinic")
    settings = dataclasses.replace(read_plan(default_plan()).phantoms["clinic"].phantom_settings("clinic"), masks=False)
    write_echonet_phantoms(root, recordings=_MORE_HEARTS, seed=_MORE_SEED, settings=settings, show_progress=True)
    return root


def write_table(hearts: int, more: Path, arguments: argparse.Namespace) -> Path:
    """The first hearts that train, the clinic cohort's before the others, and those that validate."""
    clinic = load_recordings("echonet", cohort_folder(arguments.phantoms, "clinic"))

    def sorted_rows(recordings: list[Recording], prefix: str, split: str) -> list[dict[str, object]]:
        return [
            {
                "path": str(each.path.resolve()),
                "id": f"{prefix}{each.id}",
                "ef_percent": each.ef_percent,
                "split": split,
            }
            for each in sorted(recordings, key=lambda each: each.id)
        ]

    train = sorted_rows([each for each in clinic if each.split == "train"], "", "train")
    if len(train) < hearts:
        train += sorted_rows(list(load_recordings("echonet", more)), "more-", "train")
    if len(train) < hearts:
        raise SystemExit(f"{len(train)} hearts train, {hearts} are needed")
    rows = train[:hearts] + sorted_rows([each for each in clinic if each.split == "val"], "", "val")[:_VALIDATING]
    path: Path = arguments.out / "tables" / f"hearts-{hearts}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, pd.DataFrame(rows).to_csv(index=False))
    return path


def train_hearts(hearts: int, seed: int, start: Path, arguments: argparse.Namespace) -> Path:
    """A training on so many hearts, in as many steps as the one on the most of them, which sees each once."""
    more = cohort_folder(arguments.out, "more-clinic")
    data = Data(
        dataset="table",
        root=write_table(hearts, more, arguments),
        options={"fps": FPS},
        store=arguments.out / "store",
    )
    path: Path = arguments.out / "runs" / f"hearts-{hearts}-seed{seed}"
    settings = {"stage1_epochs": arguments.passes * HEARTS[-1] // hearts}
    recipe = recipe_of(f"hearts-{hearts}", settings, seed, str(start.resolve()), arguments)
    finish_run(recipe, data, path, execution_of(arguments))
    return path


def main() -> None:
    """Train what is missing, and write how-many-hearts.json."""
    parser = new_parser(__doc__, out=Path("runs/how-many-hearts"))
    parser.add_argument("--starts", type=Path, default=Path("runs/what-carries"), help="where the starts lie")
    parser.add_argument("--passes", type=int, default=1, help="over the most hearts")
    arguments = parser.parse_args()
    generated = lay_out_hearts(arguments)
    write_more_hearts(arguments)

    def read_seed(seed: int) -> OfSeed:
        start = train_start("start", seed, argparse.Namespace(**{**vars(arguments), "out": arguments.starts}))
        runs = {f"{hearts:,} hearts": train_hearts(hearts, seed, start, arguments) for hearts in HEARTS}
        return read_runs(runs, generated, arguments)

    fewest = f"{HEARTS[0]:,} hearts"
    results = measure(arguments.out / "how-many-hearts.json", read_seed, generated, {"minus_base": fewest}, arguments)
    for title, found in results.items():
        print_table(f"On {title}", found, base=fewest)


if __name__ == "__main__":
    main()

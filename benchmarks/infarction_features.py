"""How well infarcts are told from real features of the wall's motion: the classifier half of HMC-QU's methods.

    python benchmarks/infarction_features.py FEATURES.csv

The table holds, for each recording, `fold`, six largest displacements a view (`a4c_displacement_1` ...) and which
segments are infarcted (`a4c_mi_1` ...), as Degerli et al. (2021) published them for 130 patients of HMC-QU (repository
MultiEchoAI, MIT). A patient has an infarct in a view if any of its segments has, and in both views if either has. Their
best classifier of two views has a sensitivity of 90.91 % and a precision of 86.36 %.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from coreecho.ventricle.infarction_classifiers import CLASSIFIERS, any_view, cross_validate

SEGMENTS = (1, 2, 3, 5, 6, 7)
PUBLISHED = "90.91 / 86.36"


def main() -> int:
    """Cross-validate all classifiers by the published folds, and print what they reach."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        print(__doc__)
        return 2
    table = pd.read_csv(sys.argv[1])
    of_view = {
        view: (
            table[[f"{view}_displacement_{segment}" for segment in SEGMENTS]].to_numpy(dtype=np.float64),
            table[[f"{view}_mi_{segment}" for segment in SEGMENTS]].to_numpy().any(axis=1),
        )
        for view in ("a4c", "a2c")
    }
    both = np.concatenate([features for features, _ in of_view.values()], axis=1)
    questions = of_view | {"both": (both, any_view(*(labels for _, labels in of_view.values())))}
    shown = Table(title=f"Sensitivity / precision (%), {len(table)} patients, {table['fold'].nunique()} folds, pooled")
    shown.add_column("classifier")
    for view, (_, labels) in questions.items():
        shown.add_column(f"{view} ({int(labels.sum())} infarcts)", justify="right")
    folds = table["fold"].to_numpy()
    for classifier in CLASSIFIERS:
        cells = []
        for features, labels in questions.values():
            said = cross_validate(features, labels, folds, classifier).is_infarct
            found = (said & labels).sum()
            cells.append(f"{100 * found / labels.sum():.2f} / {100 * found / max(said.sum(), 1):.2f}")
        shown.add_row(classifier, *cells)
    shown.add_row("published, their best", "", "", PUBLISHED)
    Console(width=110).print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())

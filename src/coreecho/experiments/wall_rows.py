"""Rows of a table that tell infarcts by the motion of the wall: Degerli et al. and Nguyen et al."""

from pathlib import Path

import numpy as np
import pandas as pd

from coreecho.experiments.data import Data
from coreecho.experiments.runs import Execution
from coreecho.tasks import MI
from coreecho.ventricle.infarction_classifiers import Rule
from coreecho.ventricle.run_infarction import measure_infarctions


def read_wall_motion(runs: Path, execution: Execution, *, data: Data, rule: Rule, classifier: str) -> pd.DataFrame:
    """Diagnose the recordings of a data set from its masks of the wall, cross-validated by its folds.

    Args:
        runs: folder of the table's jobs; the result lies beside them.
        execution: nothing of it is needed.
        data: with masks and folds.
        rule: features, and how settings and the cut-off are chosen.
        classifier: of `CLASSIFIERS`.

    Returns:
        As the predictions of a transfer: one row a recording whose wall has features.
    """
    name = f"{data.dataset}-walls-{rule}-{classifier}"
    options = {key: value for key, value in data.options.items() if key != "view"}
    views = (str(data.options.get("view", "A4C")),)
    measured = measure_infarctions(
        data.root, runs / name, dataset=data.dataset, views=views, options=options, rule=rule, classifier=classifier
    )
    task, said = MI(), measured.diagnoses
    margins = said["margin"].to_numpy(dtype=np.float64)
    return pd.DataFrame(
        {
            "recording": said["recording"].to_numpy(),
            task.true_column: said["has_mi"].to_numpy(),
            task.output_column: margins,
            task.predicted_column: task.value_of(margins),
            "num_clips": 1,
            "patient": said["patient"].to_numpy(),
            "quality": None,
            "ef_source": None,
            "fold": said["fold"].to_numpy(),
        }
    )

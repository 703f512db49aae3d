"""Rows of a table whose clips lie about the end-systoles that a segmenter finds: EF beat by beat (Ouyang et al. 2020).

The starts, and the mean absolute error against the number of beats, lie beside the runs.
"""

from pathlib import Path

import pandas as pd

from coreecho.errors import NoBeatError
from coreecho.evaluation import Protocol
from coreecho.experiments.jobs import Training
from coreecho.experiments.runs import Execution, predictions_of, subject_of
from coreecho.models.segmenter import load_segmenter
from coreecho.training.run_folder import RunFolder
from coreecho.ventricle.run_beats import INDEX, error_by_beats, place_at_beats, read_beat_index, write_errors


def read_beats(runs: Path, execution: Execution, *, training: Training, segmenter: Training) -> pd.DataFrame:
    """Predict the TEST split beat by beat.

    Args:
        runs: folder of the table's jobs.
        execution: on what.
        training: of the model that reads EF.
        segmenter: of the network that finds the beats.

    Returns:
        As `predictions_of`, of the recordings that have a beat; no row where none has one.
    """
    data = training.data
    run = RunFolder.open(runs / training.name, data=data.root, store=data.store)
    subject, recordings, sampling = subject_of(run), run.recordings("test"), run.recipe.input
    # Beside the segmenter: every seed of the model that reads EF has the same ones.
    folder = runs / segmenter.name / f"beats-{sampling.num_frames}x{sampling.stride}"
    try:
        index = (
            read_beat_index(folder / INDEX, num_recordings=len(recordings))
            if (folder / INDEX).is_file()
            else place_at_beats(
                subject,
                load_segmenter(runs / segmenter.name, device=execution.device),
                recordings,
                folder,
                show_progress=execution.show_progress,
            )
        )
    except NoBeatError:
        task = run.task
        columns = ["recording", task.true_column, task.output_column, task.predicted_column]
        return pd.DataFrame(columns=[*columns, "num_clips", "patient", "quality", "ef_source"])
    predictions = predictions_of(run, execution, start_index=index.path, is_partial=True)
    write_errors(run.path, error_by_beats(subject, index, Protocol(start_index=index.path), recordings))
    return predictions

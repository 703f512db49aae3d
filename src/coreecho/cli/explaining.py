"""What `coreecho explain` does with several files: one after the other, each into a folder of its own."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from coreecho.cli.telling import tell_failures
from coreecho.errors import VideoError
from coreecho.inference import Prediction, PredictionFailure, find_files
from coreecho.models.echo_model import EchoModel
from coreecho.report.explanation_folder import Film, write_explanation
from coreecho.report.segmentation_folder import FolderNames
from coreecho.report.terminal import say, show_file_explanation
from coreecho.saliency.file_explanation import explain_file
from coreecho.video.reading import ClipPath


def explain_files(
    model: EchoModel,
    judge: Callable[[ClipPath], Prediction],
    paths: Sequence[Path],
    out: Path,
    *,
    film: Film,
    joins_series: bool,
    **how: Any,
) -> int:
    """Explain, write and show; returns the exit code: 1 where a file failed. A bad file does not stop the others."""
    names = FolderNames()
    results: list[object] = []
    for file in find_files(paths, joins_series=joins_series):
        if isinstance(file, PredictionFailure):
            results.append(file)
            continue
        try:
            explained, appraisal = explain_file(model, file, **how), judge(file)
        except VideoError as error:
            results.append(PredictionFailure.of(str(file), error))
            continue
        folder = out / names(str(file))
        write_explanation(explained, folder, film=film, appraisal=appraisal)
        say([f"{file}:"])
        show_file_explanation(explained, folder, appraisal=appraisal)
        results.append(explained.explanation.predicted)
    return 1 if tell_failures(results, f"map of the {model.task.noun}", strict=False) else 0

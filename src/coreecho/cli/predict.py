"""`coreecho predict`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from coreecho.cli.options import AtLeastOne, BeatText, Computing

if TYPE_CHECKING:
    from coreecho.inference import Prediction, PredictionFailure, Predictor


def predict(
    files: list[Path],
    /,
    *,
    model: Path,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    csv: Path | None = None,
    clips: AtLeastOne | Literal["all"] = 3,
    beat: BeatText = None,
    axes: str | None = None,
    series: Annotated[bool, Parameter(negative="")] = False,
    computing: Computing | None = None,
    precision: Literal["fp32", "bf16"] = "fp32",
    monitor: Path | None = None,
) -> int:
    """Measure the EF of clips: `coreecho predict clip.dcm folder/ --model runs/echonet`.

    Shows the EF of each file, and of a calibrated model what it is worth: an interval, the probability of being below
    40 and 50 %, whether the model knows such clips at all (good, doubtful or outside), and what speaks against it. A
    model that was trained to find infarctions gives their probability instead. A file that cannot be read is reported
    and does not stop the others; the exit code is then 1.

    Not a medical device: no EF and no probability shown here may guide the care of a patient.

    Parameters
    ----------
    files:
        Apical four-chamber clips (AVI, MP4, MOV, MKV, WebM, WMV, GIF, WebP, PNG, TIFF, NPY, NPZ, DICOM, NIfTI, MHD,
        NRRD), and folders of them, searched at any depth. Hidden files and tables, texts and archives in folders are
        passed over.
    model:
        Folder of a run, or a `.safetensors` file.
    as_json:
        Print one JSON document and nothing else.
    csv:
        Write a table to this file, too.
    clips:
        Clips of each video whose mean is its EF: evenly placed, or `all` for the whole video.
    beat:
        The beat to look at.
    axes:
        Of arrays (NPY, NPZ, NIfTI, MHD, NRRD) alone: which axis is which, where they are not in the usual order: T
        time, H rows, W columns, C colours, such as `HWT`. NumPy's as its shape has them, the others' as their header.
    series:
        Take the single DICOM frames of one series in one folder, one a file, for one clip. Not done unasked: the stills
        of an examination may share a series, too.
    computing:
        How the model computes.
    precision:
        Number format of the encoder: `bf16` is faster on GPUs, and right to about three digits.
    monitor:
        Add the numbers of each clip, and no name, to this log, and warn where the clips in it have drifted away from
        those that the model was calibrated on; `coreecho drift LOG` tells more.
    """
    computing = computing or Computing()
    from rich.console import Console

    from coreecho.errors import CoReEchoError
    from coreecho.inference import Prediction, PredictionFailure, Predictor, parse_beat
    from coreecho.names import readable
    from coreecho.report.predictions import predictions_json, predictions_table, write_predictions_csv
    from coreecho.stopping import exit_code_of

    if csv is not None and not csv.absolute().parent.is_dir():
        raise CoReEchoError(f"The folder of {csv} does not exist: make it first, or give another file to `--csv`.")
    if monitor is not None and not monitor.absolute().parent.is_dir():
        raise CoReEchoError(f"The folder of {monitor} does not exist: make it first, or give another `--monitor`.")
    frames = None if beat is None else parse_beat(beat)
    predictor = Predictor(
        model,
        clips=clips,
        device=computing.device,
        batch_size=computing.batch_size,
        beat=frames,
        precision=precision,
        axes=axes,
        joins_series=series,
    )
    name, task = predictor.model_name, predictor.model.task
    results: list[Prediction | PredictionFailure] = []
    stopped_by: KeyboardInterrupt | None = None
    try:
        for result in predictor.predict_many(files, show_progress=True):
            results.append(result)
    except KeyboardInterrupt as stopped:
        # What is ready is not lost.
        stopped_by = stopped
    if as_json:
        print(predictions_json(results, model_name=name, task=task))
    elif any(isinstance(result, Prediction) for result in results):
        Console().print(predictions_table(results, model_name=name, task=task))
    if csv is not None:
        write_predictions_csv(results, csv, task=task)
    failures = [result for result in results if isinstance(result, PredictionFailure)]
    console = Console(stderr=True)
    if monitor is not None:
        console.print(_monitored(monitor, predictor, results), markup=False)
    for failure in failures:
        console.print(
            f"No {task.noun} for {readable(failure.file)}: {readable(failure.error)}", style="red", markup=False
        )
    if stopped_by is not None:
        console.print(f"Stopped. The first {len(results)} files are done, and shown or written; the others are not.")
        return exit_code_of(stopped_by)
    return 1 if failures else 0


def _monitored(log: Path, predictor: "Predictor", results: "Sequence[Prediction | PredictionFailure]") -> str:
    """Add predictions to a log, and say in a sentence whether it has drifted."""
    from coreecho.errors import CalibrationError
    from coreecho.inference import Prediction
    from coreecho.report.drift_table import drift_sentence
    from coreecho.trust import append_to_log, read_log
    from coreecho.trust.watching import logged_numbers, watch

    gate = None if predictor.calibrated is None else predictor.calibrated.gate
    if gate is None:
        return "Nothing is monitored: this model was never calibrated. `coreecho calibrate MODEL` does it."
    for result in results:
        if isinstance(result, Prediction):
            append_to_log(log, logged_numbers(result.value, result.clip_sd, result.measured))
    try:
        return drift_sentence(watch(read_log(log), gate))
    except CalibrationError as error:
        return str(error)

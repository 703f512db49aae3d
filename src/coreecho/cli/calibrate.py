"""`coreecho calibrate`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from coreecho.cli.options import AtLeastOne, Computing, TestedData
from coreecho.datasets.recording import Asked
from coreecho.shipped import is_default


def calibrate(
    model: Path,
    /,
    *,
    split: Asked | None = None,
    clips: AtLeastOne = 3,
    method: Literal["absolute", "normalised", "normalised-by-copies", "by-range", "normalised-by-range"] = "by-range",
    level: Annotated[float, Parameter(validator=validators.Number(gt=0, lt=1))] = 0.9,
    measure_gap: Annotated[bool, Parameter(negative="")] = False,
    segmenter: Path | None = None,
    out: Path | None = None,
    shown: TestedData | None = None,
    computing: Computing | None = None,
) -> int:
    """Learn how far a model's EF may be off, and which clips it knows: `coreecho calibrate runs/echonet`.

    Training ends with it; a site calibrates a model anew on its own clips whose EF is known, 30 or more:
    `coreecho calibrate runs/echonet --data OWN --dataset table`. From then on `predict`, `evaluate` and `report` put an
    interval, probabilities and a word of trust beside each EF. The file lies beside the weights, as
    WEIGHTS.calibration.json, and belongs to these weights alone.

    Recordings that the model was trained on are refused: their errors are too small.

    Parameters
    ----------
    model:
        Folder of a run, or a `.safetensors` file with `--data`.
    split:
        Recordings to learn from [default: val; of other data whose VAL split has fewer than 30, all].
    clips:
        Evenly placed clips of each recording whose mean is its EF. A prediction of fewer clips gets no interval.
    method:
        How errors become intervals: one width for all (`absolute`), wider where clips disagree (`normalised`) or
        mirrored and zoomed copies do (`normalised-by-copies`), a width for each range of predicted EF (`by-range`), or
        that and wider where clips disagree (`normalised-by-range`).
    level:
        Share of new recordings of the same kind whose EF the intervals shall hold.
    measure_gap:
        Of a model that is calibrated on simulated hearts, with `--data` of patients: keep that calibration, and widen
        its intervals on patients by as much as the model errs more there.
    segmenter:
        What outlines left ventricles, so that trust looks at them, too, wherever `predict` outlines with the same:
        weights, the folder of a run, or `default`. It takes a second or two for each of some hundred recordings.
    out:
        File to write [default: beside the weights].
    shown:
        The data, where they are not the run's own.
    computing:
        How the model computes.
    """
    shown = shown or TestedData()
    computing = computing or Computing()
    from rich.console import Console

    from coreecho.errors import CalibrationError
    from coreecho.evaluation.calibrating import calibrate_subject, what_it_promises
    from coreecho.evaluation.calibrating import measure_gap as widen
    from coreecho.evaluation.measured_clips import Computing as HowToCompute
    from coreecho.models.segmenter import open_segmenter
    from coreecho.outputs import DOCUMENT, Output, check_outputs
    from coreecho.trust import calibration_path, read_calibration, write_calibration
    from coreecho.ventricle.gauging import OutlineGauge

    subject = shown.subject(model)
    if out is None and is_default(model):
        raise CalibrationError(
            "The model that ships lies in the installed package, which is not written to: give `--out FILE`, and "
            "that file to `coreecho predict --calibration FILE`, or `coreecho.Predictor(calibration=FILE)`."
        )
    path = out or calibration_path(subject.weights)
    if not path.absolute().parent.is_dir():
        raise CalibrationError(f"The folder of {path} does not exist: make it first, or give another `--out`.")
    check_outputs(Output("--out", path, DOCUMENT), inputs=[subject.weights])
    how = HowToCompute(batch_size=computing.batch_size, device=computing.device, show_progress=True)
    if measure_gap:
        before = read_calibration(calibration_path(subject.weights))
        calibrated = widen(subject, before, split=split, allow_overlap=shown.allow_overlap, computing=how)
    else:
        outliner = None
        if segmenter is not None:
            outliner = OutlineGauge(open_segmenter(segmenter, computing.device), subject.folder / "results")
        calibrated = calibrate_subject(
            subject,
            split=split,
            clips=clips,
            method=method,
            level=level,
            allow_overlap=shown.allow_overlap,
            computing=how,
            outliner=outliner,
        )
    write_calibration(path, calibrated)
    console = Console()
    console.print(what_it_promises(calibrated.intervals), markup=False)
    gate = calibrated.gate
    if gate is not None:
        console.print(
            f"Trust is judged by {len(gate.checks)} checks; of recordings like these at most "
            f"{100 * gate.flagged_at_most:.0f} % are called doubtful or outside.",
            markup=False,
        )
    if calibrated.known is None:
        console.print("The clips that the model was trained on are not known here: no check looks at embeddings.")
    console.print(f"Calibration: {path}", markup=False, soft_wrap=True)
    return 0

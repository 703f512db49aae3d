"""`coreecho drift`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from coreecho.shipped import DEFAULT


def drift(
    log: Path,
    /,
    *,
    model: Path = Path(DEFAULT),
    calibration: Path | None = None,
    false_alarms: Annotated[float, Parameter(validator=validators.Number(gt=0, lt=1))] = 0.01,
) -> int:
    """Find out whether the clips of a log have drifted: `coreecho drift clips.log`, or `--model runs/echonet`.

    The log is what `coreecho predict --monitor LOG` wrote: numbers of each clip, in order, and no names. Each number is
    held against those of the calibration, by a bet that nobody can expect to win while nothing drifts. The exit code is
    1 where drift was found.

    Parameters
    ----------
    log:
        File of predictions.
    model:
        Folder of a run, or a `.safetensors` file, that made them [default: the model that ships].
    calibration:
        File that `coreecho calibrate --out FILE` wrote [default: the one beside the weights].
    false_alarms:
        Probability that a stream without drift is ever called drifted, however long it is watched.
    """
    from rich.console import Console

    from coreecho.errors import CalibrationError
    from coreecho.inference.appraising import calibration_beside
    from coreecho.report.drift_table import drift_sentence, drift_table
    from coreecho.trust import read_calibration, read_log
    from coreecho.trust.watching import watch

    calibrated = calibration_beside(model) if calibration is None else read_calibration(calibration)
    if calibrated is None or calibrated.gate is None:
        raise CalibrationError(f"{model} was never calibrated, so there is nothing to hold a log against.")
    found = read_log(log)
    watched = watch(found, calibrated.gate, false_alarms=false_alarms)
    console = Console()
    console.print(drift_table(watched))
    console.print(drift_sentence(watched), markup=False)
    if found.faulty_lines:
        console.print(f"{len(found.faulty_lines)} lines could not be read, first line {found.faulty_lines[0]}.")
    return 1 if any(one.state.drifted_at is not None for one in watched) else 0

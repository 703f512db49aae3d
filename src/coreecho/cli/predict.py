"""`coreecho predict`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from coreecho.cli.options import BeatText, Clips, Computing, FileReading
from coreecho.shipped import DEFAULT

if TYPE_CHECKING:
    from coreecho.inference import Prediction, PredictionFailure, Predictor
    from coreecho.ventricle.segmentation import Segmentation


def predict(
    files: list[Path],
    /,
    *,
    model: Path = Path(DEFAULT),
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    json_file: Path | None = None,
    csv: Path | None = None,
    page: Path | None = None,
    similar: bool = True,
    clips: Clips = 3,
    beat: BeatText = None,
    reading: FileReading | None = None,
    per_study: Annotated[bool, Parameter(negative="")] = False,
    ids: Annotated[bool, Parameter(negative="")] = False,
    strict: Annotated[bool, Parameter(negative="")] = False,
    calibration: Path | None = None,
    segmenter: Path | None = None,
    computing: Computing | None = None,
    precision: Literal["fp32", "bf16"] = "fp32",
    monitor: Path | None = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Measure the EF of clips: `coreecho predict clip.dcm folder/`, or with your own model, `--model runs/echonet`.

    Shows the EF of each file, and of a calibrated model what it is worth: an interval, the probability of being below
    40 and 50 %, whether the model knows such clips at all (good, doubtful or outside), and what speaks against it. A
    model that was trained to find infarctions gives their probability instead. A file without a number is reported and
    does not stop the others. Refused are sound files that are no such clips: stills, colour Doppler, two views side by
    side; an examination has many. The exit code is 1 where a file failed: is not there, damaged, or of another kind.

    Not a medical device: no EF and no probability shown here may guide the care of a patient.

    Parameters
    ----------
    files:
        Apical four-chamber clips (AVI, MP4, MOV, MKV, WebM, WMV, MPEG, GIF, WebP, PNG, TIFF, NPY, NPZ, DICOM, NIfTI,
        MHD, NRRD), and folders of them, searched at any depth. Hidden files and tables, texts and archives in folders
        are passed over, and counted. A file that is given twice is read once.
    model:
        Folder of a run, a `.safetensors` file, or `default`: the model that ships with coreecho, a research model that
        has seen no patient.
    as_json:
        Print one JSON document and nothing else.
    json_file:
        Write the same document to this file, too: whole, or where the run fails not at all.
    csv:
        Write a table to this file, too: one row a file, with its status, measured, refused or failed.
    page:
        Write one HTML page of the files, such as those of one patient, to this file, too: each number with its interval
        where there is a calibration, the film, what speaks against it, and similar hearts. Of at most 40 files; many
        take minutes, and with `--quiet` nothing is said until it is written.
    similar:
        On the page, look for similar hearts: of a run among the recordings that it was trained on, whose embedding
        takes a while the first time; of the model that ships among simulated hearts that it has not learned from.
    clips:
        Clips of each video whose mean is its EF: evenly placed, or `all` for the whole video.
    beat:
        The beat to look at.
    reading:
        How the files are read, where the usual way is not right.
    per_study:
        Combine the clips of each examination, told by its StudyInstanceUID or else by its folder: the median of those
        that are trusted, and how far they lie apart. With `--csv ef.csv` the examinations go to `ef-studies.csv`.
    ids:
        Say of DICOM files, in JSON and CSV, their StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID and accession
        number. Not done unasked: they may lead to a patient.
    strict:
        End with exit code 1 for refused files, too.
    calibration:
        File that `coreecho calibrate --out FILE` wrote, such as of the model that ships on clips of your own [default:
        the one beside the weights].
    segmenter:
        What outlines the left ventricle: the EF of its beats then stands beside the model's, a disagreement of more
        than 10 points is a warning, and a page shows the outline. Weights, the folder of a run, `default` for the one
        that ships, or `none`; when not given, the one that ships beside the model that ships, where this build has it.
    computing:
        How the model computes.
    precision:
        Number format of the encoder: `bf16` is faster on GPUs, and right to about three digits.
    monitor:
        Add the numbers of each clip, and no name, to this log, and warn where the clips in it have drifted away from
        those that the model was calibrated on; `coreecho drift LOG` tells more.
    quiet:
        Do not say how far it is.
    """
    computing, reading = computing or Computing(), reading or FileReading()
    from coreecho.cli.predicted import Predicted, tell_counts
    from coreecho.cli.telling import is_bad, name_failures
    from coreecho.inference import Predictor, list_files, parse_beat
    from coreecho.outputs import DOCUMENT, LOG, PAGE, TABLE, Output, check_outputs
    from coreecho.progress import tell
    from coreecho.report.shipped_model import say_default
    from coreecho.report.studies import studies_path
    from coreecho.stopping import exit_code_of
    from coreecho.ventricle.second_opinion import find_second_opinion, with_second_opinions

    check_outputs(
        Output("--csv", csv, TABLE),
        Output("--csv", studies_path(csv) if csv and per_study else None, TABLE),
        Output("--json-file", json_file, DOCUMENT),
        Output("--page", page, PAGE),
        Output("--monitor", monitor, LOG),
        inputs=[*files, model, *([] if segmenter is None else [segmenter])],
    )
    frames = None if beat is None else parse_beat(beat)
    predictor = Predictor(
        model,
        clips=clips,
        device=computing.device,
        batch_size=computing.batch_size,
        beat=frames,
        precision=precision,
        calibration=calibration,
        axes=reading.axes,
        joins_series=reading.series,
        reads_ids=ids or per_study,
    )
    outliner = find_second_opinion(segmenter, model, predictor.model.task, computing.device)
    say_default(model)
    listing = list_files(files, joins_series=reading.series, reads_ids=predictor.reads_ids)
    if page is not None:
        from coreecho.report.patient_clips import check_fits_page

        # Known now, and not only when all of them are read.
        check_fits_page(len(listing.files))
    results: list[Prediction | PredictionFailure] = []
    # What is shown on the page is outlined once.
    outlined: dict[str, Segmentation] | None = None if page is None else {}
    stopped_by: KeyboardInterrupt | None = None
    try:
        predicted = predictor.predict_many(listing, show_progress=not quiet)
        if outliner is not None:
            predicted = with_second_opinions(
                predicted,
                listing,
                outliner,
                calibrated=predictor.calibrated,
                axes=reading.axes,
                joins_series=reading.series,
                outlined=outlined,
            )
        for result in predicted:
            results.append(result)
    except KeyboardInterrupt as stopped:
        # What is ready is not lost.
        stopped_by = stopped
    found = Predicted(
        results=results,
        predictor=predictor,
        not_reached=None if stopped_by is None else listing.after(len(results)),
        per_study=per_study,
        has_ids=ids,
    )
    found.write(csv=csv, json_file=json_file)
    found.show(as_json=as_json)
    if page is not None:
        how: dict[str, Any] = {
            "per_study": per_study,
            "beat": frames,
            "looks_for_similar": similar,
            "outlined": outlined,
            "show_progress": not quiet,
        }
        _write_page(page, results, predictor, model, axes=reading.axes, **how)
    name_failures(results, predictor.model.task.noun)
    if monitor is not None:
        tell(_monitored(monitor, predictor, results))
    if stopped_by is not None:
        tell(
            f"Stopped. The first {len(results)} files are done, and shown or written; "
            f"{len(listing.files) - len(results)} were not reached."
        )
        return exit_code_of(stopped_by)
    tell_counts(results, listing)
    return 1 if is_bad(results, strict=strict) else 0


def _write_page(
    page: Path,
    results: "list[Prediction | PredictionFailure]",
    predictor: "Predictor",
    model: Path,
    *,
    per_study: bool,
    show_progress: bool,
    **how: Any,
) -> None:
    """Write the page of one patient, and say where it is."""
    from rich.console import Console

    from coreecho.inference import combine_studies
    from coreecho.report.patient_clips import patient_clips
    from coreecho.report.patient_page import write_patient_page

    shown = patient_clips(results, predictor, model, show_progress=show_progress, **how)
    studies = combine_studies(results, has_ids=False) if per_study else []
    write_patient_page(
        shown,
        page,
        model_name=predictor.model_name,
        task=predictor.model.task,
        examinations=studies,
        show_progress=show_progress,
    )
    Console(stderr=True).print(f"Page: {page}", markup=False, soft_wrap=True)


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

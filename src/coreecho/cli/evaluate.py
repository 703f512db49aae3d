"""`coreecho evaluate`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from coreecho.cli.options import NUMBER_OF_CLIPS, AtLeastOne, Computing, NotNegative, TestedData
from coreecho.datasets.recording import Asked
from coreecho.errors import RecipeError
from coreecho.names import counted

if TYPE_CHECKING:
    from rich.console import Console

    from coreecho.evaluation.evaluate import Evaluation
    from coreecho.evaluation.protocol import Protocol
    from coreecho.inference.subject import Subject
    from coreecho.ventricle.beats import RangeRule
    from coreecho.ventricle.run_beats import BeatIndex
    from coreecho.ventricle.run_discs import DiscResults
    from coreecho.ventricle.run_phases import PhaseResults


def evaluate(
    model: Path,
    /,
    *,
    split: Asked = "test",
    clips: Annotated[int | Literal["all", "traced"], NUMBER_OF_CLIPS] = 3,
    step: AtLeastOne | None = None,
    start_index: Path | None = None,
    beats: Path | None = None,
    beat_rule: Literal["product", "power"] = "product",
    phases: Annotated[bool, Parameter(negative=())] = False,
    discs: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
    shown: TestedData | None = None,
    computing: Computing | None = None,
    precision: Literal["fp32", "bf16"] = "fp32",
    resamples: AtLeastOne = 10_000,
    seed: NotNegative = 0,
) -> int:
    """Measure how good a trained model is: `coreecho evaluate runs/echonet --split test --clips 3`.

    Predicts every recording of a split and compares with its true EF: MAE, RMSE, R², correlation, bias, limits of
    agreement, and how well an EF below 35, 40 and 50 % is found (AUROC), each with a 95 % interval. The table goes
    to the terminal; predictions, metrics and pictures go into a folder. Of a run that finds infarctions: sensitivity,
    specificity, precision, F1, accuracy, AUROC and AUPRC instead; of one that reads any other number, errors in its
    unit, correlation and agreement.

    Of a model that is calibrated also: how often its intervals hold, over all and by range of EF, quality and trust,
    how reliable its probability of an EF below 40 % is, and what refusing doubtful clips is worth.

    Published weights, imported: `coreecho evaluate weights.safetensors --data EchoNet-Dynamic --start-index FILE`.

    Recordings that the model was trained on are refused, whatever split they are in now.

    Parameters
    ----------
    model:
        Folder of a run that `coreecho train` wrote, or with `--data` a `.safetensors` file or `default`, the model that
        ships.
    split:
        Recordings to evaluate.
    clips:
        Clips of each recording whose mean is its EF: `1` takes the middle one, `3` is the paper's, `all` covers the
        whole video, and `traced` is the clip about the traced frames, of UVT and EchoGraphs.
    step:
        With `--clips all`: frames of the file from one clip's start to the next [default: the model's stride].
    start_index:
        File that says where each recording's clips start: the authors' pickle, or JSON of
        `{"<name>.avi": [3, 10, 25]}`.
    beats:
        Segmenter (a run of outlines, or its weights) whose end-systoles the clips are placed about: EF beat by beat,
        and its error against the number of beats. Recordings without a beat are left out, and counted.
    beat_rule:
        With `--beats`: by which range of the area an end-systole stands out; `power` is EchoNet-Dynamic's code to the
        letter.
    phases:
        Of UVT: also read end-diastole and end-systole of every recording, compare them with the traced frames, and say
        which recordings have no rhythm to it.
    discs:
        Of co-learning and of EchoGraphs: also measure EF by discs from the outlines at ED and ES, and these against the
        readers'.
    shown:
        The data, where they are not the run's own.
    out:
        Folder for the result [default: RUN/evaluation/SPLIT-CLIPS, or WEIGHTS-results/evaluation/SPLIT-CLIPS-on-DATA].
    computing:
        How the model computes.
    precision:
        Number format of the encoder: `bf16` is faster on GPUs, and right to about three digits.
    resamples:
        Bootstrap resamples behind the intervals.
    seed:
        Seed of the resamples.
    """
    shown = shown or TestedData()
    computing = computing or Computing()
    from rich.console import Console

    from coreecho.evaluation.evaluate import evaluate as evaluate_subject
    from coreecho.evaluation.protocol import Protocol
    from coreecho.report.evaluation import pictures_of
    from coreecho.report.shipped_model import say_default
    from coreecho.report.tables import metrics_table
    from coreecho.report.worth_drawing import worth_table

    say_default(model)
    subject = shown.subject(model)
    _check_measurable(subject, computing, phases=phases, discs=discs)
    index = None
    if beats is not None:
        index = _place_at_beats(subject, beats, beat_rule, split, out, computing, start_index)
        start_index = index.path
    protocol = Protocol(
        split=split,
        clips=clips,
        step=step,
        start_index=start_index,
        is_partial=index is not None,
        resamples=resamples,
        seed=seed,
        precision=precision,
    )
    evaluation = evaluate_subject(
        subject,
        protocol,
        out=out,
        batch_size=computing.batch_size,
        device=computing.device,
        allow_overlap=shown.allow_overlap,
        draw=pictures_of,
        show_progress=True,
    )
    console = Console()
    title = f"{model}: {evaluation.tested}"
    if evaluation.overlap_label is not None:
        title += f"\n{evaluation.overlap_label}"
    console.print(metrics_table(evaluation.metrics, title=title, is_phantom=evaluation.is_phantom))
    if evaluation.worth is not None:
        if not evaluation.worth.is_of_few:
            console.print(worth_table(evaluation.worth, is_phantom=evaluation.is_phantom))
        for line in evaluation.worth.words:
            console.print(f"{line}.", markup=False)
    for note in evaluation.notes:
        console.print(f"Note: {note}.", markup=False)
    if index is not None:
        _show_beats(console, subject, index, protocol, evaluation.folder)
    for measured in _measured_beside(subject, evaluation, protocol, computing, phases=phases, discs=discs):
        console.print(f"Note: {measured.note}.", markup=False)
    pictures = ", with pictures" if pictures_of(evaluation) else ""
    console.print(f"Predictions and metrics{pictures}: {evaluation.folder}", markup=False, soft_wrap=True)
    return 0


def _check_measurable(subject: "Subject", computing: Computing, *, phases: bool, discs: bool) -> None:
    """Before hours of predicting. Raises RecipeError: the model does not read what is asked for."""
    if phases:
        from coreecho.ventricle.run_phases import check_reads_phases

        check_reads_phases(subject, computing.device)
    if discs:
        from coreecho.ventricle.run_discs import check_outlines_ends

        check_outlines_ends(subject)


def _measured_beside(
    subject: "Subject",
    evaluation: "Evaluation[Any]",
    protocol: "Protocol",
    computing: Computing,
    *,
    phases: bool,
    discs: bool,
) -> "Iterator[PhaseResults | DiscResults]":
    """What else a network reads of the recordings, as far as it is asked for."""
    from coreecho.ventricle.run_discs import measure_discs
    from coreecho.ventricle.run_phases import measure_phases

    known = set(evaluation.predictions["recording"])
    asked = [recording for recording in subject.recordings(protocol.split) if recording.id in known]
    beside = subject, evaluation.predictions, asked, evaluation.folder
    if phases:
        yield measure_phases(*beside, device=computing.device, show_progress=True)
    if discs:
        yield measure_discs(
            *beside,
            device=computing.device,
            resamples=protocol.resamples,
            seed=protocol.seed,
            show_progress=True,
        )


def _place_at_beats(
    subject: "Subject",
    weights: Path,
    rule: "RangeRule",
    split: Asked,
    out: Path | None,
    computing: Computing,
    start_index: Path | None,
) -> "BeatIndex":
    """Find where the clips about the end-systoles of a split start. Raises RecipeError: starts are given as well."""
    from coreecho.models.segmenter import load_segmenter
    from coreecho.ventricle.run_beats import place_at_beats

    if start_index is not None:
        raise RecipeError("`--beats` says where clips start, and so does `--start-index`: give one of them.")
    return place_at_beats(
        subject,
        load_segmenter(weights, device=computing.device),
        subject.some_recordings(split),
        out or subject.result_folder("evaluation", f"{split}-starts-beats"),
        rule=rule,
        show_progress=True,
    )


def _show_beats(console: "Console", subject: "Subject", index: "BeatIndex", protocol: "Protocol", folder: Path) -> None:
    """Say how many beats there were, and write what more of them bring."""
    from coreecho.ventricle.run_beats import error_by_beats, write_errors

    errors = error_by_beats(subject, index, protocol, subject.recordings(protocol.split))
    write_errors(folder, errors)
    console.print(f"Note: {index.note}.", markup=False)
    for row in errors.to_dict("records"):
        beats, tried = counted(row["num_beats"], "beats"), counted(row["num_recordings"], "recordings")
        console.print(f"MAE of {beats}: {row['mae']:.2f} ({tried})", markup=False)

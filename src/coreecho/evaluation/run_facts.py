"""What the folder of a run says of itself: facts for checklists and cards, in words, by name."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import coreecho
from coreecho.datasets import LAYOUTS, Recording
from coreecho.errors import CoReEchoError
from coreecho.inference.subject import as_subject
from coreecho.models.weights import hash_weights
from coreecho.training.run_folder import RunFolder
from coreecho.trust import calibration_path, read_calibration


def run_facts(run: RunFolder) -> dict[str, str]:
    """Tell all that a run knows of itself.

    Args:
        run: finished or not.

    Returns:
        Sentences by name. What the run does not know is not there: a person has to tell it.

    Raises:
        CheckpointError: the run has no weights.
    """
    told = {name: tell(run) for name, tell in _FACTS.items()}
    return {name: text for name, text in told.items() if text}


def _task(run: RunFolder) -> str:
    return f"The {run.task.quantity} ({run.task.unit or 'a probability'}) from one apical echocardiogram clip."


def _intended_use(run: RunFolder) -> str:
    return "Research only. Not a medical device: no number of it may guide the care of a patient."


def _data(run: RunFolder) -> str:
    layout = "phantoms in the layout of " if run.data.is_phantom else ""
    return f"{layout}{LAYOUTS.get(run.data.dataset).title}, fingerprint {run.info['data_fingerprint'][:16]}."


def _hearts(run: RunFolder) -> str:
    return "Simulated hearts (phantoms); no patient is in them." if run.data.is_phantom else "Real patients."


def _splits(run: RunFolder) -> str:
    counts = {split: len(ids) for split, ids in run.split_ids.items()}
    parts = ", ".join(f"{split.upper()} {count}" for split, count in counts.items())
    return f"Recordings: {parts}, as the data set or its folds divide them. A patient lies in one part only."


def _recordings(run: RunFolder) -> list[Recording]:
    """Of all splits; none where the data have moved since."""
    try:
        return run.all_recordings
    except CoReEchoError:
        return []


def _label(run: RunFolder) -> str:
    found = []
    for split in ("train", "val", "test"):
        labels = [run.task.label_of(one) for one in _recordings(run) if one.split == split]
        known = [label for label in labels if label is not None]
        if known:
            mean = run.task.say(sum(known) / len(known))
            found.append(f"{split.upper()} {min(known):.1f} to {run.task.say(max(known))}, mean {mean}")
    return "; ".join(found) + "." if found else ""


def _label_source(run: RunFolder) -> str:
    sources = sorted({one.ef_source for one in _recordings(run) if one.ef_source})
    if run.data.is_phantom:
        return "The volumes of the simulated ventricle."
    return f"The data set's own: {', '.join(sources)}." if sources else "The data set's own label."


def _missing(run: RunFolder) -> str:
    recordings = _recordings(run)
    if not recordings:
        return ""
    unknown = sum(run.task.label_of(one) is None for one in recordings)
    outside = sum(one.split is None for one in recordings)
    return (
        f"{unknown} of {len(recordings)} recordings without a label; {outside} in no split. Neither are learned from."
    )


def _input(run: RunFolder) -> str:
    shape = run.recipe.input
    how = "a whole beat, interpolated in time" if shape.is_whole_beat else f"every {shape.stride}. frame"
    return f"{shape.num_frames} grey frames ({how}), {shape.frame_size} x {shape.frame_size} pixels."


def _preparation(run: RunFolder) -> str:
    mean, std = (
        ", ".join(f"{value:.4f}" for value in values) for values in (run.recipe.input.mean, run.recipe.input.std)
    )
    return (
        "Screens are cropped to their ultrasound sector and all around it is masked; pictures are resized, and "
        f"normalised by mean ({mean}) and standard deviation ({std}). All splits alike."
    )


def _frame_rates(run: RunFolder) -> str:
    trained_on = as_subject(run).trained_on
    if trained_on is None:
        return ""
    low, high = trained_on.fps_range
    return f"Frame rates of the training videos, 5th to 95th percentile: {low:g} to {high:g} per second."


def _model(run: RunFolder) -> str:
    card = as_subject(run).card
    return f"{card.encoder} with the head {card.head}, {card.num_parameters:,} parameters in its file."


def _output(run: RunFolder) -> str:
    thresholds = ", ".join(f"{threshold:g}" for threshold in run.task.thresholds)
    judged = f" Judged also at {thresholds} {run.task.unit}." if thresholds else ""
    return f"One number a recording: {run.task.output}, the mean over evenly placed clips.{judged}"


def _training(run: RunFolder) -> str:
    settings = run.recipe.to_mapping()
    told = ", ".join(f"{name} {value}" for name, value in settings.items() if not isinstance(value, dict))
    return f"Objective {run.recipe.objective}. All settings: {told}."


def _selection(run: RunFolder) -> str:
    recipe = run.recipe
    if recipe.select == "last":
        return "The weights of the last epoch; nothing was chosen."
    return f"The epoch with the best {run.task.selection} on the {recipe.select_on.upper()} split."


def _start(run: RunFolder) -> str:
    sha = run.info.get("init_sha256")
    return "Random weights." if sha is None else f"Weights from a file, SHA-256 {sha[:16]}."


def _results(run: RunFolder) -> str:
    lines = []
    for where, document in _evaluations(run):
        metrics = [
            f"{name} {entry['estimate']:.3g} ({entry['low']:.3g} to {entry['high']:.3g})"
            for name, entry in document["metrics"].items()
            if entry.get("estimate") is not None and entry.get("low") is not None
        ]
        kind = "phantom result" if document.get("is_phantom") else "result on real hearts"
        lines.append(f"{where} ({kind}, {document['num_recordings']} recordings): {', '.join(metrics)}.")
    return " ".join(lines)


def _metrics(run: RunFolder) -> str:
    found = _evaluations(run)
    return f"{', '.join(found[0][1]['metrics'])}." if found else ""


def _uncertainty(run: RunFolder) -> str:
    found = _evaluations(run)
    if not found:
        return ""
    bootstrap = found[0][1]["bootstrap"]
    methods = sorted({str(entry.get("method")) for entry in found[0][1]["metrics"].values()})
    return (
        f"{100 * bootstrap['level']:g} % intervals by the {', '.join(methods)}, "
        f"{bootstrap['resamples']:,} resamples, seed {bootstrap['seed']}."
    )


def _evaluated(run: RunFolder) -> str:
    places = [where for where, _ in _evaluations(run)]
    return f"Evaluated: {', '.join(places)}." if places else ""


def _overlap(run: RunFolder) -> str:
    labels = [f"{where}: {document['overlap']}" for where, document in _evaluations(run) if "overlap" in document]
    return (
        "Recordings are compared by their id and by the content of their frames; whatever was trained on is refused in "
        f"evaluations. {'; '.join(labels) if labels else 'No evaluation here has any.'}"
    )


def _coverage(run: RunFolder) -> str:
    lines = []
    for where, document in _evaluations(run):
        worth = document.get("worth")
        if worth:
            lines.append(
                f"{where}: {100 * worth['level']:g} % intervals held {100 * worth['coverage']:.1f} % "
                f"(promised {100 * worth['promised']:.1f} %, p {worth['p_value']:.2g})."
            )
    return " ".join(lines)


def _subgroups(run: RunFolder) -> str:
    lines = []
    for where, document in _evaluations(run):
        groups = (document.get("worth") or {}).get("groups", [])
        told = [
            f"{group['grouping']} {group['group']} (n {group['num_recordings']}): MAE {group['mae']:.1f}"
            for group in groups
            if group["grouping"] != "all"
        ]
        if told:
            lines.append(f"{where}: {'; '.join(told)}.")
    return " ".join(lines)


def _calibration(run: RunFolder) -> str:
    path = calibration_path(run.best_weights)
    if not path.exists():
        return ""
    return read_calibration(path).intervals.words


def _refusal(run: RunFolder) -> str:
    path = calibration_path(run.best_weights)
    gate = read_calibration(path).gate if path.exists() else None
    if gate is None:
        return ""
    checks = ", ".join(check.definition.label for check in gate.checks)
    return f"Each clip is called good, doubtful or outside, with reasons, by these checks: {checks}."


def _explained(run: RunFolder) -> str:
    return "Grad-CAM, nearest training recordings and a map of embeddings can be made of any clip."


def _failures(run: RunFolder) -> str:
    page = run.path / "report.html"
    return (
        "The recordings of the largest errors, as films with Grad-CAM, are in the run's report."
        if page.exists()
        else ""
    )


def _limits(run: RunFolder) -> str:
    limits = ["One data set, one seed of the training."]
    if run.data.is_phantom:
        limits.append("Simulated hearts only: no result here is one on patients.")
    return " ".join(limits)


def _software(run: RunFolder) -> str:
    return ", ".join(f"{name} {version}" for name, version in run.info["versions"].items()) + "."


def _hardware(run: RunFolder) -> str:
    return ", ".join(f"{name} {value}" for name, value in run.info["hardware"].items()) + "."


def _weights(run: RunFolder) -> str:
    return f"{run.best_weights.name}, SHA-256 {hash_weights(run.best_weights)}."


_FACTS: Mapping[str, Callable[[RunFolder], str]] = {
    "task": _task,
    "intended_use": _intended_use,
    "data": _data,
    "hearts": _hearts,
    "splits": _splits,
    "label": _label,
    "label_source": _label_source,
    "missing": _missing,
    "input": _input,
    "preparation": _preparation,
    "frame_rates": _frame_rates,
    "model": _model,
    "output": _output,
    "training": _training,
    "selection": _selection,
    "start": _start,
    "ensemble": lambda run: "None: one model; several clips of a recording are averaged.",
    "metrics": _metrics,
    "uncertainty": _uncertainty,
    "results": _results,
    "evaluated": _evaluated,
    "overlap": _overlap,
    "coverage": _coverage,
    "subgroups": _subgroups,
    "calibration": _calibration,
    "refusal": _refusal,
    "imbalance": lambda run: "Nothing was weighted or resampled by class; the recipe says all that was done.",
    "explained": _explained,
    "failures": _failures,
    "limits": _limits,
    "software": _software,
    "hardware": _hardware,
    "seeds": lambda run: f"Seed {run.recipe.seed}; all randomness of the data is a function of it.",
    "code": lambda run: f"coreecho {coreecho.__version__}, Apache-2.0.",
    "weights": _weights,
}


def _evaluations(run: RunFolder) -> list[tuple[str, dict[str, Any]]]:
    """What `coreecho evaluate` left in the folder, by the names of its folders; damaged files are passed over."""
    found = []
    for path in sorted((run.path / "evaluation").glob("*/metrics.json")):
        document = _read(path)
        if document is not None and isinstance(document.get("metrics"), dict) and "bootstrap" in document:
            found.append((path.parent.name, document))
    return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None

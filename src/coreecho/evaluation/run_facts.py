"""What the folder of a run says of itself: facts for checklists and cards, in words, by name."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from coreecho.datasets import LAYOUTS, Recording
from coreecho.documents import read_document
from coreecho.errors import CoReEchoError
from coreecho.evaluation.notes import label_sources
from coreecho.evaluation.weights_facts import (
    ENSEMBLE,
    EXPLAINED,
    INTENDED_USE,
    PHANTOM_LIMIT,
    calibration_fact,
    code_fact,
    frame_rates_fact,
    hearts_fact,
    input_fact,
    model_fact,
    output_fact,
    preparation_fact,
    refusal_fact,
    task_fact,
    weights_fact,
)
from coreecho.evaluation.worth import is_of_all
from coreecho.inference.opening import as_subject
from coreecho.names import counted
from coreecho.training.run_folder import RunFolder

log = logging.getLogger(__name__)


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
    return task_fact(run.task)


def _intended_use(run: RunFolder) -> str:
    return INTENDED_USE


def _data(run: RunFolder) -> str:
    layout = "phantoms in the layout of " if run.data.is_phantom else ""
    return f"{layout}{LAYOUTS.get(run.data.dataset).title}, fingerprint {run.info['data_fingerprint'][:16]}."


def _hearts(run: RunFolder) -> str:
    return hearts_fact(run.data.is_phantom)


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
    sources = label_sources(_recordings(run), run.task)
    if run.data.is_phantom:
        return "The volumes of the simulated ventricle."
    return f"The data set's own: {', '.join(sources)}." if sources else "The data set's own label."


def _missing(run: RunFolder) -> str:
    recordings = _recordings(run)
    if not recordings:
        return ""
    unknown = sum(run.task.label_of(one) is None for one in recordings)
    outside = sum(one.split is None for one in recordings)
    of = counted(len(recordings), "recordings")
    return f"{unknown} of {of} without a label; {outside} in no split. Neither are learned from."


def _input(run: RunFolder) -> str:
    return input_fact(run.recipe.input)


def _preparation(run: RunFolder) -> str:
    return preparation_fact(run.recipe.input)


def _frame_rates(run: RunFolder) -> str:
    return frame_rates_fact(as_subject(run).trained_on)


def _model(run: RunFolder) -> str:
    return model_fact(as_subject(run).card)


def _output(run: RunFolder) -> str:
    return output_fact(run.task)


def _training(run: RunFolder) -> str:
    settings = run.recipe.to_mapping()
    told = ", ".join(f"{name} {value}" for name, value in settings.items() if not isinstance(value, dict))
    return f"Objective {run.recipe.objective}. All settings: {told}."


def _selection(run: RunFolder) -> str:
    chosen_on = run.recipe.chosen_on
    if chosen_on is None:
        return "The weights of the last epoch; nothing was chosen."
    return f"The epoch with the best {run.task.selection} on the {chosen_on.upper()} split."


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
        lines.append(f"{where} ({kind}, {counted(document['num_recordings'], 'recordings')}): {', '.join(metrics)}.")
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
            if not is_of_all(group["grouping"])
        ]
        if told:
            lines.append(f"{where}: {'; '.join(told)}.")
    return " ".join(lines)


def _calibration(run: RunFolder) -> str:
    return calibration_fact(run.best_weights)


def _refusal(run: RunFolder) -> str:
    return refusal_fact(run.best_weights)


def _explained(run: RunFolder) -> str:
    return EXPLAINED


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
        limits.append(PHANTOM_LIMIT)
    return " ".join(limits)


def _software(run: RunFolder) -> str:
    return ", ".join(f"{name} {version}" for name, version in run.info["versions"].items()) + "."


def _hardware(run: RunFolder) -> str:
    return f"{run.hardware_words}."


def _weights(run: RunFolder) -> str:
    return weights_fact(run.best_weights)


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
    "ensemble": lambda run: ENSEMBLE,
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
    "code": lambda run: code_fact(),
    "weights": _weights,
}


def _evaluations(run: RunFolder) -> list[tuple[str, dict[str, Any]]]:
    """What `coreecho evaluate` left in the folder, by the names of its folders; damaged files are named in the log."""
    found = []
    for path in sorted((run.path / "evaluation").glob("*/metrics.json")):
        document = _read(path)
        if document is not None and isinstance(document.get("metrics"), dict) and "bootstrap" in document:
            found.append((path.parent.name, document))
    return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return read_document(path, dict[str, Any], kind="record of an evaluation")
    except CoReEchoError as error:
        log.warning("an evaluation is left out of what the run says of itself: %s", error)
        return None

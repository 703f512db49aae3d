"""What weights say of themselves: facts for checklists and cards, in words, by name.

A run knows more (`run_facts`), and says these in the same words. A file of weights knows what stands on its card, the
model that ships also what is on record of it.
"""

from pathlib import Path

import coreecho
from coreecho.evaluation.model_record import Made, Measured, ModelRecord, read_record
from coreecho.models.card import TrainedOn, WeightsCard
from coreecho.models.model_input import ModelInput
from coreecho.models.weights import describe_weights, hash_weights
from coreecho.shipped import default_record, is_default, resolve
from coreecho.tasks import Task
from coreecho.trust import calibration_path, read_calibration

INTENDED_USE = "Research only. Not a medical device: no number of it may guide the care of a patient."
ENSEMBLE = "None: one model; several clips of a recording are averaged."
EXPLAINED = "Grad-CAM, nearest training recordings and a map of embeddings can be made of any clip."
PHANTOM_LIMIT = "Simulated hearts only: no result here is one on patients."


def weights_facts(model: str | Path) -> dict[str, str]:
    """Tell all that weights know of themselves without the run that made them.

    Args:
        model: a file of weights, or `default` for the model that ships.

    Returns:
        Sentences by name. What is not known is not there: a person has to tell it.

    Raises:
        CheckpointError: there are no such weights, or they read nothing.
        CoReEchoError: the record of the model that ships is damaged.
    """
    path = resolve(model)
    card = describe_weights(path)
    facts = {
        "intended_use": INTENDED_USE,
        "model": model_fact(card),
        "calibration": calibration_fact(path),
        "refusal": refusal_fact(path),
        "explained": EXPLAINED,
        "ensemble": ENSEMBLE,
        "code": code_fact(),
        "weights": weights_fact(path),
    }
    if card.task is not None:
        facts |= {"task": task_fact(card.task), "output": output_fact(card.task)}
    if card.model_input is not None:
        facts |= {"input": input_fact(card.model_input), "preparation": preparation_fact(card.model_input)}
    if card.trained_on is not None:
        facts |= _of_training(card.trained_on)
    if is_default(model):
        facts |= _of_record(read_record(default_record()), path.stem)
    return {name: text for name, text in facts.items() if text}


def _of_training(trained_on: TrainedOn) -> dict[str, str]:
    hearts = "simulated hearts" if trained_on.is_phantom else "recordings"
    return {
        "hearts": hearts_fact(trained_on.is_phantom),
        "data": f"{trained_on.num_recordings} {hearts} in the layout of {trained_on.dataset} were learned from.",
        "frame_rates": frame_rates_fact(trained_on),
        "training": f"Recipe {trained_on.recipe}; {trained_on.weights_in_words}.",
        "limits": PHANTOM_LIMIT if trained_on.is_phantom else "",
    }


def _of_record(record: ModelRecord, model: str) -> dict[str, str]:
    """What is on record of a model that ships."""
    made = next((each for each in record.made if each.model == model), None)
    measured = [each for each in record.measured if each.model == model]
    facts = {} if made is None else _of_making(made)
    if measured:
        facts |= {
            "results": " ".join(map(_result, measured)),
            "evaluated": f"Evaluated: {'; '.join(dict.fromkeys(each.on for each in measured))}.",
            "metrics": f"{', '.join(dict.fromkeys(figure.name for each in measured for figure in each.figures))}.",
        }
    return facts


def _of_making(made: Made) -> dict[str, str]:
    return {
        "training": f"{'; '.join(made.trainings)}. Kept: {made.how}.",
        "splits": f"Simulated hearts: {'; '.join(made.phantoms)}.",
        "label_source": "The volumes of the simulated ventricle.",
        "seeds": f"The seeds of hearts and trainings stand beside them; commit {made.commit}.",
    }


def _result(measured: Measured) -> str:
    figures = ", ".join(f"{figure.name} {figure.text} {figure.unit}".rstrip() for figure in measured.figures)
    return (
        f"{measured.on} (result on {measured.hearts} hearts, {measured.count} recordings, against {measured.against}): "
        f"{figures}."
    )


def task_fact(task: Task) -> str:
    """What is read."""
    return f"The {task.quantity} ({task.unit or 'a probability'}) from one apical echocardiogram clip."


def hearts_fact(is_phantom: bool) -> str:
    """Whose they are."""
    return "Simulated hearts (phantoms); no patient is in them." if is_phantom else "Real patients."


def input_fact(shape: ModelInput) -> str:
    """What the model sees."""
    how = "a whole beat, interpolated in time" if shape.is_whole_beat else f"every {shape.stride}. frame"
    return f"{shape.num_frames} grey frames ({how}), {shape.frame_size} x {shape.frame_size} pixels."


def preparation_fact(shape: ModelInput) -> str:
    """What is done to pictures before the model sees them."""
    mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (shape.mean, shape.std))
    return (
        "Screens are cropped to their ultrasound sector and all around it is masked; pictures are resized, and "
        f"normalised by mean ({mean}) and standard deviation ({std}). All splits alike."
    )


def frame_rates_fact(trained_on: TrainedOn | None) -> str:
    """Of the training videos; empty where they are not known."""
    if trained_on is None:
        return ""
    low, high = trained_on.fps_range
    return f"Frame rates of the training videos, 5th to 95th percentile: {low:g} to {high:g} per second."


def model_fact(card: WeightsCard) -> str:
    """Network and size."""
    return f"{card.encoder} with the head {card.head}, {card.num_parameters:,} parameters in its file."


def output_fact(task: Task) -> str:
    """What comes out, and at which thresholds it is judged."""
    thresholds = ", ".join(f"{threshold:g}" for threshold in task.thresholds)
    judged = f" Judged also at {thresholds} {task.unit}." if thresholds else ""
    return f"One number a recording: {task.output}, the mean over evenly placed clips.{judged}"


def calibration_fact(weights: Path) -> str:
    """How intervals were made; empty where there are none."""
    path = calibration_path(weights)
    return read_calibration(path).intervals.words if path.exists() else ""


def refusal_fact(weights: Path) -> str:
    """How clips are found that the model does not know; empty where nothing does."""
    path = calibration_path(weights)
    gate = read_calibration(path).gate if path.exists() else None
    if gate is None:
        return ""
    checks = ", ".join(check.definition.label for check in gate.checks)
    return f"Each clip is called good, doubtful or outside, with reasons, by these checks: {checks}."


def weights_fact(weights: Path) -> str:
    """Which file it is."""
    return f"{weights.name}, SHA-256 {hash_weights(weights)}."


def code_fact() -> str:
    """Which code it is of."""
    return f"coreecho {coreecho.__version__}, Apache-2.0."

"""The page about the models that ship, in Markdown: written by a program from the weights' cards and the record."""

from collections.abc import Sequence
from pathlib import Path

from coreecho.evaluation.model_record import Hearts, Made, Measured, ModelRecord
from coreecho.models.card import TrainedOn, WeightsCard
from coreecho.models.segmenter_card import SegmenterCard, card_from_json
from coreecho.models.weights import read_state
from coreecho.shipped import RESEARCH_MODEL

_HEARTS: dict[Hearts, str] = {
    "phantom": "Phantom results: simulated hearts, not patients",
    "generated": "Generated clips: drawn by a diffusion model that its authors trained on real echo; no patient is in "
    "them. Looked at to choose between models, never trained on, so that these figures flatter a little",
}
# Of the figures of what outlines ventricles.
_WHOLE_BEATS = """EF of beats is that of the whole beats of each clip, without those at whose end-diastole or
end-systole the outline lies elsewhere than in most frames of the clip.
"""
_HEAD = f"""# The models that ship

`coreecho predict`, `explain`, `neighbours`, `map` and `segment` take these where no `--model` is given, and so does
`Predictor()`. Each is {RESEARCH_MODEL}.

**Not a medical device.** No number, outline or picture of theirs may guide the care of a patient.

## What they are for

- To try the package on a clip of one's own, with nothing to download.
- To start from: `coreecho train ... --init default`, `coreecho transfer ... --from default`.
- To study what carries over from simulated hearts to real ones.

## What they are not

- They have seen no patient, in training or in choosing. How far they are right on a patient's clip is not known.
- They know apical four-chamber clips alone, and adults' hearts alone.
- Failing hearts are the hardest: an EF below 40 % may be read too high.
- Intervals and words of trust beside an EF were learned on simulated hearts, and promise nothing of patients.
"""


def model_page(folder: Path, record: ModelRecord) -> str:
    """Write the page.

    Args:
        folder: of the weights that ship.
        record: of how they were made, and what was measured.

    Returns:
        Markdown.

    Raises:
        CheckpointError: weights of the record are missing or damaged.
    """
    parts = [_HEAD]
    for made in record.made:
        card = card_from_json(read_state(folder / f"{made.model}.safetensors")[1])
        measured = [each for each in record.measured if each.model == made.model]
        parts += [f"## `{made.model}`\n", _facts(made, card), *_tables(measured)]
        if measured and isinstance(card, SegmenterCard):
            parts.append(_WHOLE_BEATS)
    parts.append("This page is written by `make default-models` from the weights' cards and `default-models.json`.\n")
    return "\n".join(parts)


def _facts(made: Made, card: WeightsCard | SegmenterCard) -> str:
    facts = card.facts
    rows = [
        ("Reads", facts["Reads"]),
        ("Network", f"{facts['Network']}; {made.parameters / 1e6:.2f} million parameters, {made.megabytes:g} MB"),
        ("Sees", facts["Sees"]),
        *((("Time", f"{made.seconds_a_clip:.2g} s a clip on one core"),) if made.seconds_a_clip is not None else ()),
        ("Trained on", "; ".join((*made.phantoms, *_range(card.trained_on)))),
        ("Trainings", "; ".join(made.trainings)),
        ("Weights", made.how),
        ("Code", f"commit `{made.commit}`; `make default-models` makes it again"),
        ("Licence", card.licence),
        ("Intended use", "research and teaching; a start for training on data of one's own"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), ""])


def _range(trained_on: TrainedOn | None) -> list[str]:
    if trained_on is None:
        return []
    low, high = trained_on.fps_range
    rates = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    said = [f"{trained_on.num_recordings} of them trained the kept weights", f"{rates} frames a second"]
    if trained_on.label_range is not None:
        said.append("labels from {:.0f} to {:.0f}".format(*trained_on.label_range))
    return [", ".join(said)]


def _tables(measured: Sequence[Measured]) -> list[str]:
    """A table for each kind of hearts, and for those of it that have the same figures."""
    kinds = {(each.hearts, tuple((figure.name, figure.unit) for figure in each.figures)): None for each in measured}
    tables = []
    for hearts, names in kinds:
        rows = [
            each
            for each in measured
            if (each.hearts, tuple((figure.name, figure.unit) for figure in each.figures)) == (hearts, names)
        ]
        levels = {figure.level for row in rows for figure in row.figures if figure.low is not None}
        intervals = f" In brackets: {min(levels):.0%} bootstrap intervals." if levels else ""
        head = ["", "against", "clips", *(f"{name}, {unit}" if unit else name for name, unit in names)]
        tables += [
            f"*{_HEARTS[hearts]}.*{intervals}\n",
            "| " + " | ".join(head) + " |",
            "|" + "---|" * len(head),
            *(
                "| " + " | ".join([row.on, row.against, str(row.count), *(each.text for each in row.figures)]) + " |"
                for row in rows
            ),
            "",
            *(f"`{command}`\n" for command in dict.fromkeys(row.command for row in rows)),
        ]
    return tables

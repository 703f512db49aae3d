"""`coreecho import-weights`: published checkpoints become safetensors with a card."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from coreecho.models.card import WeightsCard
    from coreecho.models.segmenter_card import SegmenterCard


def import_weights_command(file: Path, out: Path, /, *, licence: str | None = None, source: str | None = None) -> None:
    """Turn a published checkpoint into a safetensors file that training and prediction can use.

    Understood are UniFormer's Kinetics checkpoints (such as `uniformer_small_k400_16x8.pth` from the Hugging Face
    repository Sense-X/uniformer_video), torchvision's video ResNets, also with a stem of one channel, and the EF models
    of EchoNet-Dynamic, EchoCoTr, CoReEcho, UVT and EchoGraphs. The first two hold an encoder: start a training from OUT
    by `coreecho train ... --init OUT`. The others hold a head too: predict with them by `coreecho predict CLIP --model
    OUT`. The segmentation of EchoNet-Dynamic and EchoGraphs of single frames outline the left ventricle: `coreecho
    segment CLIP --model OUT`.

    The file is read without running any code that it may contain. It is refused if it does not fit: nothing is ever
    left at random values in silence. What was loaded, skipped and missing is printed.

    Args:
        file: The published checkpoint (.pth or .pt).
        out: Where to write the weights; the usual suffix is .safetensors.
        licence: Licence to note on the card, instead of that of the publication's repository.
        source: Source to note on the card, instead of the publication's name.
    """
    # Imported here, so that `coreecho import-weights --help` does not wait for torch.
    from coreecho.models.published_segmenters import holds_segmenter, import_segmenter
    from coreecho.models.weights import import_weights, save_state
    from coreecho.report.plain_table import plain_table

    card: WeightsCard | SegmenterCard
    skipped: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    if holds_segmenter(file):
        outlining = import_segmenter(file, source=source, licence=licence)
        state, card, loaded, name = outlining.state, outlining.card, outlining.loaded, outlining.card.network
    else:
        reading = import_weights(file, source=source, licence=licence)
        state, card, loaded, name = reading.state, reading.card, reading.loaded, reading.card.encoder
        skipped, missing = reading.skipped, reading.missing
    save_state(out, state, card)

    outcomes = (
        (loaded, "loaded"),
        (skipped, "skipped: a classifier that the encoder here does not have"),
        (missing, "missing: the regression head; it starts untrained"),
    )
    rows = [(part, str(count), outcome) for names, outcome in outcomes for part, count in _parts(names).items()]
    title = f"{file.name}: {name}, {card.num_parameters:,} parameters"
    table = plain_table(("part", "entries", ""), rows, numbers=("entries",), title=title)
    console = Console()
    console.print(table)
    console.print(f"source   {card.source}", markup=False, highlight=False)
    console.print(f"licence  {card.licence}", markup=False, highlight=False)
    console.print(f"written  {out}", markup=False, highlight=False, soft_wrap=True)


def _parts(names: Iterable[str]) -> Counter[str]:
    """Count entries by the part of the network that they belong to, in order."""
    containers = ("model", "state_dict")
    parts: Counter[str] = Counter()
    for name in names:
        words = name.split(".")
        parts[".".join(words[: 2 if words[0] in containers else 1])] += 1
    return parts

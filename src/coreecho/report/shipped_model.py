"""The line that says what the model is that ships with the package, wherever it is used."""

from pathlib import Path

from rich.console import Console

from coreecho.shipped import ShippedKind, default_notice, is_default


def say_default(model: str | Path, kind: ShippedKind = "ef") -> None:
    """Say on stderr what the default model is, where it is the one that is used.

    Args:
        model: as the user gave it.
        kind: which of the default models.
    """
    if is_default(model):
        Console(stderr=True).print(default_notice(kind), markup=False, highlight=False, soft_wrap=True)

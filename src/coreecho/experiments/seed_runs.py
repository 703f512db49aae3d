"""One recipe trained with several seeds: which they are, and where each lies."""

import re
from pathlib import Path

from coreecho.errors import RecipeError
from coreecho.names import readable

_FOLDER = "seed-"
# Far more than anybody trains, and soon enough for a slip such as 0:50000000 to be seen.
_MOST = 1000


def parse_seeds(text: str) -> list[int]:
    """Read seeds as people type them: `0:5` are 0 to 4, as in Python; `1,2,7` are these.

    Raises:
        RecipeError: it is neither, names a seed twice, or names none.
    """
    if match := re.fullmatch(r"(\d+):(\d+)", text.strip()):
        first, end = (int(number) for number in match.groups())
        numbers = list(range(first, min(end, first + _MOST + 1)))
    elif re.fullmatch(r"\d+(,\d+)*", text.strip().replace(" ", "")):
        numbers = [int(number) for number in text.split(",")]
    else:
        numbers = []
    if not 1 <= len(numbers) <= _MOST or len(set(numbers)) != len(numbers):
        raise RecipeError(
            f"`--seeds` is {readable(text)}, expected whole numbers, each once and at most {_MOST}: `0:5` for 0 to 4, "
            "or `1,2,7`."
        )
    return numbers


def seed_folder(folder: Path, seed: int) -> Path:
    """Where the run of a seed lies."""
    return folder / f"{_FOLDER}{seed}"


def seeds_in(folder: Path) -> dict[int, Path]:
    """The runs of several seeds that lie in a folder, by their seeds, in order; none where it is no such folder."""
    found = {}
    for path in folder.glob(f"{_FOLDER}*") if folder.is_dir() else ():
        number = path.name.removeprefix(_FOLDER)
        if number.isdecimal() and (path / "run.json").is_file():
            found[int(number)] = path
    return dict(sorted(found.items()))

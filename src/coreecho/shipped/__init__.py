"""The models that ship with the package: which files they are, by what name they are asked for, and what they are.

    shipped/default-ef.safetensors      reads the EF; float16 where `coreecho.models.weights` says so
    shipped/default-ef.references.npz   what it makes of some simulated hearts that it has not learned from
    shipped/default-ef.calibration.json what its errors on other simulated hearts were, where the build has it
    shipped/default-lv.safetensors      outlines the left ventricle

`make default-models` makes them again. Whatever takes the path of a run or of weights also takes the name `default`.
"""

import difflib
from pathlib import Path
from typing import Literal

from coreecho.errors import CheckpointError

# What is read: the EF, or the outline of the left ventricle.
ShippedKind = Literal["ef", "lv"]

# Instead of the path of a run or of weights.
DEFAULT = "default"
# Instead of the path of what may be left out, such as a segmenter.
NONE = "none"
RESEARCH_MODEL = "a research model that has seen no patient, only simulated hearts (phantoms)"

# Below it lie the files; tests put others in their place.
FOLDER = Path(__file__).parent


def is_default(model: object) -> bool:
    """Whether the model that ships is meant, by its name or by its file.

    A folder of that name is given by its whole path, or by `../`.
    """
    return isinstance(model, str | Path) and (str(model) == DEFAULT or Path(model).parent == FOLDER)


def default_weights(kind: ShippedKind = "ef") -> Path:
    """The weights that ship with the package.

    Raises:
        CheckpointError: this build has none.
    """
    return _file(f"{DEFAULT}-{kind}.safetensors")


def has_default(kind: ShippedKind) -> bool:
    """Whether this build ships such weights."""
    return (FOLDER / f"{DEFAULT}-{kind}.safetensors").is_file()


def default_references() -> Path:
    """What the default model makes of simulated hearts: their embeddings, EF and a frame of each.

    Raises:
        CheckpointError: this build has none.
    """
    return _file(f"{DEFAULT}-ef.references.npz")


def default_record() -> Path:
    """How the models that ship were made, and what was measured of them.

    Raises:
        CheckpointError: this build has none.
    """
    return _file(f"{DEFAULT}-models.json")


def resolve(model: str | Path, kind: ShippedKind = "ef") -> Path:
    """The path that is meant by what a user gives for a model: a path as it is, and for `default` that of the weights.

    Raises:
        CheckpointError: the default is meant, and this build has none.
    """
    return default_weights(kind) if str(model) == DEFAULT else Path(model)


def meant_default(model: str | Path) -> str:
    """A question for whoever gave a model that is not there, where its name is nearly that of the one that ships."""
    is_near = bool(difflib.get_close_matches(str(model).casefold(), [DEFAULT], cutoff=0.7))
    return f" Did you mean `{DEFAULT}`, the model that ships with coreecho?" if is_near else ""


def default_notice(kind: ShippedKind = "ef") -> str:
    """One line for whoever uses the default: what it is, and that a folder of its name is not it."""
    what = "reads the EF" if kind == "ef" else "outlines the left ventricle"
    hidden = f" The folder ./{DEFAULT} is another model: give its whole path." if Path(DEFAULT).exists() else ""
    return f"The model that ships with coreecho {what}: {RESEARCH_MODEL}.{hidden}"


def _file(name: str) -> Path:
    path = FOLDER / name
    if not path.is_file():
        raise CheckpointError(
            f"This build of coreecho ships no {name}. Give a model of your own by `--model RUN` (from Python "
            f"`Predictor(RUN)`), install a complete build, or make the file in a clone: `make default-models`."
        )
    return path

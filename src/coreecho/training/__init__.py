"""How a model learns: recipe -> run folder."""

from typing import TYPE_CHECKING, Any

from coreecho.later import import_from

if TYPE_CHECKING:
    from coreecho.training.data_folder import DataFolder
    from coreecho.training.hardware import Hardware
    from coreecho.training.recipe import Recipe
    from coreecho.training.recipe_files import find_recipe, recipe_names
    from coreecho.training.run import resume, train
    from coreecho.training.run_folder import RunFolder

__all__ = ["DataFolder", "Hardware", "Recipe", "RunFolder", "find_recipe", "recipe_names", "resume", "train"]

_ROOM_OF = {
    "DataFolder": "coreecho.training.data_folder",
    "Hardware": "coreecho.training.hardware",
    "Recipe": "coreecho.training.recipe",
    "RunFolder": "coreecho.training.run_folder",
    "find_recipe": "coreecho.training.recipe_files",
    "recipe_names": "coreecho.training.recipe_files",
    "resume": "coreecho.training.run",
    "train": "coreecho.training.run",
}


def __getattr__(name: str) -> Any:
    return import_from(_ROOM_OF, name, package=__name__)

"""Where recipes lie: those that come with the package, by their names, and any other by its path."""

from importlib import resources
from pathlib import Path

from coreecho.checking import nearest
from coreecho.errors import RecipeError


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    shipped = (resources.files("coreecho") / "recipes").iterdir()
    return sorted(entry.name.removesuffix(".yaml") for entry in shipped if entry.name.endswith(".yaml"))


def find_recipe(name_or_path: str) -> Path:
    """Find a shipped recipe by its name, or any other by its path.

    Raises:
        RecipeError: there is neither.
    """
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise RecipeError(f"There is no recipe file {path}.")
        return path
    if name_or_path not in recipe_names():
        close = nearest(name_or_path, recipe_names())
        hint = f" Did you mean {close!r}?" if close else ""
        known = ", ".join(recipe_names())
        raise RecipeError(
            f"There is no recipe {name_or_path!r}.{hint} Shipped with coreecho: {known}; or give the path of a .yaml "
            "file."
        )
    return Path(str(resources.files("coreecho") / "recipes" / f"{name_or_path}.yaml"))

"""How a model learns: recipe -> run folder."""

from coreecho.training.recipe import Recipe, find_recipe, recipe_names
from coreecho.training.run import resume, train
from coreecho.training.run_folder import DataSource, Hardware, RunFolder

__all__ = ["DataSource", "Hardware", "Recipe", "RunFolder", "find_recipe", "recipe_names", "resume", "train"]

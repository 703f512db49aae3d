"""How a model learns: recipe -> run folder."""

from coreecho.training.data_source import DataSource
from coreecho.training.recipe import Recipe, find_recipe, recipe_names
from coreecho.training.run import resume, train
from coreecho.training.run_folder import Hardware, RunFolder

__all__ = ["DataSource", "Hardware", "Recipe", "RunFolder", "find_recipe", "recipe_names", "resume", "train"]

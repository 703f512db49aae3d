"""Each fact has one owner: nobody else decides by the name of a data set, a task, an encoder or a setting.

A decision is a comparison with such a name, or a look at the class of a part. The rooms' own tests see what the owners
answer; here it is counted who decides without asking them.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import coreecho
from coreecho.datasets.layout import LAYOUTS
from coreecho.models import ENCODERS, HEADS, SEGMENTERS
from coreecho.models.model_input import ModelInput
from coreecho.tasks import EF, MI, TASKS
from coreecho.training.parts import OBJECTIVES, OPTIMISERS
from coreecho.training.recipe import Recipe, recipe_names

_SOURCE = Path(coreecho.__file__).parent
_PARTS = (LAYOUTS, TASKS, OBJECTIVES, OPTIMISERS, ENCODERS, HEADS, SEGMENTERS)
# What a name stands for is asked here, where it is not a field of a recipe or an option of a layout.
_SETTINGS = {
    "dataset",
    "layout",
    "task",
    "encoder",
    "head",
    "objective",
    "optimizer",
    "recipe",
    "split",
    "stage",
    "init",
}
_SETTINGS |= {"protocol", "clips", "method", "rule", "difficulty"}
# By the owner's file, or folder: what it may decide of.
_OWNERS = {
    "tasks.py": {"names"},
    "video/clips.py": {"time"},
    "models/model_input.py": {"padding"},
    "training/recipe.py": {"select", "select_on", "trained", "init", "objective", "augmentation"},
    "training/objectives.py": {"views"},
    "training/beat_lessons.py": {"head"},
    "datasets/recording.py": {"names"},
    "datasets/table.py": {"names"},
    **{f"datasets/{name}.py": {"view", "validation", "folds", "end_frame"} for name in ("camus", "hmc_qu")},
    "datasets/echonet_pediatric.py": {"view"},
    "datasets/hmc_qu_sheet.py": {"names"},
    "shipped/__init__.py": {"names"},
    # Arguments of what lies in the same file.
    "datasets/beat_clips.py": {"rule"},
    "evaluation/protocol.py": {"clips"},
    "experiments/transfer.py": {"method"},
    "inference/predictor.py": {"clips"},
    "phantom/settings.py": {"difficulty"},
    "representation/embedding_map.py": {"method"},
    "ventricle/beats.py": {"rule"},
    "ventricle/volume.py": {"method"},
    "video/temporal.py": {"method"},
    # The same words for something else: the order of a clip's axes, and what writes films.
    "models/adapters/module_encoder.py": {"layout"},
    "report/overlay.py": {"encoder"},
}
# Those that are left, each with its reason.
_LEFT = {
    "cli/infarction.py": "a flag of two views, which are two of the chambers and no layout's option",
    "evaluation/calibrating.py": "a split that nobody can be calibrated on, and `all`, which is none",
    "training/run_folder.py": "the splits that a lesson learns and validates from",
    "phantom/view.py": "a cue that simulated hearts of the tested split have not",
}


def _names() -> set[str]:
    """Names of parts and of recipes, and the labels and columns of the tasks."""
    names = {name for parts in _PARTS for name in parts.names()} | set(recipe_names())
    for task in (EF(), MI()):
        names |= {task.label, task.value_name, task.true_column, task.predicted_column, task.output_column}
    return names


def _settings() -> set[str]:
    """Names of settings and options whose values are choices."""
    hints = {name: hint for kind in (Recipe, ModelInput) for name, hint in get_type_hints(kind).items()}
    chosen = {name for name, hint in hints.items() if get_origin(hint) is Literal and get_args(hint)}
    options = {option.name for name in LAYOUTS.names() for option in LAYOUTS.get(name).options if option.choices}
    return _SETTINGS | chosen | options


def _texts(node: ast.AST) -> set[str]:
    """Texts that something is compared with: one, or those of a tuple, a list or a set."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return {text for element in node.elts for text in _texts(element)}
    return set()


def _called(node: ast.AST) -> str | None:
    """What is compared is called: `select` of `recipe.select`, and of `settings["select"]`."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def _decided(tree: ast.AST, names: set[str], settings: set[str]) -> Iterator[tuple[int, set[str]]]:
    """Lines that decide by a name, and of what; `names` where the name alone says so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            operands: list[Any] = [node.left, *node.comparators]
            texts = {text for operand in operands for text in _texts(operand)}
            of = {called for operand in operands if (called := _called(operand)) in settings}
            # In a mapping of that name there are other things than its names.
            is_key = isinstance(node.ops[0], ast.In | ast.NotIn) and not _texts(node.comparators[0])
            if texts and (texts & names or (of and not is_key)):
                yield node.lineno, {str(each) for each in of} or {"names"}
        elif isinstance(node, ast.MatchValue) and _texts(node.value) & names:
            yield node.lineno, {"names"}


def _of_class(tree: ast.AST, parts: set[str]) -> Iterator[int]:
    """Lines that look at the class of a part."""
    for node in ast.walk(tree):
        is_look = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("isinstance", "issubclass")
        if is_look and {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} & parts:
            yield node.lineno


def _trees() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(_SOURCE.rglob("*.py")):
        yield path.relative_to(_SOURCE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def _classes_below(*bases: str) -> set[str]:
    """Names of the classes of the package that derive from some, and not these themselves."""
    parents = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for _, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = set(bases)
    while more := {name for name, of in parents.items() if of & found} - found:
        found |= more
    return found - set(bases)


def test_only_owners_decide_by_name() -> None:
    names, settings = _names(), _settings()
    decided = [
        (file, line, of)
        for file, tree in _trees()
        for line, of in _decided(tree, names, settings)
        if not of <= _OWNERS.get(file, set())
    ]
    unknown = [f"{file}:{line} decides by {', '.join(of)}" for file, line, of in decided if file not in _LEFT]
    assert not unknown, f"ask the owner instead: {unknown}"
    assert len(decided) <= 5
    # Who no longer decides leaves the list.
    assert {file for file, _, _ in decided} == set(_LEFT)


def test_nobody_looks_at_the_class_of_a_part() -> None:
    parts = _classes_below("Task", "Lesson", "Objective", "Layout", "Encoder", "SegmentationNetwork")
    assert {"EF", "RncL1", "UVTEncoder", "EchoGraphsSegmenter"} <= parts
    assert [f"{file}:{line}" for file, tree in _trees() for line in _of_class(tree, parts)] == []
    assert list(_of_class(ast.parse("isinstance(task, EF)"), parts)) == [1]


def test_the_count_sees_every_form() -> None:
    names, settings = _names(), _settings()
    for code in (
        "recipe.select == 'last'",
        "settings['view'] != 'all'",
        "x = 1 if dataset in ('echonet', 'camus') else 2",
        "label == 'ef_percent'",
        "match kind:\n    case 'hmc-qu':\n        pass",
    ):
        assert len(list(_decided(ast.parse(code), names, settings))) == 1, code
    assert not list(_decided(ast.parse("device.type == 'cpu'"), names, settings))

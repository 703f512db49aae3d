"""Each fact has one owner: nobody else decides by the name of a data set, a task, an encoder or a setting.

A decision is a comparison with the name of a part, a label or column of a task, or a value of any `Literal` or option
of the package, whether it is written out or asked of a task that is made for it (`EF().label`); a comparison of the
name of a part with anything; or a look at the class of a part. The owner of a value is the file that declares it. The
rooms' own tests see what the owners answer; here it is counted who decides without asking them.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import coreecho
from coreecho.datasets.layout import LAYOUTS
from coreecho.models import ENCODERS, HEADS, SEGMENTERS
from coreecho.tasks import EF, MI, TASKS
from coreecho.training.parts import OBJECTIVES, OPTIMISERS
from coreecho.training.recipe_files import recipe_names

_SOURCE = Path(coreecho.__file__).parent
_PARTS = (LAYOUTS, TASKS, OBJECTIVES, OPTIMISERS, ENCODERS, HEADS, SEGMENTERS)
# Who says what a name means without a `Literal` of it: the options of a layout, the words of a file from outside.
_OWNERS = {
    "datasets/camus.py": {"all", "blocks"},
    "datasets/echonet_pediatric.py": {"all"},
    "datasets/hmc_qu.py": {"all", "exclusive", "sheet", "names"},
    "datasets/options.py": {"fold"},
    "datasets/recording.py": {"ef_percent"},
    "models/device.py": {"auto"},
}
# The same words for something else: letters of axes and values of file headers, and a mark in a sheet of HMC-QU's.
_OTHER_WORDS = {
    "datasets/hmc_qu_sheet.py": {"mi"},
    "video/arrays.py": {"C"},
    "video/axes.py": {"C"},
    "video/mhd.py": {"true"},
    "video/nrrd.py": {"big"},
}
# Those that are left, each with its reason.
_LEFT = {
    "datasets/hmc_qu.py": "the view that has masks, of those that every recording may have",
    "phantom/settings.py": "a cue that simulated hearts of the tested split have not; splits are the cohort's",
}
# Who compares with what a part is called without writing it out, each with its reason.
_BY_PART = {
    "datasets/layout.py": "the registry of layouts looks for others under other names, whichever these are",
    "inference/prediction.py": "a probability of infarction stands under a name of its own",
    "representation/embedding_files.py": "a column that is there is not written twice",
    "representation/phantom_truth.py": "owns which number of a simulated heart can be moved",
    "training/lesson.py": "owns which task is the usual one",
}
# What is asked of a part to find out which it is, and under what parts go.
_WHICH = {"name", "label", "value_name", "true_column", "predicted_column", "output_column", "noun"}
_CALLED = {"task", "number", "objective", "lesson", "layout", "encoder", "head"}


def _names() -> set[str]:
    """Names of parts and of recipes, and the labels and columns of the tasks."""
    names = {name for parts in _PARTS for name in parts.names()} | set(recipe_names())
    for task in (EF(), MI()):
        names |= {task.label, task.value_name, task.true_column, task.predicted_column, task.output_column}
    return names


def _options() -> set[str]:
    """Values that an option of a layout may have."""
    return {value for name in LAYOUTS.names() for option in LAYOUTS.get(name).options for value in option.choices}


def _choices(tree: ast.AST) -> set[str]:
    """Values of every `Literal` that a file declares: of splits, settings, stages and all that has a few values."""
    return {
        text
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "Literal"
        for text in _texts(node.slice)
    }


def _texts(node: ast.AST) -> set[str]:
    """Texts that something is compared with: one, or those of a tuple, a list or a set."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return {text for element in node.elts for text in _texts(element)}
    return set()


def _decided(tree: ast.AST, names: set[str]) -> Iterator[tuple[int, set[str]]]:
    """Lines that compare something with one of some names, and which."""
    for node in ast.walk(tree):
        compared: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            compared = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            compared = [node.value]
        if found := {text for each in compared for text in _texts(each)} & names:
            yield node.lineno, found


def _of_class(tree: ast.AST, parts: set[str]) -> Iterator[int]:
    """Lines that look at the class of a part."""
    for node in ast.walk(tree):
        is_look = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("isinstance", "issubclass")
        if is_look and {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} & parts:
            yield node.lineno


def _by_part(tree: ast.AST, parts: set[str]) -> Iterator[int]:
    """Lines that compare with what a certain part is called, or the name of some part with anything."""

    def is_made(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and getattr(node.func, "id", "") in parts

    def is_asked(node: ast.AST) -> bool:
        is_kept = isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in kept
        return isinstance(node, ast.Attribute) and node.attr in _WHICH and (is_kept or is_made(node.value))

    kept: set[str] = set()
    # Constants that hold a part, and after these the constants that hold what it is called.
    for holds in (is_made, is_asked):
        kept |= {
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and any(map(holds, ast.walk(node.value)))
            for target in node.targets
            if isinstance(target, ast.Name) and target.id.isupper()
        }

    def is_which(node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in kept
        if any(map(is_asked, ast.walk(node))):
            return True
        of = getattr(node, "value", None)
        return getattr(node, "attr", "") in _WHICH and getattr(of, "attr", getattr(of, "id", "")) in _CALLED

    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(map(is_which, (node.left, *node.comparators))):
            yield node.lineno


@cache
def _trees() -> tuple[tuple[str, ast.AST], ...]:
    return tuple(
        (path.relative_to(_SOURCE).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(_SOURCE.rglob("*.py"))
    )


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
    declared = {file: _choices(tree) for file, tree in _trees()}
    known = _names() | _options() | {value for values in declared.values() for value in values}
    decided = [
        (file, line, foreign)
        for file, tree in _trees()
        for line, of in _decided(tree, known)
        if (foreign := of - declared[file] - _OWNERS.get(file, set()) - _OTHER_WORDS.get(file, set()))
    ]
    unknown = [f"{file}:{line} decides by {', '.join(of)}" for file, line, of in decided if file not in _LEFT]
    assert not unknown, f"ask the owner instead: {unknown}"
    assert len(decided) <= 2
    # Who no longer decides leaves the lists.
    assert {file for file, _, _ in decided} == set(_LEFT)
    met = {(file, text) for file, tree in _trees() for _, of in _decided(tree, known) for text in of - declared[file]}
    for listed in (_OWNERS, _OTHER_WORDS):
        assert {(file, text) for file, texts in listed.items() for text in texts} <= met


def test_nobody_looks_at_the_class_of_a_part() -> None:
    parts = _classes_below("Task", "Lesson", "Objective", "Layout", "Encoder", "SegmentationNetwork")
    assert {"EF", "RncL1", "UVTEncoder", "EchoGraphsSegmenter"} <= parts
    assert [f"{file}:{line}" for file, tree in _trees() for line in _of_class(tree, parts)] == []
    assert list(_of_class(ast.parse("isinstance(task, EF)"), parts)) == [1]


def test_nobody_finds_out_which_part_it_is() -> None:
    parts = _classes_below("Task", "Lesson", "Objective", "Layout", "Encoder", "SegmentationNetwork")
    found = [(file, line) for file, tree in _trees() for line in _by_part(tree, parts)]
    unknown = [f"{file}:{line}" for file, line in found if file not in _BY_PART]
    assert not unknown, f"ask for what it can do instead: {unknown}"
    assert {file for file, _ in found} == set(_BY_PART)
    assert len(found) + len(_LEFT) <= 8
    for code in (
        "task.label == EF().label",
        "value_name != EF().value_name",
        "_EF = EF()\nis_ef = value_name == _EF.value_name",
        "_LABEL = EF().label\nmoved = label in _LABEL",
        "run.recipe.task.name != usual",
        "objective.name in known",
    ):
        assert len(list(_by_part(ast.parse(code), parts))) == 1, code
    assert not list(_by_part(ast.parse("task.is_number == file.name"), parts))


def test_the_count_sees_every_form() -> None:
    names = _names() | _options() | _choices(ast.parse("select: Literal['best', 'last'] = 'best'"))
    for code in (
        "recipe.select == 'last'",
        "settings['view'] != 'all'",
        "x = 1 if dataset in ('echonet', 'camus') else 2",
        "label == 'ef_percent'",
        "'best' not in chosen",
        "match kind:\n    case 'hmc-qu':\n        pass",
    ):
        assert len(list(_decided(ast.parse(code), names))) == 1, code
    assert not list(_decided(ast.parse("device.type == 'cpu'"), names))

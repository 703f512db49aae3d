"""Each fact has one owner: nobody else decides by the name of a data set, a task, an encoder or a setting.

A decision is a comparison with the name of a part, a label or column of a task, or a value of any `Literal` or option
of the package, whether it is written out or asked of a task that is made for it (`EF().label`); a comparison of the
name of a part with anything; a look at the class of a part; and the name of a part anywhere in code: as a key, a member
of a collection, a default, an argument, or what a text begins or ends with. So is an identifier that is named after a
data set. The owner of a value is the file that declares it. The rooms' own tests see what the owners answer; here it is
counted who decides without asking them.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import coreecho
from coreecho.datasets.layout import LAYOUTS
from coreecho.models import ENCODERS, HEADS, SEGMENTERS
from coreecho.tasks import EF, MI, TASKS
from coreecho.training.objectives import PREDICTION_LOSSES
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
    "phantom/settings.py": "a cue that simulated hearts of the tested split have not; splits are the cohort's",
}
# Who compares with what a part is called without writing it out, each with its reason.
_BY_PART = {
    "inference/prediction.py": "a probability of infarction stands under a name of its own",
    "representation/embedding_files.py": "a column that is there is not written twice",
    "training/lesson.py": "owns which task is the usual one",
}
# Who writes the name of a part, each with its reason.
_BY_NAME = {
    "cli/phantom.py": "a command for each layout that is simulated, with the options of that one",
    "experiments/scales.py": "small trainings have a small encoder, as recipes have theirs",
    "models/model_input.py": "statistics of pixels are called after the videos that they are of",
    "phantom/settings.py": "frame rates and lengths are called after the videos that they are of",
    "training/recipe.py": "owns what is trained where a recipe does not say it",
}
# Files and rooms to which the names of parts belong; to a data set belong the files that are called after it, too.
_HOMES = (
    (LAYOUTS, ("datasets/layout_names.py", "phantom/layouts.py")),
    (TASKS, ("tasks.py",)),
    (ENCODERS, ("models/",)),
    (HEADS, ("models/",)),
    (SEGMENTERS, ("models/",)),
    (OBJECTIVES, ("training/",)),
    (OPTIMISERS, ("training/",)),
)
# The same words for something else: a table, the model that ships, losses and their terms, kernels, NumPy's scalars.
_OTHER_NAMES = {
    "datasets/hmc_qu_sheet.py": {"mi"},
    "datasets/table.py": {"ef", "mi"},
    "evaluation/groups.py": {"table"},
    "experiments/result_files.py": {"table"},
    "experiments/table_file.py": {"table"},
    "models/weights.py": {"ef"},
    "report/shipped_model.py": {"ef"},
    "shipped/__init__.py": {"ef"},
    "tasks.py": set(PREDICTION_LOSSES),
    "training/beat_lessons.py": {"ef"},
    "training/colearning_lesson.py": {"ef"},
    "training/lesson.py": {"ef"},
    "ventricle/infarction_classifiers.py": {"linear"},
    "video/start_index.py": {"scalar"},
}
# Names of data sets that are words of every day.
_PLAIN = {"table"}
_ENDS = {"startswith", "endswith", "removeprefix", "removesuffix"}
# What is asked of a part to find out which it is, and under what parts go.
_WHICH = {"name", "label", "value_name", "true_column", "predicted_column", "output_column", "noun"}
_CALLED = {"task", "number", "objective", "lesson", "layout", "encoder", "head"}


@cache
def _nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """All of a tree. To walk through every file a dozen times is most of what these tests take."""
    return tuple(ast.walk(tree))


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
        for node in _nodes(tree)
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
    for node in _nodes(tree):
        compared: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            compared = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            compared = [node.value]
        if found := {text for each in compared for text in _texts(each)} & names:
            yield node.lineno, found


def _of_class(tree: ast.AST, parts: set[str]) -> Iterator[int]:
    """Lines that look at the class of a part."""
    for node in _nodes(tree):
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
            for node in _nodes(tree)
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

    for node in _nodes(tree):
        compared = (node.left, *node.comparators) if isinstance(node, ast.Compare) else ()
        # Whether two parts are the same is another question than which they are.
        if any(map(is_which, compared)) and {getattr(each, "attr", "") for each in compared} != {"name"}:
            yield node.lineno


def _by_name(tree: ast.AST, names: set[str]) -> Iterator[tuple[int, set[str]]]:
    """Lines that write the name of a part, wherever in the code, or ask what texts begin or end with a piece of it."""
    for node in _nodes(tree):
        found: set[str] = set()
        if isinstance(node, ast.Constant):
            found = _texts(node) & names
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in _ENDS:
            pieces = tuple(text for each in node.args for text in _texts(each))
            found = {name for name in names if name.startswith(pieces) or name.endswith(pieces)}
        if found:
            yield getattr(node, "lineno", 0), found


def _identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines that define something, or ask for an attribute or an argument, and what that is called."""
    for node in _nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg | ast.keyword):
            yield node.lineno, node.arg or ""
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def _called_after(tree: ast.AST, names: set[str]) -> Iterator[tuple[int, set[str]]]:
    """Lines with identifiers that hold the name of a data set, and which."""
    for line, identifier in _identifiers(tree):
        plain = identifier.lower().replace("_", "")
        if found := {name for name in names - _PLAIN if name.replace("-", "") in plain}:
            yield line, found


def _owned(file: str) -> set[str]:
    """Names of parts that belong to a file."""
    own = {name for parts, places in _HOMES for name in parts.names() if file.startswith(places)}
    room, _, stem = file.removesuffix(".py").rpartition("/")
    if room in ("datasets", "phantom"):
        own |= {name for name in LAYOUTS.names() if name.partition("-")[0] == stem.partition("_")[0]}
    return own | {LAYOUTS.get(name).title for name in own & set(LAYOUTS.names())}


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
        for node in _nodes(tree)
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
    assert len(decided) <= 1
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
    assert len(found) <= 3
    for code in (
        "task.label == EF().label",
        "value_name != EF().value_name",
        "_EF = EF()\nis_ef = value_name == _EF.value_name",
        "_LABEL = EF().label\nmoved = label in _LABEL",
        "run.recipe.task.name != usual",
        "objective.name in known",
    ):
        assert len(list(_by_part(ast.parse(code), parts))) == 1, code
    for code in ("task.is_number == file.name", "other.name != layout.name"):
        assert not list(_by_part(ast.parse(code), parts)), code


def test_nobody_writes_the_name_of_a_part() -> None:
    names, layouts = {name for parts in _PARTS for name in parts.names()}, set(LAYOUTS.names())
    names |= {LAYOUTS.get(name).title for name in layouts}
    found = [
        (file, line, of)
        for file, tree in _trees()
        for line, of in (*_by_name(tree, names), *_called_after(tree, layouts))
        if of - _owned(file)
    ]
    foreign = [(file, line, of - _owned(file) - _OTHER_NAMES.get(file, set())) for file, line, of in found]
    unknown = [f"{file}:{line}: {', '.join(of)}" for file, line, of in foreign if of and file not in _BY_NAME]
    assert not unknown, f"ask the owner instead: {unknown}"
    assert {file for file, _, of in foreign if of} == set(_BY_NAME)
    met = {(file, text) for file, _, of in found for text in of}
    assert {(file, text) for file, texts in _OTHER_NAMES.items() for text in texts} <= met


def test_few_are_left() -> None:
    assert len(_LEFT.keys() | _BY_PART.keys() | _BY_NAME.keys()) <= 8


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
    parts = {"camus", "hmc-qu", "uvt", "ef"}
    for code in (
        "SIZES = {'camus': 60, **others}",
        "ENCODERS = [name, 'uvt']",
        "write = WRITERS['camus']",
        "layout = LAYOUTS.get('hmc-qu')",
        "open_subject(path, dataset='camus')",
        "is_uvt = name.startswith('uv')",
        "is_read = name.endswith(('-qu', '_xs'))",
        "usual_task: ClassVar[str] = 'ef'",
        "def study(*, dataset: str = 'hmc-qu'): pass",
        "root = out / 'phantoms' / 'camus'",
        "layout = LAYOUTS.get(name if name in known else 'camus')",
    ):
        assert list(_by_name(ast.parse(code), parts)), code
    assert not list(_by_name(ast.parse("said = f'{name} of camus'\nname.startswith('train_')"), parts))
    for code in ("scale.camus", "Scale(hmc_qu=40)", "class HmcQu: pass", "def f(camus_root): pass", "ECHONET_MEAN = 0"):
        assert len(list(_called_after(ast.parse(code), {"camus", "hmc-qu", "echonet"}))) == 1, code

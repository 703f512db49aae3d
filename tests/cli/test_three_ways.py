"""A recipe is one thing, whoever writes it: in Python, in YAML or by flags the same values are taken and refused."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import yaml
from cyclopts import CycloptsError

from coreecho.cli.main import app
from coreecho.errors import CoReEchoError
from coreecho.models.model_input import ModelInput
from coreecho.training.recipe import Recipe

_OF_INPUT = {field.name for field in dataclasses.fields(ModelInput)}
_TYPES = {**get_type_hints(Recipe), **get_type_hints(ModelInput)}
_SETTINGS = [field.name for field in dataclasses.fields(Recipe) if field.name not in {"input", "task"}]
_SETTINGS += [*sorted(_OF_INPUT), "task"]
# Names of parts with a slip of the fingers or in capitals, and what was meant.
_NAMES = {
    "encoder": {"uniformer_smal": "uniformer_small", "UniFormer_Small": "uniformer_small"},
    "head": {"linea": "linear", "MLP": "mlp"},
    "objective": {"rnc_l": "rnc_l1", "RNC": "rnc"},
    "optimizer": {"madgard": "madgrad", "SGD": "sgd"},
    "task": {"eff": "ef", "EF": "ef"},
}
# Any text is one, and may name a file that is yet to come, or a column of one's own table.
_FREE = {"name", "init", "label", "unit"}


def _slips() -> Iterator[tuple[str, str, str]]:
    """Settings, words that are nearly right, or right but for their capitals, and those that were meant."""
    for name in _SETTINGS:
        if get_origin(_TYPES[name]) is Literal:
            right = get_args(_TYPES[name])[0]
            yield from ((name, right[:-1], right), (name, right.capitalize(), right))
    for name, slips in _NAMES.items():
        yield from ((name, slip, right) for slip, right in slips.items())


def _wrong(name: str) -> Iterator[Any]:
    """Values of another kind than a setting's, and numbers that cannot be. Texts stand for them on a command line."""
    kinds = [kind for kind in get_args(_TYPES[name]) if kind is not NoneType] or [_TYPES[name]]
    if get_origin(_TYPES[name]) is tuple:
        yield from ((0.1,), (math.nan,) * len(get_args(_TYPES[name])), ("a",) * len(get_args(_TYPES[name])))
    elif bool in kinds:
        yield from ("maybe", 3)
    elif int in kinds:
        yield from (-1, 2.0, "many")
    elif float in kinds:
        yield from (math.nan, -math.inf, "much")
    elif get_origin(_TYPES[name]) is Literal:
        yield 3


def _in_python(name: str, value: Any) -> Recipe:
    return Recipe(input=ModelInput(**{name: value})) if name in _OF_INPUT else Recipe(**{name: value})


def _in_yaml(name: str, value: Any, folder: Path) -> Path:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({name: list(value) if isinstance(value, tuple) else value}))
    return path


def _by_flags(*tokens: str) -> Recipe:
    _, bound, _ = app.parse_args(["train", *tokens], exit_on_error=False, print_error=False)
    recipe: Recipe = bound.arguments.get("recipe") or Recipe()
    return recipe


def _flag(name: str, value: Any) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    return [flag, *map(str, value)] if isinstance(value, tuple) else [f"{flag}={value}"]


def _refusals(name: str, value: Any, folder: Path) -> list[str]:
    """What is said of a value that is written in Python, in YAML, and as a flag."""
    path, said = _in_yaml(name, value, folder), []
    for build in (
        lambda: _in_python(name, value),
        lambda: Recipe.from_yaml(path),
        lambda: _by_flags(*_flag(name, value)),
    ):
        with pytest.raises((CoReEchoError, CycloptsError)) as refused:
            build()
        said.append(str(refused.value))
    return said


@pytest.mark.parametrize(("name", "slip", "right"), [*_slips()])
def test_a_slip_is_refused_in_every_way_and_told_what_was_meant(
    name: str, slip: str, right: str, tmp_path: Path
) -> None:
    for said in _refusals(name, slip, tmp_path):
        assert f"id you mean {right}?" in said


@pytest.mark.parametrize("name", [name for name in _SETTINGS if name not in _FREE | _NAMES.keys()])
def test_a_wrong_value_is_refused_in_every_way(name: str, tmp_path: Path) -> None:
    for value in _wrong(name):
        for said in _refusals(name, value, tmp_path):
            assert name in said.replace("-", "_").casefold()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1.5", "seed is 1.5, expected a whole number"),
        ("stage1_epochs: 2.0", "stage1_epochs is 2.0, expected a whole number"),
        ("name: 3", "name is 3, expected a text"),
        ("stage2: 1", "stage2 is 1, expected true or false"),
        ("padding: blak", "padding is 'blak', expected black, mean; did you mean black?"),
        ("batch_size: 1", "batch_size is 1, expected at least 2"),
    ],
)
def test_the_command_reads_a_file_no_other_way_than_python(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    for build in (lambda: Recipe.from_yaml(path), lambda: _by_flags(str(path), "--data", str(tmp_path))):
        with pytest.raises(CoReEchoError) as refused:
            build()
        assert message in str(refused.value)


def test_a_file_cannot_leave_open_what_has_a_value(tmp_path: Path) -> None:
    closed = [name for name in _SETTINGS if NoneType not in get_args(_TYPES[name]) and name != "task"]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(dict.fromkeys(closed)))
    for build in (lambda: Recipe.from_yaml(path), lambda: _by_flags(str(path), "--data", str(tmp_path))):
        with pytest.raises(CoReEchoError, match=r"mine\.yaml: ") as refused:
            build()
        assert [name for name in closed if f"{name} is None, expected" not in str(refused.value)] == []


@pytest.mark.parametrize(
    ("settings", "least"),
    [
        ({"encoder": "uniformer_xs"}, 32),
        ({"encoder": "r3d_18"}, 16),
        ({"objective": "lv_outline", "encoder": "lv_unet", "stage2": False}, 16),
    ],
)
def test_frames_are_refused_that_the_network_declares_too_small(
    settings: dict[str, Any], least: int, tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    for size in (least - 1, least):
        path.write_text(yaml.safe_dump(settings | {"frame_size": size}))
        flags = [word for name, value in settings.items() for word in _flag(name, value)]
        ways = (
            lambda size=size: Recipe(**settings, input=ModelInput(frame_size=size)),
            lambda: Recipe.from_yaml(path),
            lambda size=size, flags=flags: _by_flags(*flags, f"--frame-size={size}"),
        )
        for build in ways:
            if size == least:
                assert build().input.frame_size == least
            else:
                with pytest.raises(CoReEchoError, match=f"frame_size is {size}, expected at least {least} pixels"):
                    build()

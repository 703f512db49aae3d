"""What there is to choose from: encoders, heads, objectives, optimisers, tasks and layouts, each by a name.

A name stands for one of three things, looked up in this order:

1. a part of this package, listed below by the place where it is defined;
2. a part of any installed package that declares an entry point in the group, such as
   `[project.entry-points."coreecho.encoders"]` with `tiny3d = "my_package:Tiny3D"`;
3. an import path, `package.module:attribute`.

Nothing is imported before it is asked for, so names can be listed and checked without loading PyTorch.
"""

import difflib
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from coreecho.errors import RecipeError

T = TypeVar("T")


class Registry(Generic[T]):
    """The parts of one kind.

    Args:
        kind: what they are, for messages: "encoder".
        group: of the entry points by which other packages add to them: "coreecho.encoders".
        shipped: of this package, name -> `module:attribute`.
    """

    def __init__(self, kind: str, group: str, shipped: Mapping[str, str]) -> None:
        self.kind = kind
        self.group = group
        self._shipped = dict(shipped)

    def names(self) -> tuple[str, ...]:
        """All names that are known without an import path, those of this package first."""
        return (*self._shipped, *sorted(_installed(self.group).keys() - self._shipped.keys()))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self._shipped or name in _installed(self.group) or ":" in name)

    def ships(self, name: str) -> bool:
        """Whether a name stands for a part of this package."""
        return name in self._shipped

    def get(self, name: str) -> T:
        """Import what a name stands for.

        Raises:
            RecipeError: the name is unknown, or what it stands for cannot be imported.
        """
        self.check(name)
        path = self._shipped.get(name) or _installed(self.group).get(name, name)
        try:
            part: T = _import(path)
            return part
        except (ImportError, AttributeError, ValueError) as error:
            raise RecipeError(
                f"The {self.kind} {name!r} cannot be imported from {path!r}: {error}. "
                "Expected `package.module:attribute` of an installed package."
            ) from error

    def check(self, name: str) -> None:
        """See that a name stands for something; an import path is not followed.

        Raises:
            RecipeError: it does not. The message names the nearest known one.
        """
        if name not in self:
            raise RecipeError(f"There is no {self.kind} {name!r}.{self._hint(name)}")

    def _hint(self, name: object) -> str:
        close = difflib.get_close_matches(str(name).casefold(), self.names(), n=1, cutoff=0.5)
        nearest = f" Did you mean {close[0]!r}?" if close else ""
        return f"{nearest} Known are {', '.join(self.names())}; or give `package.module:attribute`."


@cache
def _installed(group: str) -> Mapping[str, str]:
    """Entry points of other packages in a group: name -> `module:attribute`."""
    return {point.name: _path_of(point) for point in entry_points(group=group)}


def _path_of(point: EntryPoint) -> str:
    return point.value.split("[", maxsplit=1)[0].strip()


@cache
def _import(path: str) -> Any:
    module, separator, attribute = path.partition(":")
    if not separator or not module or not attribute:
        raise ValueError(f"{path!r} is no `package.module:attribute`")
    found: Any = import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found

"""Names of a package that are imported when they are first asked for.

A package that imports all of its modules makes `coreecho train --help` wait for PyTorch, of which it shows nothing.
"""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any


def import_from(rooms: Mapping[str, str], name: str, *, package: str) -> Any:
    """What a package's `__getattr__` gives for a name; kept there, so that it is asked once.

    Args:
        rooms: the package's names, and the module of each.
        name: that was asked for.
        package: that was asked.

    Raises:
        AttributeError: the package has no such name.
    """
    if name not in rooms:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    found = getattr(import_module(rooms[name]), name)
    setattr(sys.modules[package], name, found)
    return found

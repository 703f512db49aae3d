"""What matplotlib would show its figures on: nothing here needs it, and what is not installed must not be asked for."""

import importlib.util
import os
import sys

_VARIABLE = "MPLBACKEND"
_OF_MODULE = "module://"
# Short names that notebooks use, and the packages behind them.
_SHORT = {"inline": "matplotlib_inline", "widget": "ipympl"}


def forget_missing_backend() -> None:
    """Draw without a display where the environment names one that this Python does not have.

    A notebook tells the programs that it starts to draw on itself, by `module://matplotlib_inline.backend_inline`. A
    program of another environment does not have that module, and matplotlib then refuses even to be imported, by
    whatever library. Where the module is there, the choice is left alone: figures of a notebook's own stay as they are.
    """
    asked = os.environ.get(_VARIABLE, "")
    is_named = asked.startswith(_OF_MODULE) or asked in _SHORT
    if not is_named or "matplotlib" in sys.modules:
        return
    # The package alone: to look for the module inside would import it, and matplotlib with it.
    package = _SHORT.get(asked, asked.removeprefix(_OF_MODULE).partition(".")[0])
    try:
        is_there = bool(package) and importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        is_there = False
    if not is_there:
        os.environ[_VARIABLE] = "agg"


def draw_into_files() -> None:
    """Draw without a display, as commands do, which show no figures: also where an unknown one is asked for."""
    if "matplotlib" not in sys.modules:
        os.environ[_VARIABLE] = "agg"

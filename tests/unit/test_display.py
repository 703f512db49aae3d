import importlib.util
import os
import subprocess
import sys

import pytest

from coreecho.display import forget_missing_backend

ABSENT = "module://no_such_package.backend_inline"
# As Colab and Jupyter set it; here only where IPython is installed is there such a package.
INLINE = "module://matplotlib_inline.backend_inline"


def backend_after(monkeypatch: pytest.MonkeyPatch, asked: str) -> str | None:
    monkeypatch.setenv("MPLBACKEND", asked)
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ipympl" else find(name))
    forget_missing_backend()
    return os.environ.get("MPLBACKEND")


@pytest.mark.parametrize("asked", [ABSENT, "module://", "module://.odd", "widget"])
def test_a_backend_that_is_not_installed_is_forgotten(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    assert backend_after(monkeypatch, asked) == "agg"


@pytest.mark.parametrize("asked", ["module://json.decoder", "TkAgg", ""])
def test_any_other_choice_is_left_alone(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    assert backend_after(monkeypatch, asked) == asked


def test_figures_are_drawn_in_a_program_that_a_notebook_started(tmp_path) -> None:
    """Another interpreter, since matplotlib reads the variable once."""
    code = (
        "from coreecho.report.pictures import new_figure, save_figure\n"
        "from pathlib import Path\n"
        "save_figure(new_figure('a', (4, 3), is_phantom=False)[0], Path('a.png'))\n"
        "import sys; assert 'matplotlib.pyplot' not in sys.modules"
    )
    environment = {**os.environ, "MPLBACKEND": INLINE, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("asked", ["no such name", "TkAgg"])
def test_commands_draw_into_files_whatever_is_asked_for(asked: str) -> None:
    code = (
        "import sys; sys.argv = ['coreecho', '--version']\n"
        "from coreecho.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import matplotlib; assert matplotlib.get_backend().lower() == 'agg'"
    )
    environment = {**os.environ, "MPLBACKEND": asked, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

"""Installs the package beside this file, as far as Python can tell, without touching the environment."""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from coreecho import registry

_HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def heartlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on Python's path that holds what an installer writes: the package, and its entry points.

    Yields:
        The folder, for other processes: `PYTHONPATH`.
    """
    site = tmp_path_factory.mktemp("site")
    (site / "heartlab").symlink_to(_HERE / "heartlab", target_is_directory=True)
    project = tomllib.loads((_HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = site / f"{project['name']}-{project['version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {path}" for name, path in points.items()))
    ]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        registry._installed.cache_clear()
        yield site
        for name in [name for name in sys.modules if name.split(".")[0] == "heartlab"]:
            del sys.modules[name]
    registry._installed.cache_clear()

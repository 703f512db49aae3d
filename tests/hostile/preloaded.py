"""Commands in processes that have imported everything: a hundred of them in the time in which ten import PyTorch.

A server imports the package once, and forks for each command. What a command does is the same, but for its imports;
those are stopped in `test_kills.py`.
"""

import json
import os
import select
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = """
    import json, os, pkgutil, signal, sys, warnings
    from importlib import import_module

    import coreecho
    from coreecho.display import draw_into_files

    draw_into_files()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in pkgutil.walk_packages(coreecho.__path__, "coreecho."):
            import_module(module.name)
        import lightning_fabric, matplotlib.pyplot, tests.hostile.short_of_space

    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        child = os.fork()
        if not child:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.environ.update(asked["environment"])
            for number, path in enumerate((os.devnull, asked["output"], asked["errors"])):
                os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            sys.argv = asked["arguments"]
            sys.exit(import_module(asked["module"]).main())
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Running:
    """A command that was begun; the server waits for it.

    Attributes:
        pid: of its process.
    """

    pid: int
    _server: "subprocess.Popen[str]"

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, or minus the signal that ended it. Raises subprocess.TimeoutExpired."""
        stream = self._server.stdout
        assert stream is not None
        if not select.select([stream], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a command", timeout or 0.0)
        return int(stream.readline())

    def send_signal(self, number: int) -> None:
        """Send a signal to its process alone."""
        os.kill(self.pid, number)


class Preloaded:
    """Starts commands one after the other."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_PROGRAM)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self,
        arguments: list[str],
        *,
        errors: Path,
        environment: Mapping[str, str] | None = None,
        module: str = "coreecho.__main__",
    ) -> Running:
        """Begin a command.

        Args:
            arguments: of it.
            errors: the file for its stderr.
            environment: what it has besides.
            module: whose `main` runs.
        """
        stdin, stdout = self._server.stdin, self._server.stdout
        assert stdin is not None
        assert stdout is not None
        asked = {
            "arguments": ["coreecho", *arguments],
            "environment": dict(environment or {}),
            "errors": str(errors),
            "output": os.devnull,
            "module": module,
        }
        stdin.write(json.dumps(asked) + "\n")
        stdin.flush()
        return Running(int(stdout.readline()), self._server)

    def close(self) -> None:
        """End the server."""
        if self._server.stdin is not None:
            self._server.stdin.close()
        self._server.wait()

    def __enter__(self) -> "Preloaded":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

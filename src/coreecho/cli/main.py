"""The command line. Each command has a short file of its own: it parses, calls and prints."""

import sys

from cyclopts import App, CycloptsError
from rich.console import Console
from rich.markup import escape

import coreecho
from coreecho.errors import CoReEchoError

app = App(
    name="coreecho",
    version=coreecho.__version__,
    help="Learn the ejection fraction (EF) from echocardiogram videos, and measure it.\n\n"
    "New here? `coreecho demo` learns from simulated hearts in about ten minutes.\n\n"
    "Not a medical device: no EF shown by this software may guide the care of a patient.",
)
# Commands are imported when they are called, so that `coreecho --help` answers at once.
app.command("coreecho.cli.demo:demo")
app.command("coreecho.cli.phantom:app", name="phantom")
app.command("coreecho.cli.train:app", name="train")
app.command("coreecho.cli.evaluate:evaluate")
app.command("coreecho.cli.predict:predict")
app.command("coreecho.cli.import_weights:import_weights_command", name="import-weights")


def main() -> None:
    """Run a command; an error that the user can mend is one paragraph and exit code 2, not a traceback."""
    try:
        code = app(result_action="return_value", exit_on_error=False)
    except CycloptsError:
        # Cyclopts has printed it.
        code = 2
    except CoReEchoError as error:
        Console(stderr=True).print(f"[bold red]{type(error).__name__}[/]: {escape(str(error))}")
        code = 2
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)

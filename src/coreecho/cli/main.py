"""The command line. Each command has a short file of its own: it parses, calls and prints."""

import io
import os
import sys

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console
from rich.markup import escape

import coreecho
from coreecho.cli.answers import answer_to
from coreecho.cli.calibrate import calibrate
from coreecho.cli.checklist import checklist
from coreecho.cli.compare import compare
from coreecho.cli.continuity import continuity
from coreecho.cli.convert import convert
from coreecho.cli.demo import demo
from coreecho.cli.doctor import doctor
from coreecho.cli.drift import drift
from coreecho.cli.embed import embed
from coreecho.cli.ending import tell
from coreecho.cli.evaluate import evaluate
from coreecho.cli.explain import explain
from coreecho.cli.import_weights import import_weights_command
from coreecho.cli.infarction import infarction
from coreecho.cli.map import draw_map
from coreecho.cli.neighbours import neighbours
from coreecho.cli.predict import predict
from coreecho.cli.report import report
from coreecho.cli.segment import segment
from coreecho.cli.store import app as store_app
from coreecho.cli.typed import CONFIG, by_todays_names, refuse_unknown_commands, refuse_unknown_options
from coreecho.errors import CoReEchoError, UsageError
from coreecho.stopping import ended_by_signals

app = App(
    # No `--empty-option` beside each flag that may be given more than once: who gives none leaves it out.
    default_parameter=Parameter(negative_iterable=()),
    name="coreecho",
    config=CONFIG,
    # Told by `main`, with the exit code of the signal.
    suppress_keyboard_interrupt=False,
    version=coreecho.__version__,
    help="Learn the ejection fraction (EF) from echocardiogram videos, and measure it.\n\n"
    "New here? `coreecho demo` learns from simulated hearts in about ten minutes.\n\n"
    "Not a medical device: no EF shown by this software may guide the care of a patient.",
)
# Commands that are slow to import are imported when they are called, so that `coreecho --help` answers at once.
app.command(demo)
app.command(
    "coreecho.cli.phantom:app",
    name="phantom",
    help="Write simulated hearts with a known EF, in the layouts of the real data sets.",
)
app.command(
    "coreecho.cli.train:app",
    name="train",
    help="Train a model: `coreecho train echonet --data EchoNet-Dynamic --out runs/echonet`.\n\n"
    "Every setting of the recipe is a flag, and may stand in a YAML file of your own. "
    "Stop with Ctrl-C; `coreecho train --resume RUN` goes on to the same weights.",
)
app.command(
    "coreecho.cli.transfer:app",
    name="transfer",
    help="Use what an encoder learned on another data set: `coreecho transfer camus --data CAMUS --from RUN "
    "--method probe`.\n\n"
    "Cross-validates over that data set's folds, and measures the pooled predictions of all test folds. Each fold is a "
    "run folder. Stopped, the same command goes on; folds that are done are not done again.",
)
app.command(
    "coreecho.cli.default_models:default_models",
    name="default-models",
    # Of use in a clone alone, where `make default-models` gives it.
    show=False,
    help="Make the models that ship with coreecho again, from nothing.",
)
app.command(evaluate)
app.command(compare)
app.command(infarction)
app.command(predict)
app.command(segment)
app.command(calibrate)
app.command(drift)
app.command(checklist)
app.command(report)
app.command(
    "coreecho.cli.reproduce:reproduce",
    name="reproduce",
    help="Make a table of the paper: `coreecho reproduce table2 --data EchoNet-Dynamic`, or `--phantom` anywhere.\n\n"
    "Prints what it will train and about how long that takes, trains it, and writes the paper's figures beside the "
    "measured ones as NAME.csv, NAME.json and NAME.html. Stopped, the same command goes on; tables in the same `--out` "
    "share their trainings.\n\n"
    "`--phantom` does a table with a small model on simulated hearts, which takes hours on two cores, and `--quick` in "
    "minutes, in which nothing is learned; the hearts are written before the plan is shown. "
    "`coreecho reproduce cue --phantom` plants a shortcut that the paper warns of.",
)
app.command(explain)
app.command(embed)
app.command(draw_map, name="map")
app.command(neighbours)
app.command(continuity)
app.command(doctor)
app.command(convert)
app.command(store_app, name="store")
app.command(import_weights_command, name="import-weights")


def main() -> None:
    """Run a command; an error that the user can mend is one paragraph and exit code 2, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A letter that the terminal or the pipe does not know is written out; no result is lost for it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        with ended_by_signals(tell):
            tokens = by_todays_names(sys.argv[1:])
            refuse_unknown_commands(app, tokens)
            refuse_unknown_options(app, tokens)
            code = app(tokens, result_action="return_value", exit_on_error=False, print_error=False)
    except CycloptsError as error:
        code = _refuse(UsageError(answer_to(error)))
    except CoReEchoError as error:
        code = _refuse(error)
    except BrokenPipeError:
        # The reader, `head` say, has seen enough. Python would complain again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        console, text = Console(stderr=True), f"Cannot read or write{where}: {error.strerror or error}."
        console.print(text, style="red", markup=False, soft_wrap=not console.is_terminal)
        code = 2
    except KeyboardInterrupt as stopped:
        code = tell(stopped)
    sys.exit(code)


def _refuse(error: CoReEchoError) -> int:
    """Say what is wrong; returns the exit code."""
    # In a log on one line, which `grep` finds whole.
    console = Console(stderr=True)
    text = f"[bold red]{type(error).__name__}[/]: {escape(str(error))}"
    console.print(text, soft_wrap=not console.is_terminal)
    return 2

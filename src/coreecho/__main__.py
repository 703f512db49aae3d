"""`python -m coreecho`, and where the command `coreecho` begins."""

import signal
import sys

from coreecho.cli.ending import tell
from coreecho.display import draw_into_files
from coreecho.stopping import ended_by_signals


def main() -> None:
    """Run a command. Importing it takes seconds, in which it can be stopped already."""
    draw_into_files()
    with ended_by_signals(tell):
        try:
            from coreecho.cli.main import main as run

            run()
        except KeyboardInterrupt as stopped:
            sys.exit(tell(stopped))
        finally:
            # What comes after is Python's own tidying up: nothing is left to lose, and Ctrl-C just ends it.
            signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    main()

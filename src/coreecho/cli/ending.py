"""What a command that was stopped says. Imports next to nothing: the command may be stopped while it imports."""

import sys

from coreecho.stopping import Stopped, exit_code_of, say

_BY_SIGTERM = 143
_GOES_ON = "Give the same command again: it goes on where it stopped."
_BEGINS_ANEW = "No file was left half written. Give the same command again: it begins anew."
_HOW = {
    "train": "A run that has begun goes on by `coreecho train --resume RUN`; else give the same command again.",
    "convert": "The originals are as they were. Give the same command again: it begins anew, unless all was done.",
} | dict.fromkeys(("demo", "phantom", "store", "reproduce", "transfer"), _GOES_ON)


def tell(stopped: KeyboardInterrupt) -> int:
    """Say on one line of stderr what ended the command and how to go on; returns the exit code.

    A task that stopped where it was asked to (Stopped) has said so itself.
    """
    code = exit_code_of(stopped)
    if not isinstance(stopped, Stopped):
        by = "SIGTERM" if code == _BY_SIGTERM else "Ctrl-C"
        command = sys.argv[1] if len(sys.argv) > 1 else ""
        say(f"Stopped by {by}. {_HOW.get(command, _BEGINS_ANEW)}")
    return code

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from coreecho.stopping import (
    Interrupted,
    Stop,
    Stopped,
    ended_by_signals,
    exit_code_of,
    signals_held_back,
    stop_on_signals,
)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_asks_and_its_number_is_the_exit_code(number: int, code: int) -> None:
    before = signal.getsignal(number)
    with stop_on_signals(doing="after this step") as stop, stop.heeded():
        os.kill(os.getpid(), number)
        assert stop.is_set
        assert stop.exit_code == code
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_ends_at_once() -> None:
    with stop_on_signals(doing="after this step") as stop, stop.heeded():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert stop.exit_code == 143


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_where_nobody_looks_a_signal_ends_at_once(number: int, code: int) -> None:
    with stop_on_signals(doing="after this step") as stop:
        with pytest.raises(Interrupted) as raised:
            os.kill(os.getpid(), number)
        assert not stop.is_set
    assert exit_code_of(raised.value) == code


def test_a_program_may_ask_from_any_thread() -> None:
    stop = Stop()
    thread = threading.Thread(target=stop.ask)
    thread.start()
    thread.join()
    assert stop.is_set
    assert stop.exit_code == 130
    assert Stopped(stop).exit_code == 130


def test_it_says_what_happens_even_in_the_middle_of_a_print() -> None:
    program = """
        import os, signal, sys
        from coreecho.stopping import Interrupted, stop_on_signals
        try:
            with stop_on_signals(doing="after this step") as stop, stop.heeded():
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGTERM)
        except Interrupted as stopped:
            sys.exit(stopped.exit_code)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.returncode == 143
    assert done.stderr.split("\n\n") == ["\nStopping after this step; once more to stop at once.", "Stopped at once.\n"]


def test_a_command_ends_by_its_first_signal_and_waits_no_longer_at_the_second() -> None:
    program = """
        import os, signal, time
        from coreecho.stopping import ended_by_signals, exit_code_of
        with ended_by_signals(exit_code_of):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                print("tidying up", flush=True)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)
                print("too long")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "tidying up\n", "\nStopped at once.\n")


def test_a_signal_that_is_held_back_comes_afterwards() -> None:
    came = []

    def hold() -> None:
        with signals_held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            came.append("after the signal")
        came.append("never")

    with ended_by_signals(exit_code_of), pytest.raises(Interrupted):
        hold()
    assert came == ["after the signal"]


def test_a_signal_that_another_thread_gets_is_held_back_as_well() -> None:
    came = []
    is_over = threading.Event()
    # This thread masks nothing, so the system gives it what the main thread holds back.
    other = threading.Thread(target=is_over.wait)
    other.start()

    def hold() -> None:
        with signals_held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
            came.append("after the signal")
        came.append("never")

    try:
        with ended_by_signals(exit_code_of), pytest.raises(Interrupted):
            hold()
    finally:
        is_over.set()
        other.join()
    assert came == ["after the signal"]

"""The campaign's own book-keeping: runs add up, and go on with cases that were never tried."""

import hashlib
import os
import signal
import threading
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.hostile import campaign
from tests.hostile.campaign import add_counts, code_version, read_counts, run_target, table
from tests.hostile.full_disk import spread


def test_counts_of_runs_and_readers_add_up(tmp_path: Path) -> None:
    add_counts(tmp_path, "cards", Counter(read=2, refused=1000))
    add_counts(tmp_path, "cards", Counter(refused=3, unnamed=1))
    add_counts(tmp_path, "store", Counter(read=4))
    counts = read_counts(tmp_path)
    assert counts == {code_version(): {"cards": Counter(read=2, refused=1003, unnamed=1), "store": Counter(read=4)}}
    assert "| cards | 1,006 | 2 | 1,003 | 1 | 0 | 0 | 0 |" in table(counts)
    assert "| all | 1,010 | 6 | 1,003 | 1 | 0 | 0 | 0 |" in table(counts)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The first and last case of each process of a campaign, none of which is really begun."""
    begun = []

    class Context:
        def Pipe(self, duplex: bool) -> tuple[object, object]:  # noqa: N802 - the name is Python's
            return object(), campaign.mp.Pipe()[0]

        def Process(self, target: object, args: tuple[Any, ...], daemon: bool) -> "Context":  # noqa: N802
            begun.append(args[3:5])
            return self

        def start(self) -> None: ...

        kill = join = start

    monkeypatch.setattr(campaign.mp, "get_context", lambda _: Context())
    return begun


def test_a_run_goes_on_where_the_last_one_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: list[tuple[int, int]]
) -> None:
    monkeypatch.setattr(campaign, "_next", lambda *given: ("ready" if given[-1] > 1000 else "refused", ""))
    for _ in range(2):
        assert run_target("cards", seed=0, cases=5, seconds=60, findings=tmp_path) == Counter(refused=5)
    assert begun == [(0, 5), (5, 10)]
    assert read_counts(tmp_path)[code_version()]["cards"] == Counter(refused=10)


def test_a_run_that_is_asked_to_end_counts_what_it_has_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: list[tuple[int, int]]
) -> None:
    stopped, said = threading.Event(), iter(["ready", "refused", "read", "died"])

    def answer(*_: object) -> tuple[str, str]:
        # What asks it to end may end the process that reads, which is no finding.
        if (outcome := next(said)) == "died":
            stopped.set()
        return outcome, ""

    monkeypatch.setattr(campaign, "_STOPPED", stopped)
    monkeypatch.setattr(campaign, "_next", answer)
    assert run_target("cards", seed=0, cases=5, seconds=60, findings=tmp_path) == Counter(refused=1, read=1)
    assert begun == [(0, 5)]
    assert read_counts(tmp_path)[code_version()]["cards"] == Counter(refused=1, read=1)


def _ended(exit_code: int) -> tuple[Any, Any]:
    """The end of a pipe, and the process at its other end, which ended so."""
    here, there = campaign.mp.Pipe(duplex=False)
    there.close()
    return here, SimpleNamespace(exitcode=exit_code, join=lambda: None)


def test_who_computes_too_long_is_slow_and_who_crashes_has_died() -> None:
    assert campaign._next(*_ended(-signal.SIGPROF), 60.0)[0] == "slow"
    assert campaign._next(*_ended(-signal.SIGSEGV), 60.0) == ("died", "the process ended with -11")


def test_a_case_that_computes_too_long_ends_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = campaign.mp.Pipe(duplex=False)
    child = os.fork()
    if not child:
        monkeypatch.setattr(campaign, "SECONDS_OF_A_CASE", 0.1)
        monkeypatch.setattr(campaign, "read_case", lambda *_: hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9))
        campaign.read_cases("cards", str(tmp_path), 0, 0, 1, there)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGPROF
    assert here.recv() == ("ready", "")


def test_full_disks_may_be_spread_over_the_writes_of_a_long_command() -> None:
    assert spread(5, None) == spread(5, 8) == [1, 2, 3, 4, 5]
    assert spread(100, 4) == [1, 34, 67, 100]
    assert spread(100, 1) == [1]

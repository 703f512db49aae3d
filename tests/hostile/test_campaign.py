"""The campaign's own book-keeping: runs add up, and go on with cases that were never tried."""

from collections import Counter
from pathlib import Path

import pytest
from tests.hostile import campaign
from tests.hostile.campaign import add_counts, code_version, read_counts, run_target, table


def test_counts_of_runs_and_readers_add_up(tmp_path: Path) -> None:
    add_counts(tmp_path, "cards", Counter(read=2, refused=1000))
    add_counts(tmp_path, "cards", Counter(refused=3, unnamed=1))
    add_counts(tmp_path, "store", Counter(read=4))
    counts = read_counts(tmp_path)
    assert counts == {code_version(): {"cards": Counter(read=2, refused=1003, unnamed=1), "store": Counter(read=4)}}
    assert "| cards | 1,006 | 2 | 1,003 | 1 | 0 | 0 | 0 |" in table(counts)
    assert "| all | 1,010 | 6 | 1,003 | 1 | 0 | 0 | 0 |" in table(counts)


def test_a_run_goes_on_where_the_last_one_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    class Context:
        def Pipe(self, duplex: bool) -> tuple[object, object]:  # noqa: N802 - the name is Python's
            return object(), campaign.mp.Pipe()[0]

        def Process(self, target: object, args: tuple[object, ...], daemon: bool) -> "Context":  # noqa: N802
            begun.append(args[3:5])
            return self

        def start(self) -> None: ...

        kill = join = start

    monkeypatch.setattr(campaign.mp, "get_context", lambda _: Context())
    monkeypatch.setattr(campaign, "_next", lambda *_: ("refused", ""))
    for _ in range(2):
        assert run_target("cards", seed=0, cases=5, seconds=60, findings=tmp_path) == Counter(refused=5)
    assert begun == [(0, 5), (5, 10)]
    assert read_counts(tmp_path)[code_version()]["cards"] == Counter(refused=10)

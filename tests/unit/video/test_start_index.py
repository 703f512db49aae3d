import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coreecho.errors import DatasetError
from coreecho.video import read_start_index

STARTS = {
    "0XA.avi": np.array([0, 5, 700], dtype=np.int64),
    "0XB.avi": np.array([3], dtype=np.int32),
    "0XC.avi": np.array([1, 2, 3], dtype=">i8"),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_authors_pickle_is_read_at_every_protocol(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "starts.pkl"
    path.write_bytes(pickle.dumps(STARTS, protocol))
    starts = read_start_index(path)
    assert starts.keys() == STARTS.keys()
    for name, expected in STARTS.items():
        assert starts[name].dtype == np.int64
        np.testing.assert_array_equal(starts[name], expected)


def test_names_of_old_and_new_numpy_are_known(tmp_path: Path) -> None:
    new = pickle.dumps(STARTS, 4)
    old = new.replace(b"\x16numpy._core.multiarray", b"\x15numpy.core.multiarray")
    assert old != new
    path = tmp_path / "starts.pkl"
    # A frame of protocol 4 states its length, which the shorter name changes by one.
    frame_length = int.from_bytes(new[3:11], "little") - new.count(b"numpy._core.multiarray")
    path.write_bytes(old[:3] + frame_length.to_bytes(8, "little") + old[11:])
    np.testing.assert_array_equal(read_start_index(path)["0XA.avi"], [0, 5, 700])


def test_lists_and_numpy_numbers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "starts.pkl"
    path.write_bytes(pickle.dumps({"a.avi": [np.int64(4), 5], "b.avi": 7}))
    starts = read_start_index(path)
    assert starts["a.avi"].tolist() == [4, 5]
    assert starts["b.avi"].tolist() == [7]


def test_json_is_read(tmp_path: Path) -> None:
    path = tmp_path / "starts.pkl"
    path.write_text(json.dumps({"a.avi": [0, 8, 16]}))
    assert read_start_index(path)["a.avi"].tolist() == [0, 8, 16]


class _Payload:
    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize(
    ("function", "argument", "name"),
    [(os.system, "touch {}", r"posix\.system"), (eval, "open({!r}, 'w')", "eval"), (exec, "open({!r}, 'w')", "exec")],
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_that_calls_is_refused_and_nothing_runs(
    tmp_path: Path, function: Callable[..., Any], argument: str, name: str, protocol: int
) -> None:
    trace = tmp_path / "it-ran"
    path = tmp_path / "starts.pkl"
    path.write_bytes(pickle.dumps({"a.avi": _Payload(function, argument.format(str(trace)))}, protocol))
    with pytest.raises(DatasetError, match=rf"refused, nothing was run: this pickle asks for .*{name}"):
        read_start_index(path)
    assert not trace.exists()


def test_an_array_that_hides_a_call_is_refused(tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    path = tmp_path / "starts.pkl"
    path.write_bytes(pickle.dumps({"a.avi": np.array([_Payload(os.system, f"touch {trace}")], dtype=object)}))
    with pytest.raises(DatasetError, match="refused"):
        read_start_index(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps([1, 2]), "expected a dictionary from video names to starts; got list"),
        (pickle.dumps({1: [2]}), "expected a dictionary"),
        (pickle.dumps({"a": "text"}), "the starts of 'a' are not an array of whole numbers"),
        (pickle.dumps({"a": np.array([0.5])}), "the starts of 'a' are not an array of whole numbers"),
        (pickle.dumps({"a": np.array([-3])}), "the starts of 'a' must be at least 0; got -3"),
        (pickle.dumps({"a": np.zeros((2, 2), np.int64)}), "must be a list of whole numbers; got shape"),
        (pickle.dumps({"a": []}), "must be a list of whole numbers"),
        (pickle.dumps({"a": np.array([1])})[:-9], "not a start-index file"),
        (b"not a pickle", "not a start-index file"),
        (b"{not json", "begins like JSON but is not as expected. This start-index file cannot be read: it is no JSON"),
        (b'{"a.avi": [3], "a.avi": [4]}', "the name 'a.avi' comes twice"),
        (b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}", "it is nested more than 16 deep"),
        (b'{"a": [99999999999999999999]}', "the starts of 'a' are not an array of whole numbers"),
        (b'{"a": [1.5]}', "the starts of 'a' are not an array of whole numbers"),
        (b"", "not a start-index file"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "starts.pkl"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_start_index(path)


def test_a_list_within_itself_is_refused(tmp_path: Path) -> None:
    endless: list[Any] = []
    endless.append(endless)
    path = tmp_path / "starts.pkl"
    path.write_bytes(pickle.dumps({"a": endless}))
    with pytest.raises(DatasetError, match="are not an array of whole numbers"):
        read_start_index(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"starts\.pkl: cannot be read \(No such file"):
        read_start_index(tmp_path / "starts.pkl")


BOMBS = {
    "a number of 4 billion": b"\x80\x02}r\xff\xff\xff\x7f.",
    "a number in digits": b"}p2000000000\n.",
    "an endless list": b"\x80\x02" + b"]" * 600_000 + b".",
    "bytes that are not there": b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little"),
    "an array that is not there": b"\x80\x05\x96" + (1 << 33).to_bytes(8, "little"),
    "text that is not there": b"\x80\x04\x8d" + (1 << 33).to_bytes(8, "little"),
    "a number of 2 GB": b"\x80\x02\x8b\xff\xff\xff\x7f",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_few_bytes_take_no_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "starts.pkl"
    path.write_bytes(BOMBS[name])
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match="not a start-index file"):
            read_start_index(path)
        assert tracemalloc.get_traced_memory()[1] < 20 * 1024**2
    finally:
        tracemalloc.stop()


def test_a_memo_of_gigabytes_is_never_made(tmp_path: Path) -> None:
    """What the machine of pickles takes for its numbered objects no tracer sees, so it runs with little memory."""
    path = tmp_path / "starts.pkl"
    path.write_bytes(BOMBS["a number of 4 billion"])
    code = (
        "import resource, sys; from coreecho.video import read_start_index; from coreecho.errors import DatasetError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_start_index(sys.argv[1])\n"
        "except DatasetError: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    shown = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(shown.stdout) < 50 * 1024

"""A small share of the full disks: no file may grow beyond some bytes. `make hostile` fails openings of files, too."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from coreecho.datasets.convert import convert
from coreecho.errors import CoReEchoError
from coreecho.files import write_whole
from coreecho.inference import PredictionFailure
from coreecho.phantom import PhantomSettings, write_echonet_phantoms
from coreecho.report.predictions import write_predictions_csv
from coreecho.representation.embedding_files import save_embeddings
from coreecho.representation.embedding_set import EmbeddingSet
from coreecho.training.state import RunState, save_state
from coreecho.video import FrameStore

resource = pytest.importorskip("resource", reason="the size of files is limited on POSIX alone")
Write = Callable[[Path, Path], object]
_SETTINGS = PhantomSettings(min_frames=20, max_frames=20, difficulty="easy")


def _store(videos: Path, out: Path) -> None:
    files = {path.stem: path for path in sorted(videos.iterdir())[:3]}
    FrameStore.build(out / "store", files, frame_size=48, workers=1)


def _csv(videos: Path, out: Path) -> None:
    results = [PredictionFailure(file=f"{number}.avi", error="no clip") for number in range(99)]
    write_predictions_csv(results, out / "ef.csv")


def _embeddings(videos: Path, out: Path) -> None:
    numbers = np.arange(200.0)
    embedded = EmbeddingSet(
        ids=tuple(map(str, range(200))),
        embeddings=np.ones((200, 8), np.float32),
        ef_percent=numbers,
        ef_predicted=numbers,
        source="a test",
        is_phantom=True,
    )
    save_embeddings(out / "embeddings.npz", embedded)


def _convert(videos: Path, out: Path) -> None:
    few = out.with_name("few")
    few.mkdir(exist_ok=True)
    for path in sorted(videos.iterdir())[:3]:
        if not (few / path.name).exists():
            (few / path.name).symlink_to(path)
    convert(few, out / "converted", workers=1)


def _phantoms(videos: Path, out: Path) -> None:
    write_echonet_phantoms(out / "cohort", recordings=2, seed=0, settings=_SETTINGS, workers=1)


def _state(videos: Path, out: Path) -> None:
    state = RunState(stage="stage1", step=1, model={"weight": torch.zeros(5000)}, optimizer=None)
    save_state(out / "last.ckpt", state)


def _page(videos: Path, out: Path) -> None:
    write_whole(out / "report.html", "<p>" + "a" * 9000)


WRITERS: dict[str, Write] = {
    "store": _store,
    "csv": _csv,
    "embeddings": _embeddings,
    "convert": _convert,
    "phantoms": _phantoms,
    "state": _state,
    "page": _page,
}


@contextmanager
def no_file_beyond(num_bytes: int) -> Iterator[None]:
    """Let every write beyond so many bytes of a file fail, whoever writes: Python, NumPy, torch or FFmpeg."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    earlier = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, earlier)


def _left(out: Path) -> list[str]:
    """Whole files that are seen; what is hidden is work that goes on, or a lock."""
    return sorted(str(path.relative_to(out)) for path in out.rglob("[!.]*") if path.is_file())


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_named_and_the_work_goes_on_when_there_is_space(
    name: str, phantom_root: Path, tmp_path: Path
) -> None:
    write = partial(WRITERS[name], phantom_root / "Videos")
    whole, out = tmp_path / "whole", tmp_path / "out"
    whole.mkdir()
    out.mkdir()
    write(whole)
    chance = np.random.default_rng(sum(map(ord, name)))
    largest = max(path.stat().st_size for path in whole.rglob("*") if path.is_file())
    for num_bytes in (0, int(chance.integers(1, largest))):
        with no_file_beyond(num_bytes), pytest.raises((CoReEchoError, OSError)) as refused:
            write(out)
        assert len(str(refused.value)) > 20
        # A file under its own name is whole; of a store the index says how far its frames are.
        finished = [path for path in _left(out) if (whole / path).exists() and not path.startswith("store")]
        assert all((out / path).stat().st_size == (whole / path).stat().st_size for path in finished)
    write(out)
    if name == "convert":
        # Ids are drawn at random.
        assert len(_left(out)) == len(_left(whole))
    else:
        assert _left(out) == _left(whole)

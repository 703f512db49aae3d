"""Reads files from outside in a process of its own, which can be ended: no file takes all time or all memory.

Some kilobytes can ask for minutes of decoding or gigabytes of frames. A file has ten seconds, and one more for each
megabyte; what is not read by then is given up, and the process with it. The next file gets a new one.

What comes back is numbers, text and the pixels, never an object: a decoder that a hostile file has taken over can tell
lies about that file, and nothing else.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from coreecho.errors import UnsuitableError, VideoError, log, way_to
from coreecho.video.dicom_series import Series
from coreecho.video.limits import BYTES_A_SECOND, SECONDS_A_FILE
from coreecho.video.placement import Placement
from coreecho.video.reading import ClipPath, read_clip_at
from coreecho.video.resizing import resize_frames
from coreecho.video.video import Video

# Beside what the interpreter and its libraries take: memory, and addresses, of which codecs keep many free.
_MEMORY_BYTES = 1024**3
_ADDRESS_BYTES = 3 * 1024**3
# Of frames that are read larger than a model needs them, to be looked at.
_HELD_PIXELS = 96 * 1024**2
_NO_SECTOR = np.zeros(0, dtype=np.uint8)
_SERVE = "from coreecho.video.reader_process import serve; serve()"


class ResizedVideo(NamedTuple):
    """A file's video at a frame size, how many frames the file has, and how many a second where it says so."""

    video: Video
    num_frames: int
    fps: float | None


def read_resized(
    path: ClipPath, frame_size: int, *, axes: str | None = None, keeps_times: bool = False, up_to: int = 1
) -> ResizedVideo:
    """Read a video in this process, and resize it.

    Args:
        path: the clip.
        frame_size: S, in pixels.
        axes: of arrays, as for `read_video`.
        keeps_times: as for `read_clip_at`.
        up_to: how many times S the frames may have a side, where the file has so many pixels; a whole number of times.

    Raises:
        VideoError: as `read_clip_at`.
    """
    video = read_clip_at(path, axes=axes, keeps_times=keeps_times)
    most = min(max(video.frames.shape[1:]), int((_HELD_PIXELS / video.num_frames) ** 0.5))
    times = min(up_to, most // frame_size)
    # Resized at once: a whole screen has fifty times the pixels.
    frames = resize_frames(video.frames, frame_size * max(1, times))
    return ResizedVideo(replace(video, frames=frames), video.num_frames, video.fps)


class ReaderProcesses:
    """Processes that read files, started when they are needed.

    Args:
        count: files that are read at once; more callers wait.
        seconds: that a file has, besides a second a megabyte.
    """

    def __init__(self, count: int, *, seconds: float = SECONDS_A_FILE) -> None:
        self._seconds = seconds
        self._free: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(count):
            self._free.put(None)
        self._started: list[_Process] = []
        self._is_closed = False

    def read(self, path: ClipPath, frame_size: int, **options: Any) -> ResizedVideo:
        """Read a video as `read_resized` does, with its options.

        Raises:
            VideoError: it cannot be read, takes too long or too much memory, or ends the process that reads it.
        """
        process = self._free.get()
        try:
            if self._is_closed:
                raise VideoError(f"{path}: not read, since the reading was ended.")
            if process is None or not process.is_alive:
                process = _Process()
                self._started.append(process)
            return process.read(path, frame_size, options, self._seconds)
        finally:
            self._free.put(process)

    def close(self) -> None:
        """End all processes; nothing is read after."""
        self._is_closed = True
        for process in self._started:
            process.end()

    def __enter__(self) -> "ReaderProcesses":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Process:
    def __init__(self) -> None:
        # The packages of this process, wherever they lie; and one thread of the libraries, which are many processes.
        search_path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        environment = {**os.environ, "PYTHONPATH": search_path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        # Its start is no part of a file's time.
        self._receive()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def read(self, path: ClipPath, frame_size: int, options: dict[str, Any], seconds: float) -> ResizedVideo:
        files = path.files if isinstance(path, Series) else (Path(path),)
        with contextlib.suppress(OSError):
            seconds += sum(file.stat().st_size for file in files) / BYTES_A_SECOND
        request = {
            "path": [str(file) for file in files] if isinstance(path, Series) else str(path),
            "frame_size": frame_size,
            "options": {name: value for name, value in options.items() if value is not None},
        }
        is_late = threading.Event()
        watch = threading.Timer(seconds, self._give_up, [is_late])
        watch.daemon = True
        watch.start()
        try:
            _send(self._stream(self._process.stdin), request)
            answer = self._receive()
            if "way" in answer:
                log.debug("a process that reads files: %s", answer["way"])
            if "error" in answer:
                raise (UnsuitableError if answer.get("is_unsuitable") else VideoError)(answer["error"])
            shape = tuple(answer["shape"])
            content = _read_exactly(self._stream(self._process.stdout), int(np.prod(shape)))
            sector = _read_exactly(self._stream(self._process.stdout), int(answer["sector_bytes"]))
            plain = answer["placement"]
            placement = None if plain is None else Placement.from_plain(plain, sector)
        except (EOFError, OSError, ValueError, KeyError, TypeError) as error:
            self.end()
            if is_late.is_set():
                raise VideoError(
                    f"{path}: given up: it was not read within {seconds:.0f} seconds, which is enough for a clip of "
                    "its size on a machine with little else to do. The machine may be busy: give the file again, alone,"
                    " when it is not. If it is given up again, it may be damaged: convert it with another program."
                ) from error
            raise VideoError(
                f"{path}: the process that read it came to an end ({_how_it_ended(self._process.returncode)}). It may "
                "be damaged, or need too much memory; convert it with another program."
            ) from error
        finally:
            watch.cancel()
        frames = np.frombuffer(content, dtype=np.uint8).reshape(shape)
        notes = tuple(answer["notes"])
        coloured = float(answer["coloured"])
        video = Video(frames, answer["seen_fps"], str(path), answer["is_phantom"], notes, placement, coloured)
        return ResizedVideo(video, answer["num_frames"], answer["fps"])

    def _give_up(self, is_late: threading.Event) -> None:
        is_late.set()
        self._process.kill()

    def _receive(self) -> dict[str, Any]:
        return _receive(self._stream(self._process.stdout))

    @staticmethod
    def _stream(stream: IO[bytes] | None) -> IO[bytes]:
        if stream is None:
            raise EOFError("the process has no pipe")
        return stream


def serve() -> None:
    """Answer requests on standard input until it ends."""
    # Ctrl-C is for the process that asks; it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever a library prints does not go between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit_memory()
    _send(answers, {"is_ready": True})
    for request in _requests(sys.stdin.buffer):
        asked = request["path"]
        path = Series(tuple(map(Path, asked))) if isinstance(asked, list) else asked
        try:
            read = read_resized(path, request["frame_size"], **request["options"])
        except VideoError as error:
            _send(answers, {"error": str(error), "is_unsuitable": isinstance(error, UnsuitableError)})
        except MemoryError:
            _send(answers, {"error": f"{path}: needs more than {_MEMORY_BYTES / 1e9:.1f} GB to be read."})
        # A file that trips a fault nobody foresaw must not take the other ten thousand with it.
        except Exception as error:
            told = f"{path}: unexpected {type(error).__name__}: {error}"
            _send(answers, {"error": told, "way": way_to(error)})
        else:
            video = read.video
            plain, sector = (None, _NO_SECTOR) if video.placement is None else video.placement.to_plain()
            head = {
                "shape": video.frames.shape,
                "seen_fps": video.fps,
                "is_phantom": video.is_phantom,
                "coloured": video.coloured,
                "notes": video.notes,
                "num_frames": read.num_frames,
                "fps": read.fps,
                "placement": plain,
                "sector_bytes": sector.size,
            }
            _send(answers, head, np.ascontiguousarray(video.frames).data, sector.data)


def _requests(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    while True:
        try:
            yield _receive(stream)
        except EOFError:
            return


def _send(stream: IO[bytes], head: dict[str, Any], *contents: bytes | memoryview) -> None:
    """One line of JSON, in which a name that is not UTF-8 stays as it is, and then bytes."""
    stream.write(json.dumps(head).encode("ascii") + b"\n")
    for content in contents:
        stream.write(content)
    stream.flush()


def _receive(stream: IO[bytes]) -> dict[str, Any]:
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError("the process has ended")
    head: dict[str, Any] = json.loads(line)
    return head


def _read_exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise EOFError("the process has ended")
    return content


def _how_it_ended(returncode: int | None) -> str:
    if returncode is None:
        return "for an unknown reason"
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"


def _limit_memory() -> None:
    """Let the system refuse what no clip needs, where it can."""
    try:
        import resource

        pages = [int(count) for count in Path("/proc/self/statm").read_text().split()]
        for limited, used, more in (
            (resource.RLIMIT_AS, pages[0], _ADDRESS_BYTES),
            (resource.RLIMIT_DATA, pages[5], _MEMORY_BYTES),
        ):
            limit = used * resource.getpagesize() + more
            resource.setrlimit(limited, (limit, limit))
    except (ImportError, OSError, ValueError):
        return

"""`coreecho store`: the decoded frames of a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter, validators

from coreecho.models.model_input import LARGEST_FRAME_SIZE

if TYPE_CHECKING:
    from coreecho.video.video_file import VideoFile

app = App(
    name="store",
    help="Build, check or delete the decoded frames of a data set, from which models train and are evaluated.\n\n"
    "Training builds them by itself; building them before saves its first minutes.",
)

FrameSize = Annotated[int, Parameter(validator=validators.Number(gte=32, lte=LARGEST_FRAME_SIZE))]
StoreFolder = Annotated[Path | None, Parameter(name="--store")]


@app.command(name="build")
def build(
    dataset: str,
    root: Path,
    /,
    *,
    frame_size: FrameSize = 112,
    view: str | None = None,
    columns: str | None = None,
    store: StoreFolder = None,
    workers: Annotated[int, Parameter(validator=validators.Number(gte=1))] | None = None,
) -> int:
    """Decode what is missing or has changed: `coreecho store build echonet EchoNet-Dynamic`.

    A build that was stopped goes on where it was.

    Parameters
    ----------
    dataset:
        Layout of the data set, such as `echonet` or `table`.
    root:
        Folder of the data set.
    frame_size:
        Pixels a side.
    view:
        Of a data set with several views: which, such as `A2C` [default: its loader's].
    columns:
        Of `table`: columns by other names, `path=file,ef_percent=LVEF`.
    store:
        Folder of the store [default: where training looks for it, `.coreecho-store-SIZE` in the data set].
    workers:
        Threads that decode [default: one for each core].
    """
    from coreecho.names import counted, readable
    from coreecho.video import FrameStore

    folder, files = _find(dataset, root, frame_size, {"view": view, "columns": columns}, store)
    built = FrameStore.build(folder, files, frame_size=frame_size, workers=workers, show_progress=True)
    num_frames = sum(built.num_frames(recording) for recording in files)
    size = num_frames * frame_size**2 / 1024**2
    kind = f"{num_frames} frames of {frame_size} x {frame_size} pixels"
    print(f"{readable(folder)}: {counted(len(files), 'videos')}, {kind}, {size:.1f} MiB")
    return 0


@app.command(name="verify")
def verify(
    dataset: str,
    root: Path,
    /,
    *,
    frame_size: FrameSize = 112,
    view: str | None = None,
    columns: str | None = None,
    store: StoreFolder = None,
) -> int:
    """Read every frame of a store against its checksum, and look whether its files have changed.

    The exit code is 1 when something is wrong; `coreecho store build` mends files that changed.

    Parameters
    ----------
    dataset:
        Layout of the data set.
    root:
        Folder of the data set.
    frame_size:
        Pixels a side.
    view:
        Of a data set with several views: which, such as `A2C` [default: its loader's].
    columns:
        Of `table`: columns by other names, `path=file,ef_percent=LVEF`.
    store:
        Folder of the store [default: where training looks for it].
    """
    from coreecho.names import readable
    from coreecho.video import FrameStore

    folder, files = _find(dataset, root, frame_size, {"view": view, "columns": columns}, store)
    opened = FrameStore.open(folder)
    stale, damaged = opened.stale(files), opened.verify(show_progress=True)
    faults = [f"{recording}: missing, or its file has changed since: build the store again" for recording in stale]
    faults += [f"{recording}: damaged on disk: clear the store, and build it again" for recording in damaged]
    # Plain prints: the list must survive a pipe, and names in it are no markup.
    print("\n".join(map(readable, faults)) or f"{readable(folder)}: all {len(opened)} videos are as they were written")
    return 1 if faults else 0


@app.command(name="clear")
def clear(dataset: str, root: Path, /, *, frame_size: FrameSize = 112, store: StoreFolder = None) -> int:
    """Delete a store, and nothing else. The data set itself is not touched.

    Parameters
    ----------
    dataset:
        Layout of the data set.
    root:
        Folder of the data set.
    frame_size:
        Pixels a side.
    store:
        Folder of the store [default: where training looks for it].
    """
    from coreecho.names import readable
    from coreecho.video import FrameStore

    folder = _folder(dataset, root, frame_size, store)
    freed = FrameStore.clear(folder)
    print(f"{readable(folder)}: deleted, {freed / 1024**2:.1f} MiB freed")
    return 0


def _find(
    dataset: str, root: Path, frame_size: int, options: dict[str, str | None], store: Path | None
) -> "tuple[Path, dict[str, VideoFile]]":
    from coreecho.datasets import load_recordings, video_files

    given = {name: value for name, value in options.items() if value is not None}
    files = video_files(dataset, load_recordings(dataset, root, **given))
    return _folder(dataset, root, frame_size, store), files


def _folder(dataset: str, root: Path, frame_size: int, store: Path | None) -> Path:
    """Ask training, so that both always mean the same folder."""
    from coreecho.training.run_folder import locate_data

    return locate_data(dataset, root, frame_size, store).store

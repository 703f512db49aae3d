"""`coreecho convert`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from coreecho.models.model_input import LARGEST_FRAME_SIZE


def convert(
    folder: Path,
    out: Path,
    /,
    *,
    labels: Path | None = None,
    label_scale: Annotated[float, Parameter(validator=validators.Number(gt=0))] = 1.0,
    mapping: Path | None = None,
    fps: Annotated[float, Parameter(validator=validators.Number(gt=0))] = 50.0,
    frame_size: Annotated[int, Parameter(validator=validators.Number(gte=32, lte=LARGEST_FRAME_SIZE, modulo=2))] = 112,
    series: Annotated[bool, Parameter(negative="")] = False,
    strict: Annotated[bool, Parameter(negative="")] = False,
    workers: Annotated[int, Parameter(validator=validators.Number(gte=1))] | None = None,
) -> int:
    """Make a data set from a folder of clips: `coreecho convert export/ dataset/ --labels ef.csv`.

    Takes DICOM, AVI, MP4, MOV, MKV, WebM, WMV, MPEG, GIF, WebP, PNG and TIFF clips at any depth, and writes them as
    EchoNet-Dynamic stores its own: the sector alone, grey, small, at one frame rate; of arrays (NPY, NPZ, NIfTI, NRRD)
    those that are as small already. No name, date, identifier or path is carried over; ids are random. The table
    `converted.csv` says what was taken, what was refused, and why, by the running number of the file in sorted order.
    The terminal names refused files, too; a log does not. The exit code is 1 where a file could not be read.

    With `--labels` the folder is ready for `coreecho train echonet` (add `--no-require-two-traced-frames`: there are no
    tracings); without, for `coreecho predict`.

    Parameters
    ----------
    folder:
        Folder of clips.
    out:
        Folder to write: new or empty.
    labels:
        CSV with the columns `path` (within the folder of clips), `ef_percent`, and `patient` or `split`; optional:
        `esv_ml`, `edv_ml`. No patient is put into two splits.
    label_scale:
        Multiply every EF of the table by this: 100 for fractions.
    mapping:
        Write to this file which clip became which id. It is the only key; without it there is none.
    fps:
        Frames per second of what is written. EchoNet-Dynamic mostly has 50.
    frame_size:
        Pixels a side, even.
    series:
        Take the single DICOM frames of one series in one folder, one a file, for one clip. Not done unasked: the stills
        of an examination may share a series, too. With `--labels`, give the EF to one of the files.
    strict:
        End with exit code 1 for every refused file, such as the stills and the colour Doppler of an examination.
    workers:
        Threads [default: one for each core].
    """
    from rich.console import Console

    from coreecho.datasets.convert import convert as convert_clips
    from coreecho.names import counted, readable

    clips = convert_clips(
        folder,
        out,
        labels=labels,
        label_scale=label_scale,
        mapping=mapping,
        fps=fps,
        frame_size=frame_size,
        joins_series=series,
        workers=workers,
        show_progress=True,
    )
    refused = [clip for clip in clips if clip.id is None]
    console = Console(stderr=True)
    for clip in refused:
        # The names of files are often those of patients: for who sits at the terminal, and for no log.
        name = f" ({readable(clip.path)})" if console.is_terminal and clip.path else ""
        how, style = ("Failed", "red") if clip.is_failed else ("Refused", "yellow")
        console.print(f"{how}: source {clip.number}{name}: {clip.note}", style=style, markup=False, highlight=False)
    table = readable(out / "converted.csv")
    failed = sum(clip.is_failed for clip in refused)
    taken = counted(len(clips) - len(refused), "clips")
    print(f"{taken} taken, {len(refused) - failed} refused, {failed} failed; the table is {table}")
    return int(any(strict or clip.is_failed for clip in refused))

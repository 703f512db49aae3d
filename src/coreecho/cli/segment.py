"""`coreecho segment`."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from coreecho.cli.options import Device, FileReading, NotNegative, TestedData, data_options
from coreecho.datasets.recording import Asked
from coreecho.shipped import DEFAULT


def segment(
    files: list[Path] | None = None,
    /,
    *,
    model: Path = Path(DEFAULT),
    out: Path = Path("segmentation"),
    beats: Literal["product", "power"] = "product",
    method: Literal["discs", "area-length"] = "discs",
    nifti: Annotated[bool, Parameter(negative="")] = False,
    film: bool = True,
    folders: Annotated[bool, Parameter(negative="")] = False,
    reading: FileReading | None = None,
    strict: Annotated[bool, Parameter(negative="")] = False,
    shown: TestedData | None = None,
    split: Asked = "test",
    device: Device = "auto",
    seed: NotNegative = 0,
) -> int:
    """Outline the left ventricle and measure each beat: `coreecho segment clip.dcm --out lv`, with your own
    `--model lv.safetensors`.

    Writes for each file its masks in the file's own pixels and frames, a film with the outline, and the volume over
    time with end-diastole (ED) and end-systole (ES) marked; and for all of them a table with a row a beat. A beat that
    the clip's ends cut off is left out, and an irregular rhythm is told. A file that cannot be read is reported and
    does not stop the others; the exit code is then 1. Files that are sound and no clip of a heartbeat are refused.

    Or measure it over a data set: `coreecho segment --dataset echonet --data ROOT --model lv.safetensors`. Gives Dice
    against the data set's masks at ED, at ES and over all, with 95 % intervals, how many frames ED and ES are away from
    the readers', the EF of beats against the labels, in how many clips no beat was found, and the same table with a row
    a beat; with `--folders` each recording's masks, film and curve, too. A data set is measured on its prepared frames,
    those of the model's size that are kept beside it, and its masks lie in their pixels; a file's masks lie in its own.

    Not a medical device: no EF shown here may guide the care of a patient.

    Parameters
    ----------
    files:
        Apical four-chamber clips of any kind that `coreecho predict` reads, and folders of them.
    model:
        Weights of a segmenter (`.safetensors`), the folder of the run that trained it, or `default`: the one that
        ships with coreecho, a research model that has seen no patient.
    out:
        Folder for the result.
    beats:
        How end-systole is told from the areas: `product`, by the range of 90 % of them, or `power`, as
        EchoNet-Dynamic's code has it, for figures that are compared with its own.
    method:
        Of the volumes that EF is of: by the method of disks (modified Simpson, single plane), or by area and length.
    nifti:
        Write the masks as NIfTI (.nii.gz), too; of a data set with `--folders`.
    film:
        Write the film with the outline; of a data set with `--folders`.
    folders:
        Of a data set: write a folder for each recording, with what a file gets. Its masks are in the pixels of the
        prepared frames.
    reading:
        How the files are read, where the usual way is not right.
    strict:
        End with exit code 1 for refused files, too.
    shown:
        The data set.
    split:
        With `--data`: the recordings that are measured.
    device:
        Where to compute: `cpu`, `gpu`, `cuda:1`, or `auto`: a GPU if there is one.
    seed:
        Of the intervals.
    """
    shown, reading = shown or TestedData(), reading or FileReading()
    from coreecho.errors import RecipeError
    from coreecho.report.shipped_model import say_default

    if bool(files) == (shown.data is not None):
        raise RecipeError(
            "Say what to segment: files, `coreecho segment FILE FOLDER`, or a data set, "
            "`coreecho segment --dataset echonet --data ROOT`."
        )
    options = _options(shown, reading, is_of_files=bool(files), nifti=nifti, film=film, folders=folders, strict=strict)
    if files:
        from coreecho.cli.segmenting import segment_files
        from coreecho.models.segmenter import open_segmenter

        segmenter = open_segmenter(model, device)
        say_default(model, "lv")
        return segment_files(
            segmenter,
            files,
            out,
            beats=beats,
            method=method,
            nifti=nifti,
            has_film=film,
            strict=strict,
            axes=reading.axes,
            joins_series=reading.series,
        )
    assert shown.data is not None
    from coreecho.cli.segmenting import segment_dataset
    from coreecho.ventricle.run_measuring import VentricleProtocol

    say_default(model, "lv")
    return segment_dataset(
        model,
        shown.data,
        out,
        nifti=nifti,
        has_film=film,
        has_folders=folders,
        dataset=shown.dataset,
        store=shown.store,
        options=options,
        protocol=VentricleProtocol(split=split, beats=beats, method=method, seed=seed),
        device=device,
        allow_overlap=shown.allow_overlap,
    )


def _options(
    shown: TestedData,
    reading: FileReading,
    *,
    is_of_files: bool,
    nifti: bool,
    film: bool,
    folders: bool,
    strict: bool,
) -> dict[str, Any]:
    """What the data set's loader is told.

    Raises:
        RecipeError: what is of a data set is given with files, or what is of files with a data set.
    """
    from coreecho.errors import RecipeError

    options = data_options(option=shown.option, columns=shown.columns, leave_out_faulty=shown.leave_out_faulty)
    if is_of_files:
        of_data: dict[str, object] = {
            "--dataset": shown.dataset,
            "--store": shown.store,
            "--allow-overlap": shown.allow_overlap,
        }
        of_data |= {"--option": shown.option, "--columns": shown.columns, "--leave-out-faulty": shown.leave_out_faulty}
        of_data |= {"--folders": folders}
        if given := [name for name, value in of_data.items() if value]:
            raise RecipeError(f"{_named(given)} of the data set under `--data`, and files are to be segmented.")
        return options
    of_files = {"--strict": strict, "--axes": reading.axes, "--series": reading.series}
    if given := [name for name, value in of_files.items() if value]:
        raise RecipeError(f"{_named(given)} of files, and a data set is to be measured.")
    of_folders = {"--nifti": nifti, "--no-film": not film}
    if not folders and (given := [name for name, value in of_folders.items() if value]):
        raise RecipeError(
            f"{_named(given)} of what is written for each clip; of a data set's recordings that is written with "
            "`--folders`."
        )
    return options


def _named(flags: list[str]) -> str:
    *others, last = (f"`{flag}`" for flag in flags)
    return f"{', '.join(others)} and {last} are" if others else f"{last} is"

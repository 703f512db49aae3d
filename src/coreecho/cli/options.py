"""Options that several commands have, said once: what they are called, what they mean, what they are by default."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter, validators

from coreecho.errors import RecipeError
from coreecho.video.clips import MOST_CLIPS

if TYPE_CHECKING:
    from coreecho.inference.subject import Subject

AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]
NotNegative = Annotated[int, Parameter(validator=validators.Number(gte=0))]


def _number_of_clips(_kind: object, value: object) -> None:
    if isinstance(value, int) and not 1 <= value <= MOST_CLIPS:
        raise ValueError(f"Must be >= 1 and at most {MOST_CLIPS:,}.")


# Of a count that may be a word as well: a limit within a union is not looked at.
NUMBER_OF_CLIPS = Parameter(validator=_number_of_clips)
Clips = Annotated[int | Literal["all"], NUMBER_OF_CLIPS]
Device = Annotated[str, Parameter(help="Where to compute: `cpu`, `gpu`, `cuda:1`, or `auto`: a GPU if there is one.")]
LeaveOutFaulty = Annotated[
    bool,
    Parameter(
        negative="",
        help="Of the data set under `--data`: take the recordings that nothing is wrong with, and name the others, "
        "instead of refusing all of it.",
    ),
]
# Of models that look at one beat.
BeatText = Annotated[
    str | None,
    Parameter(
        help="For models that look at one beat, as those trained on CAMUS (from ED to ES) and HMC-QU (one cycle): its "
        "first and last frame in each file, counted from 0, both included, as `FIRST:LAST`, or `all` frames. A LAST "
        "before FIRST runs backwards."
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class FileReading:
    """How clips from outside are read, where the usual way is not right."""

    axes: str | None = None
    """Of arrays (NPY, NPZ, NIfTI, MHD, NRRD) alone: which axis is which, where they are not in the usual order: T time,
    H rows, W columns, C colours, such as `HWT`. NumPy's as its shape has them, the others' as their header."""
    series: Annotated[bool, Parameter(negative="")] = False
    """Take the single DICOM frames of one series in one folder, one a file, for one clip. Not done unasked: the stills
    of an examination may share a series, too."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Computing:
    """How a trained model computes."""

    batch_size: AtLeastOne = 8
    """Clips at once."""
    device: Device = "auto"
    """Processor."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ShownData:
    """The data that a model is shown, where they are not its run's own."""

    data: Path | None = None
    """Root of another data set, or of the run's own where it has moved."""
    dataset: str | None = None
    """With `--data`: its layout, such as `table` [default: that of the training, or `echonet`]."""
    store: Path | None = None
    """Folder for the decoded frames [default: beside the data]."""
    columns: str | None = None
    """With `--dataset table`: columns by other names, `path=file,ef_percent=LVEF`."""
    option: list[str] | None = None
    """With `--data`: an option of the data set as NAME=VALUE, such as `fold=2`. May be given more than once."""
    leave_out_faulty: LeaveOutFaulty = False

    def subject(self, model: Path) -> "Subject":
        """Open a run, or a file of weights, on these data.

        Raises:
            RecipeError: what is told of other data is given without them.
        """
        from coreecho.inference.opening import open_subject

        options = data_options(option=self.option, columns=self.columns, leave_out_faulty=self.leave_out_faulty)
        if options and self.data is None:
            raise RecipeError(
                "`--columns`, `--option` and `--leave-out-faulty` are of the data under `--data`; those of a run are "
                "read as when it was trained."
            )
        return open_subject(model, data=self.data, dataset=self.dataset, store=self.store, options=options)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TestedData(ShownData):
    """The data that a model is tested on, where they are not its run's own."""

    allow_overlap: Annotated[bool, Parameter(negative="")] = False
    """Take recordings that the model was trained on, too; every figure and table then says so."""


def data_options(
    *, option: list[str] | None, leave_out_faulty: bool = False, **flags: str | int | None
) -> dict[str, Any]:
    """What a data set's loader is told, of what was typed.

    Args:
        option: texts NAME=VALUE.
        leave_out_faulty: whether to leave them out.
        **flags: values of options that have a flag of their own; None was not given.

    Raises:
        DatasetError: an option is not NAME=VALUE, or is given twice.
    """
    from coreecho.datasets.options import parse_options

    given = {name: value for name, value in flags.items() if value is not None}
    texts = parse_options([*(f"{name}={value}" for name, value in given.items()), *(option or ())])
    # Flags have been read already: a fold is a number.
    options: dict[str, Any] = {**texts, **given}
    if leave_out_faulty:
        options["leave_out_faulty"] = True
    return options

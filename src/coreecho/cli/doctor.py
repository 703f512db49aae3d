"""`coreecho doctor`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from coreecho.cli.options import data_options


def doctor(
    dataset: str,
    root: Path,
    /,
    *,
    json: Annotated[bool, Parameter(negative=())] = False,
    html: Path | None = None,
    remarks: Annotated[bool, Parameter(negative=())] = False,
    own_data: Annotated[bool, Parameter(negative=())] = False,
    label_scale: Annotated[float, Parameter(validator=validators.Number(gt=0))] = 1.0,
    columns: str | None = None,
    option: list[str] | None = None,
    check: list[str] | None = None,
    workers: Annotated[int, Parameter(validator=validators.Number(gte=1))] | None = None,
) -> int:
    """Check a data set before anyone trains on it: `coreecho doctor echonet EchoNet-Dynamic`.

    Reads every table and every clip once. One line says that all is well; else every fault is listed, and the exit
    code is 1.

    Parameters
    ----------
    dataset:
        Layout of the data set: `camus`, `echonet`, `echonet-pediatric`, `hmc-qu`, or `table` for a CSV, XLSX or Parquet
        file of paths and labels: its columns are `path`, and `ef_percent`, `has_mi`, `esv_ml`, `edv_ml` or any other
        of numbers; optional are `split`, `fold`, `patient`, `id`, `quality` and `view`.
    root:
        Folder of the data set; of `table` also the file.
    json:
        Print everything as JSON on stdout instead.
    html:
        Also write a page with histograms and thumbnails; it shows the sector alone.
    remarks:
        Also say what needs no mending, such as how many clips are short.
    own_data:
        The folder holds your own data in this layout: do not compare its counts with the published ones.
    label_scale:
        Multiply EF by this before looking at it, as the recipe will: 100 for fractions.
    columns:
        Of `table`: columns by other names, `path=file,ef_percent=LVEF`.
    option:
        Another option of the data set as NAME=VALUE. May be given more than once.
    check:
        Another check than those that ship, as `package.module:function`. May be given more than once.
    workers:
        Threads that read [default: one for each core].
    """
    from coreecho.datasets.doctor import examine
    from coreecho.names import counted, readable
    from coreecho.outputs import PAGE, Output, check_outputs

    check_outputs(Output("--html", html, PAGE))
    examination = examine(
        dataset,
        root,
        is_own_data=own_data,
        label_scale=label_scale,
        options=data_options(option=option, columns=columns),
        checks=check or (),
        has_thumbnails=html is not None,
        workers=workers,
        show_progress=True,
    )
    if html is not None:
        from coreecho.report.doctor_page import write_page

        write_page(examination, html)
    # Plain prints: the list must survive a pipe, and names in it are no markup.
    if json:
        print(examination.to_json())
    else:
        lines = [f"Remark: {readable(remark)}" for remark in examination.remarks]
        if lines and not remarks:
            # One may be of the folds or the frames, so that there are any is not kept back.
            hidden = f"Besides {counted(len(lines), 'remarks')}, which `--remarks` shows."
            print(examination.to_text(), hidden, sep=" " if examination.is_clean else "\n")
        else:
            print("\n".join([examination.to_text(), *lines]))
    return 0 if examination.is_clean else 1

"""`coreecho transfer`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.config import Dict

from coreecho.cli.data_faults import naming_all_faults
from coreecho.cli.options import LeaveOutFaulty, data_options
from coreecho.cli.typed import CONFIG
from coreecho.errors import RecipeError
from coreecho.files import write_whole
from coreecho.names import counted
from coreecho.training.hardware import Hardware
from coreecho.training.recipe import Recipe

if TYPE_CHECKING:
    from coreecho.experiments.transfer import TransferResult


def _settings_as_defaults(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """Let the transfer's recipe and the pretrained weights give every setting that no flag gives."""
    from coreecho.experiments.transfer import transfer_settings

    given = {argument.field_info.name: argument.tokens[0].value for argument in arguments if argument.tokens}
    if {"dataset", "weights", "method"} <= given.keys():
        settings = transfer_settings(given["dataset"], given["method"], given["weights"], given.get("protocol"))
        Dict(settings, source="the recipe of the transfer", use_commands_as_keys=False)(app, commands, arguments)


app = App(name="transfer", config=(*CONFIG, _settings_as_defaults))


@app.default
def transfer(
    dataset: str,
    /,
    *,
    data: Path,
    weights: Annotated[str, Parameter(name="--from")],
    method: Literal["probe", "fine-tune"],
    protocol: str | None = None,
    out: Path | None = None,
    against: Path | None = None,
    view: str | None = None,
    folds: str | None = None,
    all_clips: bool = False,
    columns: str | None = None,
    option: list[str] | None = None,
    leave_out_faulty: LeaveOutFaulty = False,
    allow_overlap: Annotated[bool, Parameter(negative=())] = False,
    store: Path | None = None,
    batch_size_test: int = 8,
    hardware: Annotated[Hardware | None, Parameter(name="*")] = None,
    recipe: Recipe | None = None,
) -> int:
    """Use what an encoder learned on another data set, by cross-validation over that data set's folds.

    Parameters
    ----------
    dataset:
        `camus` (EF), `hmc-qu` (myocardial infarction), or `table`, one of your own with the column `fold`.
    data:
        Root of the data set.
    weights:
        The pretrained encoder: a finished run, a file of weights, or `scratch` for one that has learned nothing.
    method:
        `probe` trains a new MLP head on the frozen encoder, `fine-tune` all weights.
    protocol:
        `published`: as the code that the paper follows, with no fold held out for validation: of HMC-QU the last epoch
        is tested and metrics are means over folds, of CAMUS the tested fold chooses its own epoch. `held-out`: one
        fold is tested, the next chooses the best epoch, and predictions are pooled. [default: published of HMC-QU,
        held-out of all others]
    out:
        Folder of the result [default: runs/DATASET-METHOD-seedSEED, with any other protocol than the usual one in it].
    against:
        Folder of another transfer on the same recordings: differences of every metric, paired, are shown as well.
    view:
        Of a data set with several views: which, such as `A2C` [default: its loader's].
    folds:
        Of a data set whose folds are made in several ways: CAMUS's `official` ones or consecutive `blocks` of patients
        as in the authors' code, HMC-QU's in the order of the `sheet` or of the `names` [default: its loader's].
    all_clips:
        Of a data set of which some clips are left out: all of them. HMC-QU: not only those that come with masks (the
        paper's 109 of A4C).
    columns:
        Of `table`: columns by other names, `path=file,ef_percent=LVEF`.
    option:
        Another option of the data set as NAME=VALUE, such as `fps=30` of `table`. May be given more than once.
    leave_out_faulty:
        Go on without them.
    allow_overlap:
        Go on where the encoder was trained on some of the recordings, and say so with every figure.
    store:
        Folder for the decoded frames [default: beside the data].
    batch_size_test:
        Clips at once when a fold is tested.
    hardware:
        What to compute on.
    recipe:
        The settings of the recipe; each flag overrules the recipe's file.
    """
    from coreecho.experiments.data import Data
    from coreecho.experiments.runs import Execution
    from coreecho.experiments.transfer import check_comparable, find_protocol, start_of, transfer_layout
    from coreecho.experiments.transfer import transfer as run_transfer
    from coreecho.stopping import stop_on_signals

    if against is not None:
        check_comparable(against)
    recipe = recipe or Recipe()
    if recipe.init != start_of(weights):
        raise RecipeError("`--from` says where the encoder starts: give no `--init` with it.")
    layout = transfer_layout(dataset)
    if all_clips and not layout.all_clips:
        raise RecipeError(f"{layout.title} has no clips that are left out unasked: give no `--all-clips` with it.")
    of_all_clips = layout.all_clips if all_clips else {}
    given = data_options(option=option, view=view, folds=folds, columns=columns, **of_all_clips)
    # What every layout may be told is no option of this one.
    options = layout.checked(given) | data_options(option=None, leave_out_faulty=leave_out_faulty)
    is_usual = find_protocol(layout, protocol) == find_protocol(layout, None)
    name = recipe.name if is_usual else f"{recipe.name}-{protocol}"
    out = out or Path("runs") / f"{name}-seed{recipe.seed}"
    with stop_on_signals(doing="after this step") as stop, naming_all_faults(dataset, data, options):
        execution = Execution(hardware=hardware, batch_size=batch_size_test, show_progress=True, stop=stop)
        learned = Data(dataset=dataset, root=data, options=options, store=store)
        result = run_transfer(recipe, learned, out, execution, protocol=protocol, allow_overlap=allow_overlap)
    show(result, against)
    return 0


def show(result: "TransferResult", against: Path | None) -> None:
    """Print the metrics, and the differences where another transfer is given."""
    from rich.console import Console

    from coreecho.experiments.transfer import compare
    from coreecho.report.tables import differences_table, metrics_table

    console = Console()
    console.print(f"Protocol {result.protocol}: {result.cross_validation.words}.", markup=False, soft_wrap=True)
    label = "" if result.overlap_label is None else f", {result.overlap_label}"
    if result.cross_validation.is_mean_over_folds:
        title = f"{result.out}: mean over the test folds{label}"
        console.print(metrics_table(result.mean_over_folds, title=title, is_phantom=result.is_phantom))
    for group, metrics in result.metrics.items():
        title = f"{result.out}: pooled test folds{_of(group)}{label}"
        console.print(metrics_table(metrics, title=title, is_phantom=result.is_phantom))
    if against is not None:
        differences = compare(result, against)
        for group, of_group in differences.items():
            title = f"{result.out} minus {against}, paired over the same recordings{_of(group)}"
            console.print(differences_table(of_group, result.metrics[group], title=title, is_phantom=result.is_phantom))
        entries = {
            group: {key: interval.to_dict() for key, interval in of_group.items()}
            for group, of_group in differences.items()
        }
        document = json.dumps({"against": against.name, "metrics": entries}, indent=2)
        write_whole(result.out / "differences.json", document + "\n")
    if result.left_out:
        said = f"{counted(len(result.left_out), 'recordings')} left out for faults, which {result.out / 'metrics.json'}"
        console.print(f"{said} lists.", markup=False, soft_wrap=True)
    console.print(f"Predictions and metrics: {result.out}", markup=False, soft_wrap=True)


def _of(group: str) -> str:
    from coreecho.experiments.transfer import ALL

    return "" if group == ALL else f", image quality {group}"

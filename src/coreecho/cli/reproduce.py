"""`coreecho reproduce`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from coreecho.errors import RecipeError
from coreecho.training.hardware import Hardware


def reproduce(
    table: str,
    /,
    *,
    data: Path | None = None,
    store: Path | None = None,
    phantom: bool = False,
    quick: bool = False,
    out: Path | None = None,
    plan: bool = False,
    seeds: str | None = None,
    k400: str | None = None,
    r2plus1d: str | None = None,
    coreecho: str | None = None,
    echocotr: str | None = None,
    saeed: str | None = None,
    weights: dict[str, str] | None = None,
    trained: list[str] | None = None,
    only_trained: Annotated[bool, Parameter(negative=())] = False,
    protocol: str | None = None,
    start_index: Path | None = None,
    batch_size_test: int = 8,
    hardware: Annotated[Hardware | None, Parameter(name="*")] = None,
) -> int:
    """Make a table of the paper: `coreecho reproduce table2 --data EchoNet-Dynamic --k400 uniformer_small_k400.pth`.

    Parameters
    ----------
    table:
        `table1`: comparison on EchoNet-Dynamic, `table2`: components, `table3`: augmentation and clips, `table4`:
        CAMUS, `table5`: HMC-QU, `cue`: a planted shortcut; or a YAML file of your own in the same form.
    data:
        Root of the table's data set.
    store:
        Folder for its decoded frames [default: beside the data].
    phantom:
        Simulated hearts instead.
    quick:
        Simulated hearts, few and for one epoch: shows that everything runs. Goes before `--phantom`.
    out:
        Folder for trainings and results [default: reproduction, reproduction-phantom or reproduction-quick].
    plan:
        Show the plan and its cost, and stop. Simulated hearts are written first.
    seeds:
        Of the trainings, `0:2` for 0 and 1; transfers, too, start from these [default: the paper's number of runs; on
        simulated hearts 0:5, and 0:3 for transfers].
    k400:
        UniFormer-S of Kinetics-400, from which the paper starts; or `scratch`.
    r2plus1d:
        R(2+1)D-18 of Kinetics-400, for table1; or `scratch`.
    coreecho:
        For table4 and table5: the CoReEcho model to transfer, a run or a file.
    echocotr:
        For table4 and table5: the EchoCoTr model to transfer, a run or a file.
    saeed:
        For table5: what Saeed and Yaqub's row starts from, a run of the recipe `echonet-beats`; or `scratch`.
    weights:
        Of a table of your own: what it calls NAME, as `--weights.NAME RUN_OR_FILE`.
    trained:
        Weights in place of a training, `--trained coreecho=coreecho.safetensors`, by the name of the training or the
        label of a row, such as what `coreecho import-weights` made of the published ones. Once for each.
    only_trained:
        Train nothing: rows without `--trained` show the paper's figures alone.
    protocol:
        For table4 and table5: `published` or `held-out`, as of `coreecho transfer` [default: the data set's usual one].
    start_index:
        For table1: file of the clips' starts of each test video, for EchoCoTr and CoReEcho, such as the authors'.
    batch_size_test:
        Clips at once when a model is tested.
    hardware:
        What to compute on.
    """
    from rich.console import Console

    from coreecho.experiments.plan_inputs import PlanInputs

    # These bring no PyTorch: what is mistyped is answered first.
    from coreecho.experiments.scales import PAPER, PHANTOM, QUICK
    from coreecho.experiments.seed_runs import parse_seeds
    from coreecho.experiments.table_file import flag_of, read_table

    scale = QUICK if quick else PHANTOM if phantom else PAPER
    named = {"k400": k400, "r2plus1d": r2plus1d, "coreecho": coreecho, "echocotr": echocotr}
    named["saeed"] = saeed
    pretrained = {name: path for name, path in named.items() if path is not None} | (weights or {})
    given = [
        f"--{name}"
        for name, value in (("data", data), ("store", store), ("start-index", start_index), ("trained", trained))
        if value is not None
    ]
    given += map(flag_of, pretrained)
    if scale.is_phantom and given:
        raise RecipeError(
            f"{', '.join(given)} cannot go with simulated hearts, which are written and learned from scratch: "
            "leave out either that, or `--phantom` and `--quick`."
        )
    written = read_table(table)
    needed = written.weights_needed()
    if unused := [flag_of(name) for name in pretrained if name not in needed]:
        raise RecipeError(f"{table} makes no use of {', '.join(unused)}: leave it out, or check the table's number.")
    default = "reproduction" if scale is PAPER else f"reproduction-{scale.name}"
    inputs = PlanInputs(
        out=out or Path(default),
        scale=scale if seeds is None else scale.with_seeds(parse_seeds(seeds)),
        weights=pretrained,
        data=data,
        store=store,
        trained=_weights_by_name(trained or []),
        only_trained=only_trained,
        protocol=protocol,
        start_index=start_index,
        show_progress=True,
    )
    if not scale.is_phantom and not written.only_phantoms:
        inputs.data_of(written.data)
    from coreecho.experiments.reproduction import carry_out, make_plan, show_plan
    from coreecho.experiments.result_files import show_results, write_results
    from coreecho.experiments.runs import Execution
    from coreecho.stopping import stop_on_signals

    console = Console()
    with stop_on_signals(doing="after this step") as stop:
        execution = Execution(hardware=hardware, batch_size=batch_size_test, show_progress=True, stop=stop)
        made = make_plan(table, inputs, execution)
        console.print(show_plan(made))
        if plan:
            return 0
        measured = carry_out(made, execution)
    console.print(show_results(measured))
    for path in write_results(measured, inputs.out, scale):
        console.print(f"written  {path}", markup=False, soft_wrap=True)
    return 0


def _weights_by_name(texts: list[str]) -> dict[str, Path]:
    """Read `NAME=FILE`. Raises RecipeError: one is no such pair, or a name is given twice."""
    found: dict[str, Path] = {}
    for text in texts:
        # The label of a row may hold the sign itself, and a path hardly ever does.
        name, equals, file = text.rpartition("=")
        if not equals or not name.strip() or not file.strip():
            raise RecipeError(f"--trained: expected NAME=FILE such as coreecho=coreecho.safetensors; got {text!r}.")
        if name in found:
            raise RecipeError(f"--trained: {name!r} is given twice.")
        found[name] = Path(file)
    return found

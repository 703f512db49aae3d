"""From what a person names, a run, a file of weights or the model that ships, to a model that can be asked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coreecho.datasets.layout import LAYOUTS
from coreecho.datasets.layout_names import USUAL_LAYOUT
from coreecho.errors import CheckpointError, RecipeError
from coreecho.inference.subject import Subject
from coreecho.models.weights import describe_weights
from coreecho.shipped import DEFAULT, is_default, resolve
from coreecho.training.run_folder import RunFolder, locate_data

# Of files that are meant as models, whatever is wrong with them; any other may be a clip in a model's place.
_CHECKPOINTS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".tar", "")


def open_subject(
    model: str | Path | RunFolder,
    *,
    data: Path | None = None,
    dataset: str | None = None,
    store: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Subject:
    """Say which model is asked about which recordings.

    Args:
        model: the folder of a run, an opened one, a file of weights, or `default` for the model that ships.
        data: root of a data set: others than those of the run, or where these have moved to. A file of weights needs
            it.
        dataset: its layout; that of the run, or the one that the weights were trained on, when not given.
        store: folder for the decoded frames; beside the data when not given.
        options: of the data set's loader, such as `fold` and `view`; those of the run for data in its layout. Where
            they ask for others of the run's own data, such as another view, these are data like any other.

    Raises:
        CheckpointError: neither a run nor a file of weights.
        DatasetError: an option that the layout does not have.
        RecipeError: a file of weights without data, or a layout without data.
    """
    if dataset is not None and data is None:
        raise RecipeError("`--dataset` is the layout of the data under `--data`: give both.")
    if not isinstance(model, RunFolder):
        if is_default(model):
            # Nothing is written into the installed package.
            if data is None:
                raise RecipeError(
                    f"`{DEFAULT}`, the model that ships with coreecho, comes without the recordings that it learned "
                    "from: say on which it shall be tried, `--data ROOT`, and `--dataset` where these are not in "
                    "EchoNet-Dynamic's layout. Without any, `coreecho phantom echonet hearts` simulates some for "
                    "`--data hearts`."
                )
            return _of_weights(resolve(model), data, dataset, store, options, folder=Path(f"{DEFAULT}-results"))
        # A run is a folder, and what is not there is said by `RunFolder.open`.
        if Path(model).is_file() or Path(model).suffix == ".safetensors":
            return _of_weights(Path(model), data, dataset, store, options)
    run = model if isinstance(model, RunFolder) else RunFolder.open(model)
    layout = dataset or run.data.dataset
    is_same_layout = layout == run.data.dataset
    # A run whose layout is not installed here can be looked at as it is.
    are_others = is_same_layout and bool(options) and _asks_for_others(run, options or {})
    if data is None or (is_same_layout and not are_others and data.resolve() == run.data.root.resolve()):
        own = run if store is None else RunFolder.open(run.path, store=store)
        return Subject(weights=run.best_weights, data=own.data, folder=run.path, run=own, run_on_data=own)
    if is_same_layout and not are_others and not run.data.root.exists():
        # The run's own data, which have moved; decoded frames that lay below them have moved along.
        moved = RunFolder.open(run.path, data=data, store=store)
        return Subject(weights=run.best_weights, data=moved.data, folder=run.path, run=moved, run_on_data=moved)
    given = dict(run.data.options if is_same_layout else {}) | dict(options or {})
    found = locate_data(layout, data, run.recipe.input.frame_size, store, given)
    other = RunFolder(run.path, run.recipe, found, run.info, draws_splits=False)
    return Subject(weights=run.best_weights, data=found, folder=run.path, run=run, run_on_data=other)


def _asks_for_others(run: RunFolder, options: Mapping[str, Any]) -> bool:
    """Whether options ask for other recordings than those of a run. Raises DatasetError: there is no such option."""
    layout = LAYOUTS.get(run.data.dataset)
    own, asked = (
        {name: value for name, value in given.items() if name != "leave_out_faulty"}
        for given in (run.data.options, {**run.data.options, **options})
    )
    return layout.settings(own) != layout.settings(asked)


def as_subject(run: RunFolder | Subject) -> Subject:
    """A run, on the data that it learned from, as a subject; a subject as it is."""
    return run if isinstance(run, Subject) else open_subject(run)


def _of_weights(
    path: Path,
    data: Path | None,
    dataset: str | None,
    store: Path | None,
    options: Mapping[str, Any] | None,
    folder: Path | None = None,
) -> Subject:
    try:
        card = describe_weights(path)
    except CheckpointError as error:
        if path.suffix.lower() in _CHECKPOINTS:
            raise
        raise CheckpointError(
            f"{path} is no model: expected the folder of a run, a file of weights (.safetensors), or `{DEFAULT}`. A "
            "clip is read by `coreecho predict`, and placed on a map by `coreecho map --clip`."
        ) from error
    if data is None:
        raise RecipeError(
            f"{path} is a file of weights, and knows no data: give `--data ROOT`, and `--dataset` where it is not "
            "EchoNet-Dynamic's layout; or give the folder of a run."
        )
    if card.model_input is None:
        raise CheckpointError(f"{path}: its card does not say how clips are cut and normalised for it.")
    layout = dataset or (USUAL_LAYOUT if card.trained_on is None else card.trained_on.dataset)
    found = locate_data(layout, data, card.model_input.frame_size, store, options)
    beside = path.with_name(f"{path.stem}-results")
    return Subject(weights=path, data=found, folder=folder or beside, run=None, run_on_data=None)

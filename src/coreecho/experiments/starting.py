"""Whether an encoder, before it is transferred, has met the recordings that it is to be tested on."""

from coreecho.datasets import load_recordings
from coreecho.errors import DatasetError
from coreecho.experiments.data import Data
from coreecho.experiments.runs import Execution
from coreecho.inference.subject import Subject
from coreecho.names import readable
from coreecho.shipped import resolve
from coreecho.training.recipe import Recipe
from coreecho.training.run_folder import locate_data, run_of_weights


def check_start(recipe: Recipe, data: Data, execution: Execution, *, allow: bool | None = None) -> str | None:
    """See that the encoder of a transfer was not trained on recordings that the transfer tests.

    Of a run that is known; a file of weights alone does not say what it was trained on.

    Args:
        recipe: of the transfer.
        data: to which is transferred.
        execution: whether to show a bar while frames are decoded.
        allow: go on all the same; None where nobody can be asked for that.

    Returns:
        What every figure is to say, where the encoder was trained on some of the recordings and that is allowed.

    Raises:
        DatasetError: the encoder was trained on some of them, or the data set is not as its layout says.
    """
    run = None if recipe.is_from_scratch else run_of_weights(resolve(recipe.init))
    if run is None:
        return None
    recordings = load_recordings(data.dataset, data.root, **data.options)
    tested = [recording for recording in recordings if recording.fold is not None]
    frame_size, store = run.recipe.input.frame_size, data.store
    if store is not None and frame_size != recipe.input.frame_size:
        # Frames of two sizes do not lie in one store.
        store = store.with_name(f"{store.name}-{frame_size}")
    found = locate_data(data.dataset, data.root, frame_size, store, data.options)
    start = Subject(weights=run.best_weights, data=found, folder=run.path, run=run, run_on_data=None)
    overlap = start.overlap(tested, show_progress=execution.show_progress)
    if overlap.trained and not allow:
        remedy = "" if allow is None else "; or give `--allow-overlap`, which labels every figure"
        raise DatasetError(
            f"{run.path} was trained on {len(overlap.trained)} of the {len(tested)} recordings under {data.root} that "
            f"the transfer tests, such as {readable(overlap.trained[0])}. Results on them say nothing about new "
            f"patients. Transfer from a model that has not met them{remedy}."
        )
    return overlap.label

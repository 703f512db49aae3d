"""Several trainings from one start, averaged into one network that is often better than each, and as fast as one.

The mean of weights, as Izmailov et al. 2018 ("Averaging Weights Leads to Wider Optima and Better Generalization") take
it of checkpoints of one training, and Wortsman et al. 2022 ("Model soups") of trainings from the same start with other
seeds and settings. It makes sense of networks in one basin alone: of two that began at different random weights it
makes a network that has learned nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from coreecho.errors import CheckpointError
from coreecho.models.card import WeightsCard
from coreecho.models.evaluation_mode import evaluation_mode
from coreecho.models.fitting import misfits, shapes_of
from coreecho.models.segmenter_card import SegmenterCard, card_from_json
from coreecho.models.weights import read_state
from coreecho.training.data import TrainingBatches, training_examples, training_loader
from coreecho.training.run_folder import RunFolder
from coreecho.training.stages import stages_of

# Batches from which the statistics of an averaged network are taken; 32 of 16 recordings and two clips are a thousand.
STATISTICS_BATCHES = 32
Batch = TypeVar("Batch")
_Norm = nn.modules.batchnorm._BatchNorm


def average_weights(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of the weights of several networks of one form, each number by itself.

    Args:
        states: their state dicts; counts, such as of the batches that a normalisation has seen, are the first's.

    Raises:
        CheckpointError: there is none, or they are of networks of different forms.
    """
    if not states:
        raise CheckpointError("No weights are given to be averaged: name at least one training.")
    for number, state in enumerate(states[1:], start=2):
        if faults := misfits(state, shapes_of(states[0])):
            raise CheckpointError(
                f"Weights {number} of those to be averaged do not fit the first: {'; '.join(faults)}."
            )
    return {
        # In doubles, so that the order of the networks changes nothing.
        name: torch.stack([state[name].double() for state in states]).mean(0).to(first.dtype)
        if first.is_floating_point()
        else first.clone()
        for name, first in states[0].items()
    }


def recompute_batch_statistics(network: nn.Module, batches: Iterable[Batch], look: Callable[[Batch], object]) -> int:
    """Take the statistics of batch normalisation anew, as the mean over batches: no training has those of a mean.

    Nothing learns, and dropout stands still. A network without batch normalisation stays as it is.

    Args:
        network: changed in place.
        batches: such as it is trained on.
        look: lets the network look at one, once.

    Returns:
        How many batches were seen.
    """
    norms = [module for module in network.modules() if isinstance(module, _Norm) and module.track_running_stats]
    if not norms:
        return 0
    seen = 0
    with evaluation_mode(network), _collecting(norms), torch.no_grad():
        for batch in batches:
            look(batch)
            seen += 1
    return seen


def average_runs(
    runs: Sequence[RunFolder], *, batches: int = STATISTICS_BATCHES
) -> tuple[dict[str, Tensor], WeightsCard | SegmenterCard]:
    """Average the best weights of runs, and take their batch statistics from the first one's training clips.

    Args:
        runs: finished; of one form, from one start, whatever they teach.
        batches: for the statistics.

    Returns:
        The weights and their card.

    Raises:
        CheckpointError: there is none, weights are missing, or are of different forms.
        DatasetError: the first one's data are not as expected.
    """
    found = [read_state(run.best_weights) for run in runs]
    mean = average_weights([state for state, _ in found])
    card = card_from_json(found[0][1])
    if len(runs) == 1 or card.trained_on is None:
        return mean, card
    first = runs[0]
    with torch.random.fork_rng(devices=[]):
        network = first.lesson.build_network(first.recordings("train")).eval()
    network.load_state_dict(mean)
    lesson = stages_of(first.recipe)[0].objective
    recompute_batch_statistics(
        network, _training_batches(first, batches), lambda batch: lesson.terms(network, *lesson.inputs(batch))
    )
    names = ", ".join(f"{run.recipe.name} (seed {run.recipe.seed})" for run in runs)
    source = f"mean of the weights of {len(runs)} trainings by coreecho: {names}"
    # The mean is of no epoch of the first one, and what that reached on its validation is not what the mean reaches.
    trained_on = replace(card.trained_on, epoch=None, best_validation=None)
    return network.state_dict(), replace(card, source=source, trained_on=trained_on)


def _training_batches(run: RunFolder, count: int) -> Iterable[Any]:
    """The first batches of the last epoch of stage 1, with all that is done to clips at random in it."""
    recipe, stage = run.recipe, stages_of(run.recipe)[0]
    recordings = run.recordings("train")
    order = TrainingBatches(
        [recording.id for recording in recordings],
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        stage=stage.number,
        epochs=stage.epochs,
        first_step=(stage.epochs - 1) * (len(recordings) // recipe.batch_size),
        rank=0,
        world_size=1,
    )
    examples = training_examples(stage, recordings, run.store(), run.data)
    return islice(training_loader(stage, examples, order, workers=0, pin_memory=False), count)


@contextmanager
def _collecting(norms: Sequence[_Norm]) -> Iterator[None]:
    """Forget the statistics, and let each batch count alike, until their own momentum counts again."""
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.reset_running_stats()
            # PyTorch's sign for a mean over all that was seen.
            norm.momentum = None
            norm.training = True
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.training = False

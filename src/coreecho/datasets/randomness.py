"""Random numbers as a pure function of what they are for.

A generator is made where it is needed, from (seed, purpose, stage, epoch, recording, view), and never kept. So a run
that is resumed in the middle of an epoch, with any number of workers or processes, draws the same clips; and a data set
that gains or loses a recording draws the same clips of all others.
"""

import hashlib
from enum import IntEnum

import numpy as np

# Purposes of one stage; the stages' streams lie this far apart.
_PURPOSES_OF_A_STAGE = 16


class Purpose(IntEnum):
    """What random numbers are drawn for; each purpose has a stream of its own."""

    ORDER = 0
    START = 1
    AUGMENTATION = 2
    DROPOUT = 3
    STRIDE = 4
    CAMERA = 5
    GREYS = 6


def generator_for(
    seed: int, purpose: Purpose, *, stage: int = 1, epoch: int = 0, recording: str = "", view: int = 0
) -> np.random.Generator:
    """Make the generator that belongs to these coordinates.

    Philox is counter-based: the key is (seed, purpose of a stage) and the upper words of its 256-bit counter are the
    other coordinates, so two generators never share a number unless 2**64 are drawn from one of them.

    Args:
        seed: of the run.
        purpose: what is drawn.
        stage: of the training, from 1.
        epoch: of the stage, from 0; of dropout the step.
        recording: its id, not its place in a list, which other recordings change.
        view: of the recording in a batch.
    """
    stream = purpose + _PURPOSES_OF_A_STAGE * (stage - 1)
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, view, _number_of(recording), epoch]))


def _number_of(recording: str) -> int:
    """64 bits of an id: of 10,000 recordings two agree with a probability of 3e-12."""
    return int.from_bytes(hashlib.blake2b(recording.encode("utf-8", "surrogateescape"), digest_size=8).digest())

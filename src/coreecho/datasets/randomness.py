"""Random numbers as a pure function of what they are for.

A generator is made where it is needed, from (seed, purpose, epoch, study, view), and never kept. So a run that is
resumed in the middle of an epoch, with any number of workers or processes, draws the same clips.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What random numbers are drawn for; each purpose has a stream of its own."""

    ORDER = 0
    START = 1
    AUGMENTATION = 2
    DROPOUT = 3


def generator_for(seed: int, purpose: Purpose, *, epoch: int = 0, study: int = 0, view: int = 0) -> np.random.Generator:
    """Make the generator that belongs to these coordinates.

    Philox is counter-based: the key is (seed, purpose) and the upper words of its 256-bit counter are the coordinates,
    so two generators never share a number unless 2**64 are drawn from one of them.
    """
    return np.random.Generator(np.random.Philox(key=[seed, purpose], counter=[0, view, study, epoch]))

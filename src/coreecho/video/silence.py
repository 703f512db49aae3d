"""What libraries say of odd files by themselves, which may quote a patient's name."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent_readers() -> Iterator[None]:
    """Keep what pydicom warns of and logs away from every log: it quotes the values that it finds odd.

    Not to be entered in threads: it holds for the whole process.
    """
    logger = logging.getLogger("pydicom")
    was_disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled

"""What libraries say of odd files by themselves, which may quote a patient's name."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_LOGGER = logging.getLogger("pydicom")
_guard = threading.Lock()
_silence = ExitStack()
_num_inside = 0


@contextmanager
def silent_readers() -> Iterator[None]:
    """Keep what pydicom warns of and logs away from every log: it quotes the values that it finds odd.

    It holds for the whole process, from the first thread that enters to the last one that leaves.
    """
    global _num_inside
    with _guard:
        if _num_inside == 0:
            _silence.callback(setattr, _LOGGER, "disabled", _LOGGER.disabled)
            _LOGGER.disabled = True
            _silence.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _num_inside += 1
    try:
        yield
    finally:
        with _guard:
            _num_inside -= 1
            if _num_inside == 0:
                _silence.close()

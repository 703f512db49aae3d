"""What devices are called, without PyTorch: a word that can be none is answered before anything heavy is imported."""

import re

from coreecho.checking import nearest

# A GPU if there is one, and the first of whatever maker.
_OURS = ("auto", "gpu")
# The kinds that PyTorch has; each may be followed by a number.
_KINDS = ("cpu", "cuda", "mps", "xpu", "hpu", "xla", "mtia", "ipu", "hip", "maia", "privateuseone")
_NAME = re.compile(rf"{'|'.join(_OURS)}|({'|'.join(_KINDS)})(:[0-9]+)?")
_EXPECTED = "expected `auto`, `cpu`, `gpu`, or one by its name, such as `cuda:1` or `mps`"


def fault_of_device(name: str) -> str | None:
    """Say what was expected of a name that is no device's on any machine, and which is nearest; None where it may be.

    Whether this machine has it is asked of PyTorch, by `find_device`.
    """
    if _NAME.fullmatch(name):
        return None
    close = nearest(name.partition(":")[0], (*_OURS, *_KINDS))
    return _EXPECTED if close is None else f"{_EXPECTED}; did you mean {close}?"

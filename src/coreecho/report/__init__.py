"""What a run has to show: pictures, tables and the folder of an evaluation."""

from typing import TYPE_CHECKING, Any

from coreecho.later import import_from
from coreecho.notices import NOTICE, PHANTOM_LABEL

if TYPE_CHECKING:
    from coreecho.report.figures import bland_altman, learning_curves, scatter

__all__ = ["NOTICE", "PHANTOM_LABEL", "bland_altman", "learning_curves", "scatter"]

# A table of files draws nothing, and need not wait for Matplotlib.
_ROOM_OF = dict.fromkeys(("bland_altman", "learning_curves", "scatter"), "coreecho.report.figures")


def __getattr__(name: str) -> Any:
    return import_from(_ROOM_OF, name, package=__name__)

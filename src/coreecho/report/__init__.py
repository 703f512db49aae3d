"""What a run has to show: pictures, tables and the folder of an evaluation."""

from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.report.figures import bland_altman, learning_curves, scatter

__all__ = ["NOTICE", "PHANTOM_LABEL", "bland_altman", "learning_curves", "scatter"]

"""What a run has to show: pictures, tables and the folder of an evaluation."""

from coreecho.report.figures import NOTICE, PHANTOM_LABEL, bland_altman, contact_sheet, learning_curves, scatter

__all__ = ["NOTICE", "PHANTOM_LABEL", "bland_altman", "contact_sheet", "learning_curves", "scatter"]

"""Names and messages from outside, as they may stand in a table that a spreadsheet opens."""

from coreecho.names import readable

# With these a cell begins that a spreadsheet would run.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def csv_cell(text: str) -> str:
    """Escape a text, and keep a spreadsheet from taking it for a formula: it then begins with an apostrophe."""
    shown = readable(text)
    return f"'{shown}" if text.startswith(_FORMULAS) else shown

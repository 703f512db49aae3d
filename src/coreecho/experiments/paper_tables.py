"""The tables by their names.

Figures that the paper gives are its own, those marked there as reproduced included; works that it only cites stand in
a table for comparison and are not trained here.
"""

from collections.abc import Callable

from coreecho.errors import RecipeError
from coreecho.experiments.echonet_tables import cue_table, table1, table2, table3
from coreecho.experiments.sources import Sources
from coreecho.experiments.tables import PaperTable
from coreecho.experiments.transfer_tables import table4, table5

TABLES: dict[str, Callable[[Sources], PaperTable]] = {
    "table1": table1,
    "table2": table2,
    "table3": table3,
    "table4": table4,
    "table5": table5,
    "cue": cue_table,
}

# What of `Sources` a table of real data is made from.
NEEDS: dict[str, frozenset[str]] = {
    "table1": frozenset({"data", "store", "k400", "r2plus1d"}),
    "table2": frozenset({"data", "store", "k400"}),
    "table3": frozenset({"data", "store"}),
    "table4": frozenset({"data", "store", "coreecho", "echocotr"}),
    "table5": frozenset({"data", "store", "coreecho", "echocotr", "k400"}),
    "cue": frozenset(),
}


def build_table(name: str, sources: Sources) -> PaperTable:
    """Plan a table.

    Args:
        name: one of `TABLES`.
        sources: data and weights.

    Raises:
        RecipeError: the name is unknown, or data or weights that it needs are not given.
    """
    if name not in TABLES:
        raise RecipeError(f"There is no table {name!r}; there are {', '.join(TABLES)}.")
    return TABLES[name](sources)

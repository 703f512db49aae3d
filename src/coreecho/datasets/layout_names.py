"""Which layouts of data sets there are, by name: a slip of the fingers is told before what reads them is imported."""

from typing import Any

from coreecho.registry import Registry

LAYOUT_PLACES = {
    "camus": "coreecho.datasets.camus:CAMUS",
    "echonet": "coreecho.datasets.echonet_dynamic:ECHONET_DYNAMIC",
    "echonet-beats": "coreecho.datasets.echonet_beats:ECHONET_BEATS",
    "echonet-pediatric": "coreecho.datasets.echonet_pediatric:ECHONET_PEDIATRIC",
    "hmc-qu": "coreecho.datasets.hmc_qu:HMC_QU",
    "table": "coreecho.datasets.table:TABLE",
}
KIND, ENTRY_POINTS = "data set", "coreecho.layouts"
# Its `check` is all that a command line needs; `layout.LAYOUTS` gives the layouts themselves.
LAYOUT_NAMES: Registry[Any] = Registry(KIND, ENTRY_POINTS, LAYOUT_PLACES)
# What is taken where nobody says it: of data; of files, for a model of which it is not known what it has learned from;
# and of infarctions.
USUAL_LAYOUT, FILES_LAYOUT, INFARCTIONS_LAYOUT = "echonet", "table", "hmc-qu"

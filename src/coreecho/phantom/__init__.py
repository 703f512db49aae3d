"""Simulated hearts with a known ejection fraction, written in the layouts of the real data sets."""

from coreecho.phantom.camus_layout import write_camus_phantoms
from coreecho.phantom.hmc_qu_layout import write_hmc_qu_phantoms
from coreecho.phantom.layouts import write_echonet_phantoms
from coreecho.phantom.settings import SCANNERS, PhantomSettings, Scanner

__all__ = [
    "SCANNERS",
    "PhantomSettings",
    "Scanner",
    "write_camus_phantoms",
    "write_echonet_phantoms",
    "write_hmc_qu_phantoms",
]

"""Simulated hearts with a known ejection fraction, written in the layouts of the real data sets."""

from coreecho.phantom.camus_layout import CAMUS_SETTINGS, write_camus_phantoms
from coreecho.phantom.hmc_qu_layout import HMC_QU_SETTINGS, write_hmc_qu_phantoms
from coreecho.phantom.layouts import write_echonet_phantoms
from coreecho.phantom.settings import SCANNERS, Difficulty, PhantomSettings, Scanner, ScannerName

__all__ = [
    "CAMUS_SETTINGS",
    "HMC_QU_SETTINGS",
    "SCANNERS",
    "Difficulty",
    "PhantomSettings",
    "Scanner",
    "ScannerName",
    "write_camus_phantoms",
    "write_echonet_phantoms",
    "write_hmc_qu_phantoms",
]

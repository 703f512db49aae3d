"""Simulated hearts with a known ejection fraction, written in the layouts of the real data sets."""

from coreecho.phantom.layouts import write_echonet_phantoms
from coreecho.phantom.settings import SCANNERS, PhantomSettings, Scanner

__all__ = ["SCANNERS", "PhantomSettings", "Scanner", "write_echonet_phantoms"]

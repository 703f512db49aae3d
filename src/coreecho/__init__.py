"""Continuous representations of echocardiograms."""

"""Plots, written as SVG and as PNG."""

"""Inference: the Python API, file and stream prediction for the command line, and the live monitor in a browser.

An exported model needs numpy, soundfile, soxr and LiteRT only; JAX is imported where a run folder is loaded.
"""

"""The model at work: in Python, in a terminal, in a browser.

An exported file is run by numpy, soundfile, soxr and LiteRT alone; JAX is imported where a run folder is served.
"""

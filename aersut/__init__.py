"""AERSUT: small networks that hear emotion in a voice, trained in JAX and shipped to microcontrollers."""

__version__ = "0.1.0"

"""Stress conditions: reproducible changes of recordings, under which a classifier is evaluated."""

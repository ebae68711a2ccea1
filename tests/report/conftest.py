"""A finished run that a test may change."""

from tests.evaluation.conftest import own_run

__all__ = ["own_run"]

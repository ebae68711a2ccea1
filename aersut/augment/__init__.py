"""Augmenters: random changes of an example that keep its shape and its emotion."""

from aersut.augment.example import Example
from aersut.augment.noise import Noise
from aersut.augment.time_shift import TimeShift

__all__ = ["Example", "Noise", "TimeShift"]

"""Augmenters: random changes of an example that keep its shape and its emotion."""

from aersut.augment.background import Background
from aersut.augment.band_limit import BandLimit
from aersut.augment.equalize import Equalize
from aersut.augment.example import Example
from aersut.augment.gain import Gain
from aersut.augment.mel_warp import MelWarp
from aersut.augment.mixup import Mixup
from aersut.augment.noise import Noise
from aersut.augment.pitch_shift import PitchShift
from aersut.augment.reverb import Reverb
from aersut.augment.spec_augment import SpecAugment
from aersut.augment.time_shift import TimeShift
from aersut.augment.time_stretch import TimeStretch

__all__ = [
    "Background",
    "BandLimit",
    "Equalize",
    "Example",
    "Gain",
    "MelWarp",
    "Mixup",
    "Noise",
    "PitchShift",
    "Reverb",
    "SpecAugment",
    "TimeShift",
    "TimeStretch",
]

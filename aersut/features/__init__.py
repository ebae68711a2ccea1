"""Feature extractors, and the frontend that joins them with augmentation and scaling."""

from aersut.features.centered import Centered
from aersut.features.chroma import Chroma
from aersut.features.delta import Delta, DeltaDelta
from aersut.features.egemaps import EGeMAPS
from aersut.features.f0 import F0
from aersut.features.log_mel import LogMel
from aersut.features.mel import Mel
from aersut.features.mfcc import MFCC
from aersut.features.rms import RMS
from aersut.features.signal import Signal
from aersut.features.spectral import SpectralCentroid, SpectralFlatness
from aersut.features.zcr import ZCR

__all__ = [
    "F0",
    "MFCC",
    "RMS",
    "ZCR",
    "Centered",
    "Chroma",
    "Delta",
    "DeltaDelta",
    "EGeMAPS",
    "LogMel",
    "Mel",
    "Signal",
    "SpectralCentroid",
    "SpectralFlatness",
]

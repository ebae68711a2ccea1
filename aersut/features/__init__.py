"""Feature extractors, and the frontend that joins them with augmentation and scaling."""

from aersut.features.log_mel import LogMel
from aersut.features.mfcc import MFCC
from aersut.features.rms import RMS
from aersut.features.signal import Signal
from aersut.features.zcr import ZCR

__all__ = ["MFCC", "RMS", "ZCR", "LogMel", "Signal"]

"""Feature extractors, the audio frontend (augmentation, features, scaling) and the features cache."""

from aersut.features.centered import Centered as Centered
from aersut.features.chroma import Chroma as Chroma
from aersut.features.delta import Delta as Delta
from aersut.features.delta import DeltaDelta as DeltaDelta
from aersut.features.egemaps import EGeMAPS as EGeMAPS
from aersut.features.f0 import F0 as F0
from aersut.features.log_energy import LogEnergy as LogEnergy
from aersut.features.log_mel import LogMel as LogMel
from aersut.features.mel import Mel as Mel
from aersut.features.mfcc import MFCC as MFCC
from aersut.features.pcen import PCEN as PCEN
from aersut.features.rasta import Rasta as Rasta
from aersut.features.relative import Relative as Relative
from aersut.features.rms import RMS as RMS
from aersut.features.signal import Signal as Signal
from aersut.features.spectral import SpectralCentroid as SpectralCentroid
from aersut.features.spectral import SpectralFlatness as SpectralFlatness
from aersut.features.zcr import ZCR as ZCR

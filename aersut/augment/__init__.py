"""Augmenters: random changes of training examples that keep their shape; those of a batch change labels too."""

from aersut.augment.background import Background as Background
from aersut.augment.band_limit import BandLimit as BandLimit
from aersut.augment.codec import Codec as Codec
from aersut.augment.equalize import Equalize as Equalize
from aersut.augment.example import Example as Example
from aersut.augment.freq_mixstyle import FreqMixStyle as FreqMixStyle
from aersut.augment.gain import Gain as Gain
from aersut.augment.interference import Interference as Interference
from aersut.augment.mel_band_limit import MelBandLimit as MelBandLimit
from aersut.augment.mel_gain import MelGain as MelGain
from aersut.augment.mel_noise import MelNoise as MelNoise
from aersut.augment.mel_reverb import MelReverb as MelReverb
from aersut.augment.mel_shift import MelShift as MelShift
from aersut.augment.mel_warp import MelWarp as MelWarp
from aersut.augment.mixup import Mixup as Mixup
from aersut.augment.noise import Noise as Noise
from aersut.augment.pitch_shift import PitchShift as PitchShift
from aersut.augment.reverb import Reverb as Reverb
from aersut.augment.room import Room as Room
from aersut.augment.spec_augment import SpecAugment as SpecAugment
from aersut.augment.time_shift import TimeShift as TimeShift
from aersut.augment.time_stretch import TimeStretch as TimeStretch

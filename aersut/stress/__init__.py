"""Stress conditions: reproducible changes of recordings, under which a classifier is evaluated."""

from aersut.stress.bandwidth import BandLimit as BandLimit
from aersut.stress.bandwidth import SampleRate as SampleRate
from aersut.stress.codec import Codec as Codec
from aersut.stress.interference import DCOffset as DCOffset
from aersut.stress.interference import Hum as Hum
from aersut.stress.level import Clipping as Clipping
from aersut.stress.level import Gain as Gain
from aersut.stress.level import PeakNormalization as PeakNormalization
from aersut.stress.noise import PinkNoise as PinkNoise
from aersut.stress.noise import RecordedNoise as RecordedNoise
from aersut.stress.noise import WhiteNoise as WhiteNoise
from aersut.stress.placement import Placement as Placement
from aersut.stress.reverberation import ImpulseResponses as ImpulseResponses
from aersut.stress.reverberation import Reverberation as Reverberation
from aersut.stress.standard import STANDARD as STANDARD
from aersut.stress.standard import STANDARD_NAME as STANDARD_NAME
from aersut.stress.tempo import Tempo as Tempo

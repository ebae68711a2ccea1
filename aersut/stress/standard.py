"""The standard set of stress conditions, whose mean UAR (stress mean) papers can quote."""

from aersut.contracts import Condition
from aersut.stress.bandwidth import BandLimit, SampleRate
from aersut.stress.codec import Codec
from aersut.stress.interference import DCOffset, Hum
from aersut.stress.level import Clipping, Gain, PeakNormalization
from aersut.stress.noise import PinkNoise, WhiteNoise
from aersut.stress.placement import Placement
from aersut.stress.reverberation import Reverberation
from aersut.stress.tempo import Tempo

STANDARD_NAME = "aersut-1"
"""Name of the set; a set with another condition or another parameter gets another name."""

STANDARD: tuple[Condition, ...] = (
    *(Gain(gain_db) for gain_db in (-24.0, -12.0, 12.0, 24.0)),
    PeakNormalization(),
    *(Clipping(fraction) for fraction in (0.01, 0.1)),
    *(WhiteNoise(snr_db) for snr_db in (20.0, 10.0, 5.0, 0.0)),
    *(PinkNoise(snr_db) for snr_db in (20.0, 10.0, 5.0, 0.0)),
    Reverberation(0.3, direct_db=6.0),
    Reverberation(0.8, direct_db=0.0),
    BandLimit(300.0, 3_400.0),
    SampleRate(8_000),
    *(Codec(codec) for codec in ("mu_law", "gsm", "opus", "mp3")),
    DCOffset(0.01),
    Hum(50.0, snr_db=10.0),
    *(Tempo(rate) for rate in (0.85, 1.15)),
    Placement(before=0.5, after=1.0),
)
"""The 28 conditions of the set."""

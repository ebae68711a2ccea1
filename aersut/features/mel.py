"""Mel spectrogram."""

from dataclasses import dataclass

from jaxtyping import Array, Float

from aersut import matrices
from aersut.contracts import Feature, Framing
from aersut.features.signal import Signal
from aersut.registry import FEATURES


@FEATURES.register("mel")
@dataclass(frozen=True)
class Mel(Feature):
    """Mel spectrogram as power, not in dB: `librosa.feature.melspectrogram`, within 1e-5 of the clip's maximum.

    Attributes:
        n_mels: number of mel bands.
        fmin, fmax: lowest and highest band edge in Hz; None is half the sample rate.
        pre_emphasis: coefficient of the high-pass filter in front of the frames, 0 (off) to 1.
        htk: HTK's mel scale instead of Slaney's.
    """

    n_mels: int = 64
    fmin: float = 0.0
    fmax: float | None = None
    pre_emphasis: float = 0.0
    htk: bool = False

    def __post_init__(self) -> None:
        matrices.check_mel(self.n_mels, self.fmin, self.fmax, self.pre_emphasis)

    def check(self, framing: Framing) -> None:
        matrices.check_nyquist(self.fmin, self.fmax, framing.sample_rate)

    @property
    def channels(self) -> int:
        return self.n_mels

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        return signal.mel(self.n_mels, self.fmin, self.fmax, self.pre_emphasis, self.htk)

"""The mel spectrogram as power."""

from dataclasses import dataclass

from jaxtyping import Array, Float

from aersut import matrices
from aersut.contracts import Feature, Framing
from aersut.features.signal import Signal
from aersut.registry import FEATURES


@FEATURES.register("mel")
@dataclass(frozen=True)
class Mel(Feature):
    """Power in mel bands, not in dB: `librosa.feature.melspectrogram`, to 1e-5 of a clip's largest value.

    Attributes:
        n_mels: bands.
        fmin, fmax: their edges in Hz; None is half the sample rate.
        pre_emphasis: coefficient of the high-pass filter before the frames, 0 for none, at most 1.
        htk: HTK's mel scale instead of Slaney's.
    """

    n_mels: int = 64
    fmin: float = 0.0
    fmax: float | None = None
    pre_emphasis: float = 0.0
    htk: bool = False

    def __post_init__(self) -> None:
        matrices.check_bands(self.n_mels, self.fmin, self.fmax)
        matrices.check_pre_emphasis(self.pre_emphasis)

    def check(self, framing: Framing) -> None:
        matrices.check_bands(self.n_mels, self.fmin, self.fmax, framing.sample_rate)

    @property
    def channels(self) -> int:  # type: ignore[override]
        return self.n_mels

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        return signal.mel(self.n_mels, self.fmin, self.fmax, self.pre_emphasis, self.htk)

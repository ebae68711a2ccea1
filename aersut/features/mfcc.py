"""Mel-frequency cepstral coefficients."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut import matrices
from aersut.contracts import Feature, Framing
from aersut.features.signal import Signal, decibels
from aersut.registry import FEATURES


@FEATURES.register("mfcc")
@dataclass(frozen=True)
class MFCC(Feature):
    """Mel-frequency cepstral coefficients (Davis & Mermelstein 1980), with optional pre-emphasis and liftering.

    `librosa.feature.mfcc` of the mel spectrogram in dB, with `top_db=None` by default. Values span hundreds. On
    speech, the largest difference is 2e-2; 99 % of the cells agree to 2e-3 (librosa transforms in double precision,
    this feature in single precision). A lifter multiplies the differences by its weights.

    Attributes:
        n_mfcc: number of coefficients; the first is the mean level.
        n_mels: number of mel bands in front of the cosine transform.
        fmin, fmax: lowest and highest band edge in Hz; None is half the sample rate.
        pre_emphasis: coefficient of the high-pass filter in front of the frames, 0 (off) to 1 (0.97 is common).
        htk: HTK's mel scale instead of Slaney's.
        lifter: weight coefficient n by 1 + lifter / 2 · sin(π (n + 1) / lifter), as librosa does; 0 for none.
        top_db: clip to this range in dB below the clip's maximum, 80 by default in librosa; this prevents streaming.
        amin: lower limit of the power, librosa's `amin`; digital silence, such as padding, has this level.
    """

    n_mfcc: int = 13
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float | None = None
    pre_emphasis: float = 0.0
    htk: bool = False
    lifter: int = 0
    top_db: float | None = None
    amin: float = 1e-10

    def __post_init__(self) -> None:
        matrices.check_mel(self.n_mels, self.fmin, self.fmax, self.pre_emphasis, self.top_db, self.amin)
        if self.lifter < 0:
            raise ValueError(f"lifter must be 0 (none) or more, got {self.lifter}")
        if not 1 <= self.n_mfcc <= self.n_mels:
            raise ValueError(f"n_mfcc must be between 1 and n_mels ({self.n_mels}), got {self.n_mfcc}")

    def check(self, framing: Framing) -> None:
        matrices.check_nyquist(self.fmin, self.fmax, framing.sample_rate)

    @property
    def channels(self) -> int:
        return self.n_mfcc

    @property
    def whole_utterance(self) -> bool:
        return self.top_db is not None

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        power = signal.mel(self.n_mels, self.fmin, self.fmax, self.pre_emphasis, self.htk)
        bands = decibels(power, self.top_db, self.amin)
        matrix = matrices.dct(self.n_mels, self.n_mfcc)
        if self.lifter:
            matrix = matrix * matrices.lifter(self.n_mfcc, self.lifter)
        return bands @ jnp.asarray(matrix)

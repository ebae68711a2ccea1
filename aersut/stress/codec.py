"""Speech codecs."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from aersut.contracts import Condition, SkippedConditionError
from aersut.data.codecs import CODECS, recoded
from aersut.errors import UserError
from aersut.registry import CONDITIONS

TITLES = {
    "mu_law": "µ-law 8 kHz",
    "gsm": "GSM 6.10, 8 kHz",
    "opus": "Opus 16 kbit/s",
    "mp3": "MP3 24 kbit/s",
}


@CONDITIONS.register("codec")
@dataclass(frozen=True)
class Codec(Condition):
    """Encoding and decoding by a lossy codec at a low bit rate.

    Attributes:
        codec: mu_law, gsm, opus or mp3 (`aersut.data.codecs.CODECS`). It is skipped if libsndfile lacks it.
    """

    codec: str = "opus"

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ValueError(f"codec must be one of {', '.join(CODECS)}, got {self.codec!r}")

    @property
    def title(self) -> str:
        return TITLES.get(self.codec, self.codec)

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " samples"]:
        try:
            return recoded(samples, sample_rate, self.codec)
        except UserError as error:
            raise SkippedConditionError(str(error)) from None

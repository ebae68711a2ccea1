"""Speech codecs."""

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import soundfile
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.random_apply import check_probability
from aersut.contracts import Augmenter
from aersut.data.codecs import CODECS, recoded
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("codec")
@dataclass(frozen=True)
class Codec(Augmenter):
    """Encoding and decoding with a random speech codec, as on a telephone line or in a voice message.

    libsndfile does both on the host, so it augments cached copies only (`augmented_copies`). The gradient is that of
    the identity.

    Attributes:
        codecs: names of the codecs, drawn with equal probability: mu_law, gsm, opus, mp3 (`aersut.data.codecs`).
        probability: probability of a change.
    """

    host = True
    codecs: tuple[str, ...] = tuple(CODECS)
    probability: float = 0.5

    def __post_init__(self) -> None:
        if not self.codecs:
            raise ValueError(f"codecs must name at least one of {', '.join(CODECS)}")
        if unknown := [codec for codec in self.codecs if codec not in CODECS]:
            raise ValueError(f"codecs must be names out of {', '.join(CODECS)}, got {', '.join(unknown)}")
        check_probability(self.probability)

    def fingerprint(self) -> str:
        return str(soundfile.__libsndfile_version__)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, which = jax.random.split(key)
        for codec in self.codecs:  # a missing one is reported here: an error in a callback has a long traceback
            recoded(np.zeros(160, np.float32), 16_000, codec)

        def on_host(samples: Array, index: Array) -> Float[np.ndarray, " samples"]:
            kept = np.asarray(samples)
            return kept if index < 0 else recoded(kept, example.sample_rate, self.codecs[int(index)])

        # -1 instead of a branch of `lax.cond`: under `jax.vmap`, both branches would run for every clip
        index = jax.random.randint(which, (), 0, len(self.codecs))
        index = jnp.where(jax.random.uniform(chance) < self.probability, index, -1)
        values = jax.lax.stop_gradient(example.values)
        like = jax.ShapeDtypeStruct(values.shape, values.dtype)  # type: ignore[no-untyped-call]
        changed = jax.pure_callback(on_host, like, values, index, vmap_method="sequential")
        return dataclasses.replace(example, values=example.values + jax.lax.stop_gradient(changed - values))

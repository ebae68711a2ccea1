"""Phase vocoder: a change of tempo without a change of pitch, for `time_stretch` and `pitch_shift`.

The algorithm of `librosa.effects.time_stretch` (Ellis 2002), with two differences that do not change the result.
librosa accumulates wrapped phase differences, and uses them only as exp(i·angle). Here unit phasors are multiplied
instead, which avoids three transcendental functions per bin. The number of frames is fixed, so one compiled function
serves every rate.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from aersut.matrices import hann

FRAME = 2048
HOP = FRAME // 4
TINY = 1e-20
"""Lowest power of a bin that has a phase; the phase of silence is 0, as in NumPy."""


def stretch(samples: Float[Array, " samples"], rate: Float[Array, ""], length: int) -> Float[Array, " length"]:
    """Return the first `length` samples of a signal at `rate` times its tempo, padded with silence.

    `librosa.effects.time_stretch(samples, rate=rate)`, to 1e-4 of full scale except for the last frame.
    """
    spectrum = _stft(samples)
    last = len(spectrum) - 1
    frames = 1 + (length - 1 + FRAME // 2) // HOP  # number of frames that overlap the output
    steps = rate * jnp.arange(frames, dtype=jnp.float32)
    frame = jnp.minimum(jnp.floor(steps), last).astype(jnp.int32)
    weight = (steps - frame)[:, None]
    power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    sound = power > TINY
    inverse = jnp.where(sound, jax.lax.rsqrt(jnp.where(sound, power, 1.0)), 0.0)  # with a finite gradient
    magnitude = power * inverse
    unit = jnp.where(sound, spectrum * inverse, 1.0)
    # after the last frame there is silence, whose phase is 0
    advance = jnp.concatenate([unit[1:] * jnp.conj(unit[:-1]), jnp.conj(unit[-1:])])
    after = jnp.where((frame < last)[:, None], magnitude[jnp.minimum(frame + 1, last)], 0.0)
    level = jnp.where((steps <= last)[:, None] | (weight < 1), (1 - weight) * magnitude[frame] + weight * after, 0.0)
    phase = unit[0] * _running_product(advance[frame[:-1]])
    return _istft(level * jnp.concatenate([unit[:1], phase]))[:length]


def _running_product(factors: Complex[Array, "frames bins"]) -> Complex[Array, "frames bins"]:
    # products within all blocks at once, then over the blocks: two short loops over long rows, not one long loop
    count, bins = factors.shape
    size = math.isqrt(count) + 1
    blocks = jnp.pad(factors, ((0, -count % size), (0, 0)), constant_values=1).reshape(-1, size, bins)
    ones = jnp.ones_like(blocks[:, 0])
    total, within = jax.lax.scan(lambda now, step: (now * step,) * 2, ones, blocks.swapaxes(0, 1))
    _, before = jax.lax.scan(lambda now, block: (now * block, now), ones[0], total)
    return (within.swapaxes(0, 1) * before[:, None]).reshape(-1, bins)[:count]


def _stft(samples: Float[Array, " samples"]) -> Complex[Array, "frames bins"]:
    padded = jnp.pad(samples, FRAME // 2)
    frames = 1 + (len(padded) - FRAME) // HOP
    rows = jnp.pad(padded, (0, -len(padded) % HOP)).reshape(-1, HOP)
    return jnp.fft.rfft(jnp.concatenate([rows[i : i + frames] for i in range(4)], axis=1) * hann(FRAME))


def _istft(spectrum: Complex[Array, "frames bins"]) -> Float[Array, " samples"]:
    frames = jnp.fft.irfft(spectrum, FRAME) * hann(FRAME)
    whole = _overlapped(frames) / _weights(len(spectrum))
    return whole.reshape(-1)[FRAME // 2 :]


def _overlapped(frames: Float[Array, "frames length"]) -> Float[Array, "hops hop"]:
    parts = frames.reshape(len(frames), 4, HOP)
    return sum(jnp.pad(parts[:, i], ((i, 3 - i), (0, 0))) for i in range(1, 4)) + jnp.pad(parts[:, 0], ((0, 3), (0, 0)))


@functools.cache
def _weights(frames: int) -> Float[np.ndarray, "hops hop"]:
    parts = np.square(hann(FRAME)).reshape(4, HOP)
    total = sum(np.pad(np.tile(parts[i], (frames, 1)), ((i, 3 - i), (0, 0))) for i in range(4))
    return np.maximum(total, np.finfo(np.float32).tiny).astype(np.float32)

"""The phase vocoder: another tempo at the same pitch. The arithmetic of `time_stretch` and `pitch_shift`.

librosa's (`librosa.effects.time_stretch`, after Ellis 2002), with two differences that change no sample. Its phase
accumulator adds up wrapped differences of angles, and is only ever used as exp(i·angle): here unit phasors are
multiplied instead, which spares three transcendental functions a cell. And the number of frames is fixed, so that one
compiled function serves every rate.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

FRAME = 2048
HOP = FRAME // 4
TINY = 1e-20
"""Power from which on a cell of the spectrum has a phase; that of silence is 0, as in numpy."""


def stretch(samples: Float[Array, " samples"], rate: Float[Array, ""], length: int) -> Float[Array, " length"]:
    """The first `length` samples of a signal played `rate` times as fast at its pitch; silence where it has ended.

    `librosa.effects.time_stretch(samples, rate=rate)` to 1e-4 of full scale, but for the last frame.
    """
    spectrum = _stft(samples)
    last = len(spectrum) - 1
    frames = 1 + (length - 1 + FRAME // 2) // HOP  # those that reach into what is asked for
    steps = rate * jnp.arange(frames, dtype=jnp.float32)
    place = jnp.minimum(jnp.floor(steps), last).astype(jnp.int32)
    share = (steps - place)[:, None]
    power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    sound = power > TINY
    inverse = jnp.where(sound, jax.lax.rsqrt(jnp.where(sound, power, 1.0)), 0.0)  # with a finite gradient
    magnitude = power * inverse
    unit = jnp.where(sound, spectrum * inverse, 1.0)
    # what follows the last frame is silence, whose phase is 0
    advance = jnp.concatenate([unit[1:] * jnp.conj(unit[:-1]), jnp.conj(unit[-1:])])
    after = jnp.where((place < last)[:, None], magnitude[jnp.minimum(place + 1, last)], 0.0)
    level = jnp.where((steps <= last)[:, None] | (share < 1), (1 - share) * magnitude[place] + share * after, 0.0)
    phase = unit[0] * _running_product(advance[place[:-1]])
    return _istft(level * jnp.concatenate([unit[:1], phase]))[:length]


def _running_product(factors: Complex[Array, "frames bins"]) -> Complex[Array, "frames bins"]:
    # blocks side by side, then what each begins with: two short loops over long rows, instead of a long one
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
    return jnp.fft.rfft(jnp.concatenate([rows[i : i + frames] for i in range(4)], axis=1) * _hann())


def _istft(spectrum: Complex[Array, "frames bins"]) -> Float[Array, " samples"]:
    frames = jnp.fft.irfft(spectrum, FRAME) * _hann()
    whole = _overlapped(frames) / _weights(len(spectrum))
    return whole.reshape(-1)[FRAME // 2 :]


def _overlapped(frames: Float[Array, "frames length"]) -> Float[Array, "hops hop"]:
    parts = frames.reshape(len(frames), 4, HOP)
    return sum(jnp.pad(parts[:, i], ((i, 3 - i), (0, 0))) for i in range(1, 4)) + jnp.pad(parts[:, 0], ((0, 3), (0, 0)))


@functools.cache
def _hann() -> Float[np.ndarray, " length"]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)


@functools.cache
def _weights(frames: int) -> Float[np.ndarray, "hops hop"]:
    parts = np.square(_hann()).reshape(4, HOP)
    total = sum(np.pad(np.tile(parts[i], (frames, 1)), ((i, 3 - i), (0, 0))) for i in range(4))
    return np.maximum(total, np.finfo(np.float32).tiny).astype(np.float32)

"""Linear filters by fast Fourier transform."""

import numpy as np
import scipy.fft
from jaxtyping import Float


def convolved(
    samples: Float[np.ndarray, " samples"], response: Float[np.ndarray, " taps"]
) -> Float[np.ndarray, " both"]:
    """The full convolution, of `samples + taps - 1` samples."""
    length = len(samples) + len(response) - 1
    size = scipy.fft.next_fast_len(length, real=True)
    product = scipy.fft.rfft(samples, size) * scipy.fft.rfft(response, size)
    return np.asarray(scipy.fft.irfft(product, size)[:length])


def band_limited(
    samples: Float[np.ndarray, " samples"], sample_rate: int, low: float, high: float, order: int
) -> Float[np.ndarray, " samples"]:
    """Band-pass filter with the magnitude response of Butterworth filters and zero phase.

    Args:
        low, high: edges in Hz, at which the attenuation is 3 dB.
        order: of both edges; each order adds 6 dB per octave.
    """
    size = scipy.fft.next_fast_len(len(samples) + sample_rate // 10, real=True)  # no wrap-around
    hertz = np.fft.rfftfreq(size, 1 / sample_rate)
    with_low = (hertz / low) ** (2 * order)
    kept = np.sqrt(with_low / (1 + with_low) / (1 + (hertz / high) ** (2 * order))).astype(np.float32)
    return np.asarray(scipy.fft.irfft(scipy.fft.rfft(samples, size) * kept, size)[: len(samples)])

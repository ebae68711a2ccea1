"""The DFT as matrix products has the power spectrum of the Fourier transform."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aersut.contracts import Framing
from aersut.export.frame_signal import MatrixFrameSignal
from aersut.export.matrix_dft import MatrixDFTSignal, factors
from aersut.features.signal import Signal

NOISE = np.random.default_rng(0).normal(0, 0.1, 8_000).astype(np.float32)


@pytest.mark.parametrize("length", [512, 400, 331, 6])
def test_power_and_mel_bands_equal_those_of_a_signal(length: int):
    framing = Framing(sample_rate=16_000, seconds=0.5, frame_length=length, hop_length=160)

    def spectra(kind: type[Signal], samples: jax.Array) -> tuple[jax.Array, jax.Array]:
        signal = kind(samples, framing)
        return signal.power(0.9), signal.mel(20, fmin=300.0, htk=True) if length > 6 else jnp.zeros(())

    ours, plain = (jax.jit(spectra, static_argnums=0)(kind, NOISE) for kind in (MatrixDFTSignal, Signal))
    for found, expected in zip(ours, plain, strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=2e-6 * np.abs(expected).max())


def test_pre_emphasis_of_a_frame_reads_the_sample_before_it():
    framing = Framing(sample_rate=16_000, seconds=0.5, frame_length=512, hop_length=160, center=False)
    before = 3 * 160 - 1
    frame = jax.jit(lambda samples: MatrixFrameSignal(samples, framing).power(0.97))(NOISE[before : before + 1 + 512])
    plain = jax.jit(lambda samples: Signal(samples, framing).power(0.97))(NOISE)
    np.testing.assert_allclose(frame, plain[3:4], atol=1e-5)


def test_the_factors_of_a_frame_length_are_balanced():
    assert factors(512) == (16, 32)
    assert factors(331) == (1, 331), "a prime number cannot be divided"

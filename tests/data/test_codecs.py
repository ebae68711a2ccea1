"""Codecs keep length, time and level, and limit bandwidth and precision as their standards do."""

import io

import numpy as np
import pytest
import scipy.signal
import soundfile

from aersut.data.codecs import CODECS, recoded
from aersut.errors import UserError


def _speech_like(sample_rate: int, seconds: float = 2.0) -> np.ndarray:
    """Low-pass noise with syllables of 4 Hz; its correlation has one sharp peak."""
    rng, count = np.random.default_rng(0), round(seconds * sample_rate)
    slow = np.sin(2 * np.pi * 4 * np.arange(count) / sample_rate) ** 2
    coloured = scipy.signal.sosfilt(
        scipy.signal.butter(2, 1500, fs=sample_rate, output="sos"), rng.standard_normal(count)
    )
    return (0.3 * slow * coloured).astype(np.float32)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 22_050])
def test_keeps_length_dtype_time_and_level(codec: str, sample_rate: int) -> None:
    samples = _speech_like(sample_rate)
    decoded = recoded(samples, sample_rate, codec)
    assert (decoded.shape, decoded.dtype) == (samples.shape, np.float32)
    correlation = scipy.signal.correlate(decoded, samples, method="fft")
    assert np.argmax(correlation) == len(samples) - 1  # no delay
    assert correlation.max() / np.sqrt(np.sum(samples**2) * np.sum(decoded**2)) > 0.8  # GSM models voices, not noise
    assert 10 * np.log10(np.sum(decoded**2) / np.sum(samples**2)) == pytest.approx(0, abs=1.5)
    assert not np.array_equal(decoded, samples)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("count", [0, 1, 2, 161, 1_000])
def test_accepts_recordings_of_any_length(codec: str, count: int) -> None:
    decoded = recoded(_speech_like(16_000)[:count], 16_000, codec)
    assert (decoded.shape, decoded.dtype) == ((count,), np.float32)
    assert np.isfinite(decoded).all()


@pytest.mark.parametrize("codec", CODECS)
def test_is_deterministic_and_keeps_its_input(codec: str) -> None:
    samples = _speech_like(16_000, 0.5)
    before = samples.copy()
    np.testing.assert_array_equal(recoded(samples, 16_000, codec), recoded(samples, 16_000, codec))
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize("codec", CODECS)
def test_silence_stays_silent(codec: str) -> None:
    assert np.abs(recoded(np.zeros(8_000, np.float32), 16_000, codec)).max() < 1e-3


def test_mu_law_has_the_levels_of_g711() -> None:
    # the largest of its 256 values is 32124 of 32768; sixteen steps of each octave have equal size
    decoded = recoded(np.full(100, 1.5, np.float32), 8_000, "mu_law")
    np.testing.assert_allclose(decoded, 32124 / 32768)
    ramp = recoded(np.linspace(0.5, 0.99, 2_000, dtype=np.float32), 8_000, "mu_law")
    np.testing.assert_allclose(np.unique(np.diff(np.unique(ramp))), 1024 / 32768, rtol=1e-5)


@pytest.mark.parametrize(("codec", "hertz"), [("mu_law", 4_000), ("gsm", 4_000), ("opus", 8_000), ("mp3", 8_000)])
def test_nothing_remains_above_half_the_rate_of_the_codec(codec: str, hertz: int) -> None:
    hiss = (0.1 * np.random.default_rng(0).standard_normal(44_100)).astype(np.float32)
    power = np.abs(np.fft.rfft(recoded(hiss, 22_050, codec))) ** 2
    frequencies = np.fft.rfftfreq(44_100, 1 / 22_050)
    assert power[frequencies > 1.06 * hertz].mean() < 1e-4 * power[frequencies < 3_000].mean()


@pytest.mark.parametrize(("codec", "kilobits"), [("mu_law", 64), ("gsm", 13), ("opus", 16), ("mp3", 24)])
def test_has_the_documented_bit_rate(codec: str, kilobits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    class Measured(io.BytesIO):
        def getvalue(self) -> bytes:
            written.append(len(super().getvalue()))
            return super().getvalue()

    monkeypatch.setattr("aersut.data.codecs.io.BytesIO", Measured)
    recoded(_speech_like(16_000, 10.0), 16_000, codec)
    assert written[0] * 8 / 10 / 1000 == pytest.approx(kilobits, rel=0.25)


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(UserError, match=r"unknown codec 'mp4'; expected one of mu_law, gsm, opus, mp3"):
        recoded(np.zeros(100, np.float32), 16_000, "mp4")


def test_a_codec_that_libsndfile_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # as libsndfile before 1.1, which has no MP3
    formats = {name: code for name, code in soundfile._formats.items() if name != "MP3"}
    monkeypatch.setattr(soundfile, "_formats", formats)
    with pytest.raises(UserError, match=r"codec mp3: libsndfile [\d.]+ cannot write it .*newer soundfile"):
        recoded(np.zeros(100, np.float32), 16_000, "mp3")

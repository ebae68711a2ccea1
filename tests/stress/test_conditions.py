"""Each stress condition does what its name says, measured on signals whose result is known."""

import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile
import soxr

from aersut.contracts import Condition, SkippedConditionError
from aersut.stress import (
    STANDARD,
    BandLimit,
    Clipping,
    Codec,
    DCOffset,
    Gain,
    Hum,
    ImpulseResponses,
    PeakNormalization,
    PinkNoise,
    Placement,
    RecordedNoise,
    Reverberation,
    SampleRate,
    Tempo,
    WhiteNoise,
)
from aersut.stress.speech_level import active_frames, background_power, speech_power
from aersut.stress.tempo import stretched

RATE = 16_000


def applied(condition: Condition, samples: np.ndarray, seed: int = 0, rate: int = RATE) -> np.ndarray:
    return condition(np.random.default_rng(seed), samples, rate)


def tone(hertz: float, seconds: float = 1.0, amplitude: float = 0.1, rate: int = RATE) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def decibels(ratio: float) -> float:
    return float(10 * np.log10(ratio))


@pytest.fixture
def speech() -> np.ndarray:
    """A second of speech-like noise between two half seconds of background noise 50 dB below it."""
    rng = np.random.default_rng(7)
    speech = 0.1 * rng.standard_normal(RATE).astype(np.float32)
    background = 0.1 * 10 ** (-50 / 20) * rng.standard_normal(2 * RATE).astype(np.float32)
    background[RATE // 2 : -RATE // 2] += speech
    return background


class TestLevels:
    def test_pauses_do_not_count_as_speech(self, speech):
        assert decibels(speech_power(speech, RATE) / 0.01) == pytest.approx(0, abs=0.2)
        assert decibels(np.mean(np.square(speech)) / 0.01) == pytest.approx(-3, abs=0.2)

    def test_pauses_are_the_background(self, speech):
        assert decibels(background_power(speech, RATE) / 0.01) == pytest.approx(-50, abs=1)

    def test_a_frame_has_32_ms_at_every_rate(self):
        for rate in (8_000, 16_000, 48_000):
            assert active_frames(np.ones(rate, np.float32), rate).shape == (31, rate * 32 // 1000)

    def test_a_recording_shorter_than_a_frame_is_one_frame(self):
        assert speech_power(np.array([0.5], np.float32), RATE) == 0.25
        assert background_power(np.array([0.5, 0.0], np.float32), RATE) == 0.125

    def test_digital_silence_has_no_level(self):
        with pytest.raises(SkippedConditionError, match="digital silence"):
            speech_power(np.zeros(RATE, np.float32), RATE)
        assert background_power(np.zeros(RATE, np.float32), RATE) == 0

    def test_gain(self):
        np.testing.assert_allclose(applied(Gain(-20.0), np.array([0.5, -0.1], np.float32)), [0.05, -0.01], rtol=1e-6)

    def test_peak_normalization(self):
        np.testing.assert_allclose(applied(PeakNormalization(), np.array([0.1, -0.2], np.float32)), [0.5, -1])

    def test_clipping_clips_a_fraction_of_the_speech_and_keeps_its_level(self, speech):
        clipped = applied(Clipping(0.1), speech)
        middle = np.abs(clipped[RATE // 2 : -RATE // 2])
        assert np.mean(np.isclose(middle, middle.max(), rtol=1e-5)) == pytest.approx(0.1, abs=0.005)
        assert speech_power(clipped, RATE) == pytest.approx(speech_power(speech, RATE), rel=0.01)


class TestNoise:
    @pytest.mark.parametrize("snr_db", [20.0, 0.0])
    @pytest.mark.parametrize("noise", [WhiteNoise, PinkNoise, Hum])
    def test_has_its_snr_relative_to_active_speech(self, noise, snr_db, speech):
        added = applied(noise(snr_db=snr_db), speech) - speech
        assert decibels(speech_power(speech, RATE) / np.mean(np.square(added))) == pytest.approx(snr_db, abs=0.05)

    def test_another_seed_gives_other_noise(self, speech):
        assert not np.array_equal(applied(WhiteNoise(), speech, 0), applied(WhiteNoise(), speech, 1))

    @pytest.mark.parametrize(("noise", "slope"), [(WhiteNoise, 0), (PinkNoise, -3)])
    def test_spectrum_per_octave(self, noise, slope):
        samples = tone(440, seconds=30)
        hertz, power = scipy.signal.welch(applied(noise(snr_db=0.0), samples) - samples, RATE, nperseg=4096)
        octaves = [power[(hertz >= low) & (hertz < 2 * low)].mean() for low in (125, 250, 1000, 2000, 4000)]
        steps = [
            decibels(octaves[1] / octaves[0]),
            decibels(octaves[3] / octaves[2]),
            decibels(octaves[4] / octaves[3]),
        ]
        assert steps == pytest.approx([slope] * 3, abs=0.4)

    def test_hum_has_harmonics_of_the_mains(self):
        samples = np.zeros(RATE, np.float32)
        samples[0] = 1e-3
        power = np.square(np.abs(np.fft.rfft(applied(Hum(60.0, snr_db=0.0), samples) - samples)))  # bins of 1 Hz
        assert sorted(np.argsort(power)[-6:].tolist()) == [60, 120, 180, 240, 300, 360]
        assert power[120] / power[60] == pytest.approx(1 / 4, rel=1e-3)

    def test_dc_offset(self):
        np.testing.assert_allclose(applied(DCOffset(0.01), np.zeros(3, np.float32)), 0.01)


class TestRecordedNoise:
    def test_is_a_segment_of_a_file_at_the_rate_of_the_recording(self, tmp_path, speech):
        soundfile.write(tmp_path / "tone.wav", tone(1_000, 5.0, rate=44_100), 44_100)
        added = applied(RecordedNoise(str(tmp_path), 10.0), speech) - speech
        assert np.argmax(np.abs(np.fft.rfft(added))) * RATE / len(added) == pytest.approx(1_000, abs=1)
        assert decibels(speech_power(speech, RATE) / np.mean(np.square(added))) == pytest.approx(10, abs=0.05)

    def test_the_offset_of_its_recorder_is_not_noise(self, tmp_path, speech):
        soundfile.write(tmp_path / "tone.wav", 0.2 + 0.01 * tone(1_000, 5.0), RATE)
        added = applied(RecordedNoise(str(tmp_path), 10.0), speech) - speech
        assert decibels(speech_power(speech, RATE) / np.var(added)) == pytest.approx(10, abs=0.05)

    def test_a_broken_link_is_named(self, tmp_path, speech):
        (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
        with pytest.raises(SkippedConditionError, match=r"gone\.wav cannot be read"):
            applied(RecordedNoise(str(tmp_path)), speech)

    def test_a_short_file_is_repeated_and_every_file_is_drawn(self, tmp_path, speech):
        for hertz in (500, 2_000):
            soundfile.write(tmp_path / f"{hertz}.wav", tone(hertz, 0.1), RATE)
        drawn = set()
        for seed in range(8):
            added = applied(RecordedNoise(str(tmp_path), 0.0), speech, seed) - speech
            assert np.std(added[-RATE // 10 :]) == pytest.approx(np.std(added), rel=0.05)
            drawn.add(int(np.argmax(np.abs(np.fft.rfft(added)))) * RATE // len(added))
        assert drawn == {500, 2_000}

    def test_a_segment_of_digital_silence_is_replaced(self, tmp_path, speech):
        click = np.zeros(20 * len(speech) // 8, np.float32)
        click[-10:] = 0.5
        soundfile.write(tmp_path / "click.wav", click, RATE)
        for seed in range(5):
            added = applied(RecordedNoise(str(tmp_path), 10.0), speech, seed) - speech
            assert decibels(speech_power(speech, RATE) / np.mean(np.square(added))) == pytest.approx(10, abs=0.05)

    def test_a_changed_file_is_read_again(self, tmp_path, speech):
        file = tmp_path / "tone.wav"
        soundfile.write(file, tone(1_000), RATE)
        before = applied(RecordedNoise(str(tmp_path)), speech)
        soundfile.write(file, tone(3_000, 1.1), RATE)
        assert not np.allclose(before, applied(RecordedNoise(str(tmp_path)), speech), atol=1e-3)

    @pytest.mark.parametrize("condition", [RecordedNoise, ImpulseResponses])
    def test_an_unusable_folder_is_named(self, condition, tmp_path, speech):
        with pytest.raises(SkippedConditionError, match=f"no .wav or .flac under {tmp_path}"):
            applied(condition(str(tmp_path)), speech)
        (tmp_path / "broken.wav").write_bytes(b"RIFF nonsense")
        with pytest.raises(SkippedConditionError, match=r"broken\.wav cannot be decoded"):
            applied(condition(str(tmp_path)), speech)
        soundfile.write(tmp_path / "broken.wav", np.zeros(RATE), RATE)
        with pytest.raises(SkippedConditionError, match=r"broken\.wav is silent"):
            applied(condition(str(tmp_path)), speech)


class TestReverberation:
    def response(self, condition: Condition) -> np.ndarray:
        click = np.zeros(2 * RATE, np.float32)
        click[100] = 1
        return applied(condition, click)[100:]

    def test_has_its_decay_and_ratio(self):
        response = self.response(Reverberation(0.5, direct_db=3.0))
        tail = response[1:].astype(np.float64)
        assert decibels(response[0] ** 2 / np.sum(np.square(tail))) == pytest.approx(3, abs=0.01)
        remaining = np.cumsum(np.square(tail)[::-1])[::-1]  # Schroeder's integral, which falls by 60 dB in RT60
        assert decibels(remaining[RATE // 4] / remaining[0]) == pytest.approx(-30, abs=1.5)

    def test_keeps_length_and_level(self, speech):
        for condition in (Reverberation(0.3, 6.0), Reverberation(0.8, 0.0)):
            changed = applied(condition, speech)
            assert len(changed) == len(speech)
            assert speech_power(changed, RATE) == pytest.approx(speech_power(speech, RATE), rel=1e-3)

    def test_a_measured_response_keeps_the_time_of_the_direct_sound(self, tmp_path):
        response = np.zeros(900)
        response[[300, 700]] = 0.5, -0.25
        soundfile.write(tmp_path / "room.wav", response, RATE)
        samples = tone(440, 0.5)
        changed = applied(ImpulseResponses(str(tmp_path)), samples)
        expected = samples.copy()
        expected[400:] -= 0.5 * samples[:-400]
        scale = changed[:400] @ expected[:400] / (expected[:400] @ expected[:400])
        np.testing.assert_allclose(changed, scale * expected, atol=1e-4)
        assert speech_power(changed, RATE) == pytest.approx(speech_power(samples, RATE), rel=1e-3)


class TestBandwidth:
    @pytest.mark.parametrize(("hertz", "kept"), [(100, -76.3), (300, -3), (1_000, 0), (3_400, -3), (6_800, -48.2)])
    def test_band_limit(self, hertz, kept):
        samples = tone(hertz, 2.0)
        middle = slice(RATE // 2, -RATE // 2)
        change = decibels(np.var(applied(BandLimit(), samples)[middle]) / np.var(samples[middle]))
        assert change == pytest.approx(kept, abs=0.3)

    def test_sample_rate(self):
        low, high = tone(3_000), tone(5_000)
        changed = applied(SampleRate(8_000), low + high)
        assert len(changed) == len(low)
        np.testing.assert_allclose(changed[800:-800], low[800:-800], atol=1e-3)

    def test_a_lower_rate_of_the_experiment_is_a_reason_to_skip(self):
        with pytest.raises(SkippedConditionError, match="sample rate is 8,000 Hz"):
            applied(SampleRate(8_000), tone(440, rate=8_000), rate=8_000)

    @pytest.mark.parametrize("rate", [8_000, 22_050])
    def test_odd_lengths_are_kept(self, rate):
        for count in (1, 2, 1_001):
            assert len(applied(SampleRate(7_000), np.ones(count, np.float32), rate=rate)) == count


@pytest.mark.parametrize("codec", ["mu_law", "gsm", "opus", "mp3"])
def test_a_codec_keeps_length_and_resembles_the_recording(codec):
    samples = soxr.resample(librosa.chirp(fmin=200, fmax=2_000, sr=RATE, duration=1), RATE, RATE).astype(np.float32) / 4
    changed = applied(Codec(codec), samples)
    assert len(changed) == len(samples)
    assert not np.array_equal(changed, samples)
    assert np.corrcoef(changed, samples)[0, 1] > 0.8


def test_a_codec_that_libsndfile_lacks_is_skipped(monkeypatch):
    monkeypatch.setattr(soundfile, "_formats", {key: code for key, code in soundfile._formats.items() if key != "OGG"})
    with pytest.raises(SkippedConditionError, match="codec opus"):
        applied(Codec("opus"), tone(440))


class TestTempo:
    @pytest.mark.parametrize("rate", [0.85, 1.15, 2.0])
    def test_equals_librosa(self, rate, speech):
        samples = speech + tone(300, 2.0)
        # in double precision, because librosa's phase accumulates rounding errors
        expected = librosa.effects.time_stretch(samples.astype(np.float64), rate=rate, n_fft=1024, hop_length=256)
        found = stretched(samples, rate, 256)
        assert len(found) == len(expected) == round(len(samples) / rate)
        np.testing.assert_allclose(found[:-1024], expected[:-1024], atol=1e-3)

    def test_keeps_the_pitch(self):
        changed = applied(Tempo(0.85), tone(440, 2.0))
        assert np.argmax(np.abs(np.fft.rfft(changed))) * RATE / len(changed) == pytest.approx(440, abs=2)

    def test_a_recording_shorter_than_a_frame(self):
        assert len(applied(Tempo(1.15), np.ones(10, np.float32))) == 9
        assert len(applied(Tempo(4.0), np.ones(1, np.float32))) == 1


def test_placement_adds_noise_at_the_level_of_the_background(speech):
    placed = applied(Placement(before=0.5, after=1.0), speech)
    before, rest = placed[: RATE // 2], placed[RATE // 2 :]
    np.testing.assert_array_equal(rest[: len(speech)], speech)
    assert len(rest) == len(speech) + RATE
    for pause in (before, rest[len(speech) :]):
        assert decibels(np.mean(np.square(pause)) / background_power(speech, RATE)) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Clipping(1.0), "fraction .* 1.0"),
        (lambda: Reverberation(0.0), "seconds .* 0.0"),
        (lambda: BandLimit(400.0, 300.0), "low and high .* 400.0 and 300.0"),
        (lambda: SampleRate(0), "hertz .* 0"),
        (lambda: Codec("mp4"), "codec .* 'mp4'"),
        (lambda: DCOffset(0.0), "offset .* 0.0"),
        (lambda: Hum(0.0), "hertz .* 0.0"),
        (lambda: Tempo(0.0), "rate .* 0.0"),
        (lambda: Placement(0.0, 0.0), "before and after .* 0.0 and 0.0"),
    ],
)
def test_bad_fields(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_standard_set_is_the_published_one():
    # papers quote the mean over these; another set needs another STANDARD_NAME
    assert [condition.title for condition in STANDARD] == [
        *("gain -24 dB", "gain -12 dB", "gain +12 dB", "gain +24 dB", "peak normalization"),
        *("clipping of 1 %", "clipping of 10 %"),
        *(f"{noise} noise {snr} dB SNR" for noise in ("white", "pink") for snr in (20, 10, 5, 0)),
        *("reverberation RT60 0.3 s, DRR 6 dB", "reverberation RT60 0.8 s, DRR 0 dB"),
        *("band 300 to 3400 Hz", "sample rate 8 kHz", "µ-law 8 kHz", "GSM 6.10, 8 kHz"),
        *("Opus 16 kbit/s", "MP3 24 kbit/s", "DC offset 0.01", "hum 50 Hz, 10 dB SNR", "tempo 0.85", "tempo 1.15"),
        "pauses of 0.5 s before and 1 s after",
    ]

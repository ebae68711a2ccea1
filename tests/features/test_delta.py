"""Deltas of linear and quadratic sequences, deltas of any feature, and their requirements."""

import jax.numpy as jnp
import numpy as np
import pytest

from aersut import experiment
from aersut.contracts import Framing
from aersut.errors import UserError
from aersut.features import MFCC, RMS, Delta, DeltaDelta, EGeMAPS, LogMel, Signal
from aersut.features.delta import _slopes
from aersut.run import make_frontend

FRAMING = Framing(sample_rate=16_000, seconds=1.0, frame_length=512, hop_length=160, center=False)
LOUDER = jnp.linspace(0, 0.5, 16_000)


def test_the_delta_of_a_line_is_its_slope_in_all_frames():
    frames = np.arange(40.0)
    np.testing.assert_allclose(_slopes(40, 9, 1) @ (3 * frames + 5), 3, rtol=1e-4)
    np.testing.assert_allclose(_slopes(40, 9, 2) @ (3 * frames + 5), 0, atol=1e-4)
    np.testing.assert_allclose(_slopes(40, 9, 2) @ (3 * frames**2), 6, rtol=1e-3)


@pytest.mark.parametrize("of", [RMS(), LogMel(n_mels=20), Delta(of=RMS()), EGeMAPS()])
def test_has_the_channels_and_properties_of_its_feature(of):
    delta = Delta(of=of)
    assert (delta.channels, delta.host, delta.whole_utterance) == (of.channels, of.host, of.whole_utterance)
    assert np.asarray(delta(Signal(np.asarray(LOUDER), FRAMING))).shape == (FRAMING.frames, of.channels)


def test_adds_its_context_to_that_of_its_feature():
    assert Delta(of=Delta(of=RMS(), width=5), width=9).context == (12, 12)


@pytest.mark.parametrize("width", [1, 4, -3])
def test_an_even_or_small_width_is_refused(width):
    with pytest.raises(ValueError, match=f"width must be odd and at least 3, got {width}"):
        Delta(width=width)


def test_a_window_of_fewer_frames_is_refused():
    short = Framing(sample_rate=16_000, seconds=0.1, frame_length=512, hop_length=400)
    with pytest.raises(ValueError, match="width 9 is more than the 5 frames of 0.1 s"):
        Delta().check(short)


def test_errors_of_its_feature_are_reported():
    with pytest.raises(ValueError, match="Nyquist"):
        Delta(of=MFCC(fmax=9_000.0)).check(FRAMING)


class TestOnTheCommandLine:
    def test_wraps_a_feature_by_its_name(self, tiny):
        asked = experiment.load_experiment(
            tiny, [("features", "log_mel,delta"), ("features.1.of", "log_mel"), ("features.1.of.n_mels", "20")]
        )
        assert asked.features[1] == Delta(of=LogMel(n_mels=20))
        assert make_frontend(asked).channels == 64 + 20

    def test_reports_the_key_of_an_error_in_its_feature(self, tiny):
        with pytest.raises(UserError, match=r"experiment\.features\.0\.of\.n_mel: .*Did you mean 'n_mels'"):
            experiment.load_experiment(
                tiny, [("features", "delta"), ("features.0.of", "log_mel"), ("features.0.of.n_mel", "20")]
            )

    def test_of_a_host_feature_is_refused_on_the_fly(self, tiny):
        with pytest.raises(UserError, match="feature 'delta' runs outside JAX"):
            experiment.load_experiment(
                tiny,
                [("features", "delta"), ("features.0.of", "egemaps"), ("augment", "noise"), ("augmented_copies", "0")],
            )


def test_shares_its_features_computation():
    signal, calls = Signal(LOUDER, FRAMING), []
    whole = signal.mel
    signal.mel = lambda *arguments, **options: calls.append(arguments) or whole(*arguments, **options)
    mfcc = MFCC(n_mels=40)
    for feature in (mfcc, Delta(of=mfcc), DeltaDelta(of=mfcc)):
        signal.feature(feature)
    assert len(calls) == 1

"""Every built-in stress condition keeps its contract, and the checks fail on one that breaks a single promise."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aersut.contracts import Condition, SkippedConditionError
from aersut.registry import CONDITIONS
from aersut.stress import STANDARD
from aersut.testing import Check, check_condition, condition_checks

FROM_FOLDERS = ("recorded_noise", "impulse_responses")


@pytest.mark.parametrize("check", [check for one in STANDARD for check in condition_checks(one)], ids=str)
def test_the_standard_set(check: Check) -> None:
    check()


@pytest.mark.parametrize("name", sorted(set(CONDITIONS.names()) - set(FROM_FOLDERS)))
def test_built_in_with_default_fields(name: str) -> None:
    check_condition(CONDITIONS[name]())


@pytest.mark.parametrize("name", FROM_FOLDERS)
def test_from_folders(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "decay.wav", 0.5 ** np.arange(200) * rng.standard_normal(200), 44_100)
    check_condition(CONDITIONS[name](folder=str(tmp_path)))


def _condition(function: Callable[..., np.ndarray], **attributes: object) -> Condition:
    """Register a condition under the name "example" that calls `function` with rng, samples and sample rate."""

    class Plugin(Condition):
        """A stress condition."""

        title = "example"

        def __call__(self, rng: np.random.Generator, samples: np.ndarray, sample_rate: int) -> np.ndarray:
            return function(rng, samples, sample_rate)

    for name, value in attributes.items():
        setattr(Plugin, name, value)
    return CONDITIONS.register("example")(dataclass(frozen=True)(Plugin))()


def _noise(rng: np.random.Generator, samples: np.ndarray, rate: int) -> np.ndarray:
    return samples + 0.01 * rng.standard_normal(len(samples), np.float32)


def test_a_correct_one_passes() -> None:
    check_condition(_condition(_noise, curve="noise", x=3))


def _in_place(rng: np.random.Generator, samples: np.ndarray, rate: int) -> np.ndarray:
    samples *= 2
    return samples


def _skip_all(rng: np.random.Generator, samples: np.ndarray, rate: int) -> np.ndarray:
    raise SkippedConditionError("no reason")


def _skip_silence_without_reason(rng: np.random.Generator, samples: np.ndarray, rate: int) -> np.ndarray:
    if not samples.any():
        raise SkippedConditionError
    return _noise(rng, samples, rate)


def _fail_when_short(rng: np.random.Generator, samples: np.ndarray, rate: int) -> np.ndarray:
    return samples + samples[rate // 2]


@pytest.mark.parametrize(
    ("function", "attributes", "promise"),
    [
        (_noise, {"title": ""}, "title is a short text.*expected 1 to 60"),
        (_noise, {"title": "two\nlines"}, "title is a short text"),
        (_noise, {"title": None}, "title is a short text.*None"),
        (_noise, {"title": property(lambda self: str(np.random.default_rng().random()))}, "title and x are stable"),
        (_noise, {"x": 3.0}, "x is a number for a point of a curve"),
        (_noise, {"curve": "noise"}, "x is a number for a point of a curve.*x is None"),
        (_in_place, {}, "does not change its input"),
        (_skip_all, {}, "1 s at 16 kHz without skipping it"),
        (_skip_silence_without_reason, {}, "changed or skipped.*silence without a reason"),
        (_fail_when_short, {}, r"changed or skipped.*0\.01 s at 16,000 Hz: IndexError"),
        (lambda rng, samples, rate: samples, {}, "it changes something"),
        (lambda rng, samples, rate: _noise(np.random.default_rng(), samples, rate), {}, "equal generators"),
        (lambda rng, samples, rate: samples.astype(np.float64) / 2, {}, r"f32\[samples\]"),
        (lambda rng, samples, rate: samples[:, None] / 2, {}, r"f32\[samples\]"),
        (lambda rng, samples, rate: samples[200:], {}, "samples remain.*0.01 s"),
        (lambda rng, samples, rate: samples / samples.std(), {}, "finite.*silence"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_broken_promise_is_reported(
    function: Callable[..., np.ndarray], attributes: dict[str, object], promise: str
) -> None:
    with pytest.raises(AssertionError, match=f"stress condition 'example' breaks a promise.*{promise}"):
        check_condition(_condition(function, **attributes))

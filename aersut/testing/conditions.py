"""The contract of stress conditions."""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from jaxtyping import Float

from aersut.contracts import Condition, SkippedConditionError
from aersut.registry import CONDITIONS
from aersut.testing.contract import Contract, expect

RATES = (8_000, 16_000, 22_050, 48_000)
SECONDS = (0.01, 1.0, 7.3)


def check_condition(condition: Condition) -> None:
    """Run all checks of `condition_checks`."""
    condition_checks(condition).run()


def condition_checks(condition: Condition) -> Contract:
    """Return the checks of a stress condition on recordings of several durations and sample rates, and on silence.

    The condition may skip some of them by `SkippedConditionError`, but not the recording of 1 s at 16 kHz.
    """
    contract = Contract(CONDITIONS, condition)
    recordings = {f"{seconds:g} s at {rate:,} Hz": (_speech(seconds, rate), rate) for seconds, rate in _pairs()}
    silence = {"silence": (np.zeros(16_000, np.float32), 16_000)}
    main, rate = recordings["1 s at 16,000 Hz"]

    def call(samples: Float[np.ndarray, " samples"], rate: int) -> Float[np.ndarray, " changed"]:
        return condition(np.random.default_rng(0), samples, rate)

    @cache
    def result() -> Float[np.ndarray, " changed"]:
        return call(main.copy(), rate)

    @cache
    def results() -> dict[str, Float[np.ndarray, " changed"]]:
        found = {}
        for name, (samples, sample_rate) in (recordings | silence).items():
            try:
                found[name] = call(samples.copy(), sample_rate)
            except SkippedConditionError as reason:
                expect(str(reason).strip(), f"it skips {name} without a reason")
            except Exception as error:
                raise RuntimeError(f"{name}: {error!r}") from error
        return found

    def each(promise: str, kept: Callable[[np.ndarray], object], advice: str = "") -> None:
        @contract.promise(promise, advice)
        def _() -> None:
            for name, changed in results().items():
                expect(kept(changed), f"not for {name}")

    contract.promise("title is a short text", "state the value and its unit")(lambda: _is_title(condition.title))
    stable = contract.promise("title and x are stable", "compute them from the fields alone")
    stable(lambda: (condition.title, condition.x) == (condition.title, condition.x))

    @contract.promise("x is a number for a point of a curve, and None otherwise", "set curve, or return None")
    def _() -> None:
        expect(isinstance(condition.curve, str), f"curve is {condition.curve!r}")
        number = isinstance(condition.x, int | float)
        expect(number == bool(condition.curve), f"curve is {condition.curve!r} and x is {condition.x!r}")

    contract.promise("it changes a recording of 1 s at 16 kHz without skipping it")(result)
    changes = contract.promise("it changes something", "pass a condition that has an effect")
    changes(lambda: not np.array_equal(result(), main))

    @contract.promise("it does not change its input", "compute a new array")
    def _() -> bool:
        given = main.copy()
        call(given, rate)
        return np.array_equal(given, main)

    equal = contract.promise("equal generators give equal results", "draw from rng alone")
    equal(lambda: np.array_equal(call(main.copy(), rate), result()))
    contract.promise("recordings of any duration and rate, and silence, are changed or skipped")(results)
    each("it returns f32[samples]", _is_recording, "float32, one axis")
    each("it is finite", lambda one: np.isfinite(one).all(), "guard divisions; raise SkippedConditionError")
    each("samples remain", lambda one: len(one) > 0)
    return contract


def _pairs() -> Iterator[tuple[float, int]]:
    yield from ((seconds, 16_000) for seconds in SECONDS)
    yield from ((1.0, rate) for rate in RATES if rate != 16_000)


@cache
def _speech(seconds: float, rate: int) -> Float[np.ndarray, " samples"]:
    """Harmonics of 120 Hz, swelling and fading four times a second, in noise 40 dB below."""
    time = np.arange(round(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 30)) * np.sin(2 * np.pi * 2 * time) ** 2
    noise = np.random.default_rng(0).standard_normal(len(time))
    return (0.1 * voice + 0.001 * noise).astype(np.float32)


def _is_recording(changed: object) -> bool:
    return isinstance(changed, np.ndarray) and changed.ndim == 1 and changed.dtype == np.dtype(np.float32)


def _is_title(title: object) -> None:
    expect(isinstance(title, str), f"it is {title!r}")
    kept = isinstance(title, str) and title.strip() == title and 0 < len(title) <= 60 and title.isprintable()
    expect(kept, f"it is {title!r}; expected 1 to 60 characters in one line")

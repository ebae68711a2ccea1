"""The contract checks of all plugins, and of optimizers.

Corpora: test_testing_corpora.py; features, augmenters and models: features/test_contract.py and the like.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aersut.contracts import Feature, Optimizer
from aersut.features import Signal
from aersut.registry import CORPORA, FEATURES, OPTIMIZERS
from aersut.testing import Check, check_feature, check_optimizer, feature_checks, optimizer_checks
from aersut.training.optimizers import Adam, AdamW


@pytest.fixture(autouse=True)
def _registries(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in (CORPORA, FEATURES, OPTIMIZERS):
        monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))


@dataclass(frozen=True)
class _Peak(Feature):
    """The largest sample of each frame."""

    channels = 1

    def __call__(self, signal: Signal) -> jax.Array:
        return jnp.max(signal.frames(), axis=1, keepdims=True)


def _unregistered() -> Feature:
    return _Peak()


def _not_frozen() -> Feature:
    @dataclass
    class Loose(Feature):
        """A feature."""

        channels = 1
        __call__ = _Peak.__call__

    FEATURES._plugins["loose"] = Loose
    return Loose()


def _dataclass_forgotten() -> Feature:
    class Forgotten(_Peak):  # checked before it is registered, which would refuse it too
        """A feature whose own annotations are not fields."""

        power: float = 2.0

    return Forgotten()


def _without_docstring() -> Feature:
    @FEATURES.register("nameless")
    @dataclass(frozen=True)
    class Nameless(Feature):
        power: float = 2.0
        channels = 1
        __call__ = _Peak.__call__

    return Nameless()


def _with_an_array() -> Feature:
    @FEATURES.register("weighted")
    @dataclass(frozen=True)
    class Weighted(_Peak):
        """A feature with a field that is not valid JSON."""

        weights: Any = field(default_factory=lambda: np.ones(3))

    return Weighted()


def _with_a_changing_field() -> Feature:
    @FEATURES.register("changing")
    @dataclass(frozen=True)
    class Changing(_Peak):
        """A feature that changes the value of a field."""

        percent: float = 50.0

        def __post_init__(self) -> None:
            object.__setattr__(self, "percent", self.percent / 100)

    return Changing()


def _with_a_required_argument_of_another_type() -> Feature:
    @FEATURES.register("mistyped")
    @dataclass(frozen=True)
    class Mistyped(_Peak):
        """A feature whose default is not of its field's type."""

        bands: int = 2.5  # type: ignore[assignment]

    return Mistyped()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_unregistered, "feature '_Peak' .*it is registered.*decorate its class"),
        (_not_frozen, "'loose' .*frozen dataclass"),
        (_dataclass_forgotten, "'Forgotten' .*frozen dataclass"),
        (_without_docstring, "feature 'nameless' .*docstring"),
        (_with_an_array, "feature 'weighted' .*survives config.json.*ndarray"),
        (_with_a_changing_field, "feature 'changing' .*survives config.json.*0.005"),
        (_with_a_required_argument_of_another_type, "feature 'mistyped' .*survives config.json.*integer"),
        (
            lambda: SimpleNamespace(channels=1),
            "SimpleNamespace' .*it is a plugin.*derive it from aersut.contracts.Feature",
        ),
    ],
)
def test_a_broken_promise_of_a_plugin_is_reported(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        check_feature(make())


def test_fields_of_all_kinds_pass() -> None:
    @OPTIMIZERS.register("example")
    @dataclass(frozen=True)
    class Example(Optimizer):
        """An optimizer with fields of all kinds."""

        learning_rate: float = 3.0
        bands: tuple[int, ...] = (1, 2)
        top: float | None = None
        kind: str = "a"

        def build(self, steps: int, steps_per_epoch: int) -> optax.GradientTransformation:
            return optax.sgd(self.learning_rate)

    check_optimizer(Example(learning_rate=0.1, bands=(), top=2.0, kind="b"))


@pytest.mark.parametrize(
    "check", [check for name in OPTIMIZERS.names() for check in optimizer_checks(OPTIMIZERS[name]())], ids=str
)
def test_built_in_optimizers(check: Check) -> None:
    check()


def _optimizer(transform: Callable[[], Any]) -> Optimizer:
    @OPTIMIZERS.register("example")
    @dataclass(frozen=True)
    class Example(Optimizer):
        """An optimizer."""

        def build(self, steps: int, steps_per_epoch: int) -> optax.GradientTransformation:
            return transform()

    return Example()


def _random_step() -> optax.GradientTransformation:
    return optax.sgd(float(np.random.default_rng().uniform(0.1, 0.2)))


def _turning() -> optax.GradientTransformation:
    def update(updates: Any, state: jax.Array, params: Any) -> tuple[Any, jax.Array]:
        return jax.tree.map(lambda g: -0.1 * g, updates), state * 0.5

    return optax.GradientTransformation(lambda params: jnp.zeros(1, jnp.int32), update)


@pytest.mark.parametrize(
    ("transform", "promise"),
    [
        (lambda: 1 / 0, "build makes .*ZeroDivisionError"),
        (
            lambda: optax.GradientTransformation(lambda p: (), lambda g, s, p: (float(g["bias"][0]), s)),
            "jax.jit traces",
        ),
        (_turning, "state keeps its shapes"),
        (lambda: optax.sgd(1e3), "it is finite"),
        (lambda: optax.scale(1e-3), "lowers the loss"),
        (lambda: optax.sgd(0.0), "lowers the loss"),
        (_random_step, "it is deterministic"),
    ],
)
def test_a_broken_promise_of_an_optimizer_is_reported(transform: Callable[[], Any], promise: str) -> None:
    with pytest.raises(AssertionError, match=f"optimizer 'example' breaks a promise.*{promise}"):
        check_optimizer(_optimizer(transform))


def test_a_state_that_depends_on_the_number_of_steps_is_reported() -> None:
    @OPTIMIZERS.register("example")
    @dataclass(frozen=True)
    class Example(Optimizer):
        """An optimizer."""

        def build(self, steps: int, steps_per_epoch: int) -> optax.GradientTransformation:
            return optax.GradientTransformation(
                lambda _: jnp.zeros(steps), lambda g, s, _: (jax.tree.map(lambda x: -0.1 * x, g), s)
            )

    with pytest.raises(AssertionError, match="do not depend on the number of steps"):
        check_optimizer(Example())


def test_a_traced_field_that_is_converted_is_reported() -> None:
    @OPTIMIZERS.register("example")
    @dataclass(frozen=True)
    class Example(Optimizer):
        """An optimizer."""

        traced = ("learning_rate",)
        learning_rate: float = 0.1

        def build(self, steps: int, steps_per_epoch: int) -> optax.GradientTransformation:
            return optax.sgd(float(self.learning_rate))

    with pytest.raises(AssertionError, match="its traced fields may be arguments .*omit one that may not"):
        check_optimizer(Example())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(learning_rate=0.0), "learning_rate .* 0.0"),
        (lambda: AdamW(learning_rate=-1.0), "learning_rate .* -1.0"),
        (lambda: AdamW(weight_decay=-0.1), "weight_decay .* -0.1"),
    ],
)
def test_bad_fields_of_optimizers(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_message_says_what_to_do() -> None:
    with pytest.raises(AssertionError) as error:
        check_feature(_without_docstring())
    assert str(error.value) == (
        "feature 'nameless' breaks a promise of its contract, "
        '"its docstring starts with a line for --list": write one'
    )


def test_each_promise_has_an_id_of_its_own_and_is_checked_by_itself() -> None:
    checks = {str(check): check for check in feature_checks(_without_docstring())}
    assert "nameless-it_returns_finite_f32_frames_channels" in checks
    broken = []
    for name, check in checks.items():
        try:
            check()
        except AssertionError:
            broken.append(name)
    assert broken == ["nameless-its_docstring_starts_with_a_line_for_list"]

"""Each built-in model fulfils the contract, and the checks fail on a model that breaks one promise of it."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import Array

from aersut.contracts import Model
from aersut.models import CNN, CNN2D, CNNLSTM, DSCNN, Ensemble, ResLSTM, TCResNet
from aersut.models.network import Network
from aersut.quiet import quiet
from aersut.registry import MODELS
from aersut.testing import Check, check_export, check_model, model_checks

# fewer and narrower layers of the same kinds; only one kernel of 3 frames, whose own algorithm compiles slowly
SMALL = {
    "cnn": CNN(filters=(8, 6), kernels=(5, 3), dense=16),
    "cnn_lstm": CNNLSTM(filters=(8,), kernels=(5,), units=(8, 4), dense=16),
    "cnn2d": CNN2D(filters=(4,)),
    "tc_resnet": TCResNet(bands=3, filters=(6, 6, 8), kernels=(5, 5, 5)),
    "ds_cnn": DSCNN(filters=(6, 6, 8), kernels=(5, 5, 4)),
    "ensemble": Ensemble((TCResNet(filters=(6,), kernels=(5,)),) * 2),
    "res_lstm": ResLSTM(filters=(6,), kernels=(5,), units=4),
}


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODELS, "_plugins", dict(MODELS._plugins))


@pytest.mark.slow  # the eager gradient compiles hundreds of operators one by one, which no smaller network avoids
@pytest.mark.parametrize(
    "check",
    [check for name in MODELS.names() for check in model_checks(SMALL.get(name) or MODELS[name](), frames=31)],
    ids=str,
)
def test_built_in(check: Check) -> None:
    check()


@pytest.mark.slow  # imports TensorFlow
@pytest.mark.parametrize("name", MODELS.names())
def test_built_in_in_litert(name: str) -> None:
    with quiet():
        check_export(SMALL.get(name) or MODELS[name](), frames=31)


class _Net(Network):
    """Mean over frames, dropout, dense; `variant` breaks a promise."""

    def __init__(self, variant: str, channels: int, classes: int, rngs: nnx.Rngs) -> None:
        self.variant = variant
        weights = nnx.Rngs(7) if variant == "own rngs" else rngs
        if variant == "unseeded":
            weights = nnx.Rngs(int(np.random.default_rng().integers(2**31)))
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.head = nnx.Linear(channels, classes, rngs=weights)
        self.scale = nnx.Param(jnp.ones(channels))

    def embed(self, features: Array) -> Array:
        if self.variant == "skips frames":
            features = features[:, 2:]
        x = jnp.mean(features, axis=1) * self.scale[...]
        if self.variant == "batch mean":
            x = x - jnp.mean(x, axis=0)
        if self.variant == "reads the tracer" and isinstance(features, jax.core.Tracer):
            x = x * 1.001
        if self.variant == "always drops":
            return self.dropout(x, deterministic=False)
        if self.variant == "never drops":
            return self.dropout(x, deterministic=True)
        x = self.dropout(x)
        return x[..., None] if self.variant == "3-D" else x

    def __call__(self, features: Array) -> Array:
        if self.variant == "3-D":
            return self.head(self.embed(features)[..., 0])
        logits = self.head(self.embed(features))
        if self.variant == "sorts":
            logits = logits + 0 * jax.lax.linalg.cholesky(jnp.eye(2))[0, 0]
        if self.variant == "raises":
            raise TypeError("no such thing")
        if self.variant == "half":
            return logits.astype(jnp.float16)
        return logits[:, 1:] if self.variant == "a class less" else logits


def _model(variant: str, build: Callable[..., object] | None = None, can_export: bool = True) -> Model:
    """Register a model under the name "example" that builds `_Net`."""

    @MODELS.register("example")
    @dataclass(frozen=True)
    class Plugin(Model):
        """A model."""

        exportable = can_export

        def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> Network:
            return build(frames, channels, classes, rngs) if build else _Net(variant, channels, classes, rngs)

    return Plugin()


def _fails_when_short(error: type[Exception]) -> Callable[..., Network]:
    def build(frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> Network:
        if frames < 4:
            raise error("too short")
        return _Net("", channels, classes, rngs)

    return build


def test_a_correct_model_passes() -> None:
    check_model(_model("", _fails_when_short(ValueError)), frames=6)


@pytest.mark.parametrize(
    ("variant", "promise"),
    [
        ("own rngs", "other rngs build other weights"),
        ("unseeded", "equal rngs build equal weights"),
        ("raises", r"takes f32\[batch, frames, channels\]"),
        ("half", r"returns logits f32\[batch, classes\]"),
        ("a class less", r"returns logits f32\[batch, classes\]"),
        ("3-D", r"embed returns f32\[batch, width\]"),
        ("always drops", "evaluation is deterministic"),
        ("batch mean", "a clip's logits are its own"),
        ("never drops", "dropout is random in training"),
        ("reads the tracer", "gradients under jit and eager agree"),
        ("skips frames", "too short raises ValueError in build.*1 frames"),
    ],
)
def test_a_broken_model_is_reported(variant: str, promise: str) -> None:
    with pytest.raises(AssertionError, match=f"model 'example' breaks a promise.*{promise}"):
        check_model(_model(variant), frames=6)


@pytest.mark.parametrize(
    ("build", "promise"),
    [
        (lambda frames, channels, classes, rngs: nnx.Linear(channels, classes, rngs=rngs), "returns a Network"),
        (lambda *_: 1 / 0, "build makes a network.*ZeroDivisionError"),
        (_fails_when_short(ZeroDivisionError), "too short raises ValueError in build.*ZeroDivisionError"),
    ],
)
def test_a_broken_build_is_reported(build: Callable[..., object], promise: str) -> None:
    with pytest.raises(AssertionError, match=f"model 'example' breaks a promise.*{promise}"):
        check_model(_model("", build), frames=6)


@pytest.mark.slow  # imports TensorFlow
@pytest.mark.parametrize(("variant", "promise"), [("sorts", "built-in operators"), ("reads the tracer", "agree")])
def test_a_model_that_does_not_convert_is_reported(variant: str, promise: str) -> None:
    with quiet(), pytest.raises(AssertionError, match=f"model 'example' breaks a promise.*{promise}"):
        check_export(_model(variant), frames=6)


def test_a_model_that_declares_that_it_does_not_export() -> None:
    with pytest.raises(AssertionError, match="exportable = False"):
        check_export(_model("", can_export=False), frames=6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CNN(filters=()), r"filters .*\(\)"),
        (lambda: CNN(filters=(8, 8)), r"filters and kernels .*\(8, 8\) and \(5, 3, 3\)"),
        (lambda: CNN(filters=(8, 0, 8)), r"filters .*\(8, 0, 8\)"),
        (lambda: CNN(kernels=(5, 3, 0)), r"kernels .*\(5, 3, 0\)"),
        (lambda: CNN(dense=0), "dense .* 0"),
        (lambda: CNN(dropout=1.0), "dropout .* 1.0"),
        (lambda: CNNLSTM(filters=(8,)), r"filters and kernels .*\(8,\)"),
        (lambda: CNNLSTM(units=()), r"units .*\(\)"),
        (lambda: CNNLSTM(units=(8, 0)), r"units .*\(8, 0\)"),
        (lambda: CNNLSTM(dense=-1), "dense .* -1"),
        (lambda: CNNLSTM(dropout=-0.1), "dropout .* -0.1"),
        (lambda: CNN2D(filters=()), r"filters .*\(\)"),
        (lambda: CNN2D(filters=(4, -1)), r"filters need one number per convolution, at least 1, got \(4, -1\)"),
        (lambda: CNN2D(dropout=2.0), "dropout .* 2.0"),
        (lambda: CNN().build(7, 13, 8, nnx.Rngs(0)), "7 frames .* at least 8"),
        (lambda: CNNLSTM().build(7, 13, 8, nnx.Rngs(0)), "7 frames .* at least 8"),
        (lambda: TCResNet(filters=(8, 8)), r"filters and kernels .*\(8, 8\) and"),
        (lambda: TCResNet(pooling="max"), "pooling .* mean, statistics, attentive, got max"),
        (lambda: TCResNet(dropout=1.0), "dropout .* 1.0"),
        (lambda: TCResNet(bands=-1), "bands .* -1"),
        (lambda: TCResNet(bands=4).build(7, 13, 8, nnx.Rngs(0)), "7 frames .* at least 8"),
        (lambda: DSCNN(kernels=(5, 7, 7, 0)), r"kernels .*\(5, 7, 7, 0\)"),
        (lambda: DSCNN(pooling="sum"), "pooling .* got sum"),
        (lambda: ResLSTM(units=0), "units .* 0"),
        (lambda: ResLSTM(filters=(8, 8)), r"filters and kernels .*\(8, 8\) and"),
        (lambda: ResLSTM(filters=(), kernels=(), dropout=-1), "dropout .* -1"),
        (lambda: TCResNet().build(3, 13, 8, nnx.Rngs(0)), "3 frames .* at least 4"),
        (lambda: DSCNN().build(3, 13, 8, nnx.Rngs(0)), "3 frames .* at least 4"),
        (lambda: ResLSTM().build(1, 13, 8, nnx.Rngs(0)), "1 frames .* at least 2"),
        (lambda: CNN2D().build(15, 64, 8, nnx.Rngs(0)), "15 frames .* at least 16"),
        (lambda: CNN2D().build(130, 13, 8, nnx.Rngs(0)), "13 channels .* at least 16"),
    ],
)
def test_invalid_fields(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

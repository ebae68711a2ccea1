"""The contract of models, in JAX and in TensorFlow Lite."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array

from aersut.contracts import Model
from aersut.models.network import Network
from aersut.registry import MODELS
from aersut.testing.contract import TOLERANCE, BrokenPromiseError, Contract, all_equal, expect, expect_close, noise
from aersut.training.state import Graphs, TrainState, create

LEAST = 1e-3
"""Differences of a gradient are relative to its largest entry, or to this fraction of the network's if that is more."""


def check_model(model: Model, frames: int = 130, channels: int = 13, classes: int = 8) -> None:
    """Run all checks of `model_checks`."""
    model_checks(model, frames, channels, classes).run()


def model_checks(model: Model, frames: int = 130, channels: int = 13, classes: int = 8) -> Contract:
    """Return the checks of an architecture on inputs of one size; `export_checks` cover TensorFlow Lite."""
    contract, batch = Contract(MODELS, model), 3 * noise(4, frames, channels)

    def build(seed: int = 0) -> Network:
        return model.build(frames, channels, classes, nnx.Rngs(jax.random.key(seed)))

    network = cache(build)
    created = cache(lambda: create(network(), optax.identity()))
    evaluate = cache(lambda: _calls(*created()))
    evaluated = cache(lambda: evaluate()(batch))

    made = contract.promise("build makes a network, and returns a Network")
    made(lambda: expect(isinstance(network(), Network), f"it returned {type(network()).__name__}"))
    equal = contract.promise("equal rngs build equal weights", "draw weights from rngs alone")
    equal(lambda: all_equal(created()[1].params, nnx.state(build(0), nnx.Param)))
    other = contract.promise("other rngs build other weights", "draw weights from rngs")
    other(lambda: not all_equal(created()[1].params, nnx.state(build(1), nnx.Param)))
    contract.promise("the network takes f32[batch, frames, channels]")(evaluated)

    @contract.promise("it returns logits f32[batch, classes]")
    def _() -> None:
        expected, found = ((4, classes), "float32"), (evaluated()[0].shape, str(evaluated()[0].dtype))
        expect(found == expected, f"expected {expected}, got {found}")

    @contract.promise("embed returns f32[batch, width]")
    def _() -> None:
        shape = evaluated()[2].shape
        expect(len(shape) == 2 and shape[0] == 4, f"its shape is {shape}")

    obey = "obey deterministic and use_running_average, as nnx.Dropout and nnx.BatchNorm do"
    contract.promise("evaluation is deterministic", obey)(lambda: np.array_equal(*evaluated()[:2]))
    own = contract.promise("in evaluation a clip's logits are its own", "they change with the other clips of the batch")
    own(lambda: expect_close(evaluate()(batch.at[1:].multiply(-2.0))[0][:1], evaluated()[0][:1]))

    @contract.promise("dropout is random in training", "two calls drop the same units")
    def _() -> bool:
        first, second, _ = _calls(*created(), training=True)(batch)
        dropout = any(isinstance(part, nnx.Dropout) and part.rate > 0 for _, part in nnx.iter_modules(network()))
        return not dropout or not np.array_equal(first, second)

    pool = "pool with jnp.maximum of strided slices, never with reshape(...).max(axis)"
    gradients = contract.promise("the gradients under jit and eager agree", pool)
    gradients(lambda: _check_gradients(*created(), batch, classes))
    short = contract.promise("input that is too short raises ValueError in build")
    short(lambda: _check_short_input(model, frames, channels, classes))
    return contract


def _calls(graphs: Graphs, state: TrainState, training: bool = False) -> Callable[[Array], tuple[Array, Array, Array]]:
    """Return a function of the logits of two calls, and of the embedding."""

    @jax.jit
    def twice(params: Any, rest: Any, features: Array) -> tuple[Array, Array, Array]:
        network = graphs.network(params, rest, training)
        return network(features), network(features), network.embed(features)

    return lambda features: twice(state.params, state.rest, features)


def _check_gradients(graphs: Graphs, state: TrainState, batch: Array, classes: int) -> None:
    def loss(params: Any, features: Array) -> Array:
        logits = graphs.network(params, state.rest, training=True)(features)
        return optax.softmax_cross_entropy(logits, jax.nn.one_hot(jnp.arange(len(features)) % classes, classes)).mean()

    eager, jitted = (gradient(state.params, batch) for gradient in (jax.grad(loss), jax.jit(jax.grad(loss))))
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(eager))
    for (path, one), two in zip(jax.tree.leaves_with_path(eager), jax.tree.leaves(jitted), strict=True):
        difference = float(jnp.abs(one - two).max()) / max(float(jnp.abs(one).max()), LEAST * largest)
        where = f"{jax.tree_util.keystr(path)} differs by {difference:.1e} of its largest entry"
        expect(difference <= TOLERANCE, where)


def _check_short_input(model: Model, most: int, channels: int, classes: int) -> None:
    """Evaluate the network for the shortest input that `build` accepts."""
    for frames in range(1, most + 1):
        try:
            network = model.build(frames, channels, classes, nnx.Rngs(jax.random.key(0)))
        except ValueError:
            continue
        except Exception as error:
            raise BrokenPromiseError(f"{frames} frames raised {error!r} in build") from error
        try:
            logits = _calls(*create(network, optax.identity()))(noise(1, frames, channels))[0]
        except Exception as error:
            raise BrokenPromiseError(f"{frames} frames were accepted and raised {error!r}") from error
        return expect(jnp.isfinite(logits).all(), f"{frames} frames were accepted and gave {logits[0]}")


def check_export(model: Model, frames: int = 130, channels: int = 13, classes: int = 8) -> None:
    """Run all checks of `export_checks`."""
    export_checks(model, frames, channels, classes).run()


def export_checks(model: Model, frames: int = 130, channels: int = 13, classes: int = 8) -> Contract:
    """Return the checks of the conversion to a float32 TensorFlow Lite file; they need `aersut[export]`."""
    contract, batch = Contract(MODELS, model), 3 * noise(4, frames, channels)

    created = cache(
        lambda: create(model.build(frames, channels, classes, nnx.Rngs(jax.random.key(0))), optax.identity())
    )

    def network() -> Network:
        graphs, state = created()
        return graphs.network(state.params, state.rest)

    @cache
    def files() -> Any:
        from aersut.export.convert import classifier_graphs

        created()  # outside of the trace
        return classifier_graphs(network, (frames, channels))

    contract.promise("an exportable model", "it declares exportable = False")(lambda: model.exportable)
    contract.promise("TensorFlow Lite has built-in operators for it")(files)

    @contract.promise("LiteRT and JAX agree", "an operator converts wrongly")
    def _() -> None:
        from aersut.export import verify
        from aersut.export.quantize import quantize
        from aersut.tflite.litert import LiteRTModel

        expected = np.asarray(jax.nn.softmax(network()(batch)))
        for file in set(files()):  # two, if there is an LSTM
            found = LiteRTModel(quantize(file, "float32", np.asarray(batch)))(np.asarray(batch))
            difference = verify.largest_difference(found, expected)
            expect(difference <= verify.TOLERANCE, f"they differ by {difference:.1e}")

    return contract

"""The contracts of models and optimizers."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array

from aersut.contracts import Model, Optimizer
from aersut.models.network import Network
from aersut.testing.promise import TOLERANCE, Promise, check_plugin, equal, noise
from aersut.training.state import TrainState, create

LEAST = 1e-3
"""A gradient's leaf is compared relative to its own largest entry, but to no less than this share of the network's."""


def check_model(model: Model, frames: int = 130, channels: int = 13, classes: int = 8) -> None:
    """Check an architecture on inputs of one size; `check_export` checks what becomes of it in TensorFlow Lite."""
    promise = check_plugin(model)
    network = promise.holds("build makes a network", lambda: model.build(frames, channels, classes, rngs(0)))
    promise.that(isinstance(network, Network), "build returns a Network", f"it returned {type(network).__name__}")
    graphs, state = create(network, optax.identity())
    twin, other = (nnx.state(model.build(frames, channels, classes, rngs(seed)), nnx.Param) for seed in (0, 1))
    promise.that(equal(state.params, twin), "equal rngs build equal weights", "draw weights from rngs alone")
    promise.that(not equal(state.params, other), "other rngs build other weights", "draw weights from rngs")
    batch = noise(4 * frames * channels).reshape(4, frames, channels) * 3
    evaluate, train = _calls(graphs.evaluation), _calls(graphs.training)
    logits, second, embedding = promise.holds(
        "the network takes f32[batch, frames, channels]", lambda: evaluate(state, batch)
    )
    expected, found = ((4, classes), "float32"), (logits.shape, str(logits.dtype))
    promise.that(found == expected, "it returns logits f32[batch, classes]", f"expected {expected}, got {found}")
    flat = embedding.ndim == 2 and len(embedding) == 4
    promise.that(flat, "embed returns f32[batch, width]", f"its shape is {embedding.shape}")
    advice = "a second call differs: obey deterministic and use_running_average, as nnx.Dropout and nnx.BatchNorm do"
    promise.that(np.array_equal(second, logits), "evaluation is deterministic", advice)
    alone = evaluate(state, batch.at[1:].multiply(-2.0))[0][:1]
    promise.close(alone, logits[:1], "in evaluation a clip's logits are its own", "they change with the batch's others")
    one, two, _ = promise.holds("it can be called in training", lambda: train(state, batch))
    if any(isinstance(part, nnx.Dropout) and part.rate > 0 for _, part in nnx.iter_modules(network)):
        promise.that(not np.array_equal(one, two), "dropout is random in training", "two calls drop the same units")
    _check_gradient(promise, graphs.training, state, batch, classes)
    _check_short(promise, model, frames, channels, classes)


def _calls(graph: Any) -> Callable[[TrainState, Array], tuple[Array, Array, Array]]:
    @jax.jit
    def twice(params: Any, rest: Any, features: Array) -> tuple[Array, Array, Array]:
        network = nnx.merge(graph, params, rest, copy=True)
        return network(features), network(features), network.embed(features)

    return lambda state, features: twice(state.params, state.rest, features)


def _check_gradient(promise: Promise, graph: Any, state: TrainState, batch: Array, classes: int) -> None:
    def loss(params: Any, features: Array) -> Array:
        logits = nnx.merge(graph, params, state.rest, copy=True)(features)
        return optax.softmax_cross_entropy(logits, jax.nn.one_hot(jnp.arange(len(features)) % classes, classes)).mean()

    eager = promise.holds("jax.grad goes through it", lambda: jax.grad(loss)(state.params, batch))
    jitted = promise.holds("jax.jit compiles its gradient", lambda: jax.jit(jax.grad(loss))(state.params, batch))
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(eager))
    for (path, one), two in zip(jax.tree.leaves_with_path(eager), jax.tree.leaves(jitted), strict=True):
        scale = max(float(jnp.abs(one).max()), LEAST * largest)
        difference = float(jnp.abs(one - two).max()) / scale
        where = f"{jax.tree_util.keystr(path)} differs by {difference:.1e} of its largest entry"
        advice = "pool with jnp.maximum of strided slices, never with reshape(...).max(axis)"
        promise.that(difference <= TOLERANCE, "the gradients under jit and eager agree", f"{where}; {advice}")


def _check_short(promise: Promise, model: Model, frames: int, channels: int, classes: int) -> None:
    what = "input that is too short raises ValueError in build"
    for few in range(1, frames + 1):
        try:
            network = model.build(few, channels, classes, rngs(0))
        except ValueError:
            continue
        except Exception as error:
            raise promise.broken(what, f"{few} frames raised {error!r}") from error
        graphs, state = create(network, optax.identity())
        features = noise(few * channels).reshape(1, few, channels)
        logits = promise.holds(what, functools.partial(_calls(graphs.evaluation), state, features))[0]
        promise.that(bool(jnp.isfinite(logits).all()), what, f"{few} frames were accepted and gave {logits[0]}")
        return


def check_export(model: Model, frames: int = 130, channels: int = 13, classes: int = 8) -> None:
    """Check that an exportable model becomes a float32 TensorFlow Lite file that agrees with JAX; needs `[export]`."""
    from aersut.export.bridge import probabilities, to_tflite
    from aersut.export.quantize import quantize
    from aersut.export.verify import TOLERANCE, compare, run_litert

    promise = check_plugin(model)
    promise.that(model.exportable, "an exportable model", "it declares exportable = False: nothing to check")
    graphs, state = create(model.build(frames, channels, classes, rngs(0)), optax.identity())
    function = probabilities(graphs, state, fused=True)
    base = promise.holds(
        "TensorFlow Lite has built-in operators for it", lambda: to_tflite(function, [(1, frames, channels)])
    )
    batch = noise(4 * frames * channels).reshape(4, frames, channels) * 3
    file = quantize(base, "float32", np.asarray(batch))
    network = nnx.merge(graphs.evaluation, state.params, state.rest)
    agreement = compare(run_litert(file, np.asarray(batch)), np.asarray(jax.nn.softmax(network(batch))))
    same = agreement.difference <= TOLERANCE
    promise.that(
        same, "LiteRT and JAX agree", f"they differ by {agreement.difference:.1e}: an operator converts wrongly"
    )


def check_optimizer(optimizer: Optimizer, steps: int = 50) -> None:
    """Check that an optimizer lowers a quadratic loss within `steps`, the length of the run that it is built for."""
    promise = check_plugin(optimizer)
    transform = promise.holds("build makes an optax.GradientTransformation", lambda: optimizer.build(steps, 10))
    begin = {"matrix": noise(12).reshape(3, 4) + 1, "bias": jnp.ones(4)}

    def loss(params: Any) -> Array:
        return sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(params))  # type: ignore[return-value]

    def run(transform: optax.GradientTransformation) -> tuple[Any, Any]:
        @jax.jit
        def step(params: Any, state: Any) -> tuple[Any, Any]:
            value, gradient = jax.value_and_grad(loss)(params)
            updates, state = optax.with_extra_args_support(transform).update(gradient, state, params, value=value)
            return optax.apply_updates(params, updates), state

        params, state = begin, transform.init(begin)
        for _ in range(steps):
            params, state = step(params, state)
        return params, state

    params, state = promise.holds("jax.jit traces its update", lambda: run(transform))
    kinds = [jax.tree.map(lambda x: (x.shape, x.dtype), tree) for tree in (transform.init(begin), state)]
    promise.that(kinds[0] == kinds[1], "its state keeps its shapes and dtypes", "else it cannot be restored")
    finite = all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(params))
    promise.that(finite, "it is finite", f"the weights are not after {steps} steps down a quadratic")
    lower = bool(loss(params) < loss(begin))
    promise.that(lower, "it lowers the loss", f"{float(loss(begin)):g} became {float(loss(params)):g}: check the sign")
    promise.that(equal(params, run(optimizer.build(steps, 10))[0]), "it is deterministic", "a second run differs")


def rngs(seed: int) -> nnx.Rngs:
    return nnx.Rngs(jax.random.key(seed))

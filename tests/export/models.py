"""A small network of every registered model, and one of an unregistered plugin."""

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array

from aersut.contracts import Model
from aersut.models import CNN, CNN2D, CNNLSTM, DSCNN, Ensemble, TCResNet
from aersut.models.network import LSTM, Network, batch_norm
from aersut.registry import MODELS
from aersut.training.state import Graphs, TrainState, create

FRAMES, CHANNELS, CLASSES = 24, 16, 5
SMALL: dict[str, Model] = {
    "cnn": CNN(filters=(8, 6), kernels=(3, 3), dense=16),
    "cnn_lstm": CNNLSTM(filters=(8,), kernels=(3,), units=(8, 6), dense=16),
    "cnn2d": CNN2D(filters=(4, 6)),
    "ensemble": Ensemble((TCResNet(filters=(8,), kernels=(3,)), DSCNN(filters=(8, 8), kernels=(3, 3)))),
}


class Recurrent(Network):
    """A bidirectional LSTM with a residual connection and attentive pooling after flax's own convolution."""

    def __init__(self, channels: int, classes: int, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(channels, 12, (3,), rngs=rngs)
        self.norm = batch_norm(12, rngs=rngs)
        self.forth, self.back = LSTM(12, 6, rngs=rngs), LSTM(12, 6, rngs=rngs)
        self.score = nnx.Linear(12, 1, rngs=rngs)
        self.head = nnx.Linear(12, classes, rngs=rngs)

    def embed(self, features: Array) -> Array:
        x = nnx.relu(self.norm(self.conv(features)))
        x = x + jnp.concatenate([self.forth(x), self.back(x[:, ::-1])[:, ::-1]], axis=2)
        weights = jax.nn.softmax(jnp.swapaxes(self.score(x), 1, 2), axis=-1)
        return jnp.squeeze(weights @ x, axis=1)


@dataclass(frozen=True)
class Bidirectional(Model):
    """An unregistered model."""

    def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> Network:
        return Recurrent(channels, classes, rngs)


def small(name: str) -> Model:
    return Bidirectional() if name == "bidirectional" else SMALL.get(name) or MODELS[name]()


@functools.cache
def trained(model: Model, frames: int = FRAMES, channels: int = CHANNELS) -> tuple[Graphs, TrainState]:
    """The model with weights that reveal errors: BatchNorm averages other than the initial ones, and large logits."""
    network = nnx.jit(lambda: model.build(frames, channels, CLASSES, nnx.Rngs(0)))()
    rng = np.random.default_rng(0)
    for _, module in nnx.iter_modules(network):
        if isinstance(module, nnx.BatchNorm):
            size = module.num_features
            module.mean[...] = jnp.asarray(rng.normal(0, 0.3, size), jnp.float32)
            module.var[...] = jnp.asarray(rng.uniform(0.5, 2, size), jnp.float32)
            assert module.scale is not None
            assert module.bias is not None
            module.scale[...] = jnp.asarray(rng.uniform(0.5, 2, size), jnp.float32)
            module.bias[...] = jnp.asarray(rng.normal(0, 0.3, size), jnp.float32)
    graphs, state = create(network, optax.identity())
    logits = jax.jit(lambda x: graphs.network(state.params, state.rest)(x))
    larger = 1.5 / jnp.std(logits(clips(20, frames, channels)))
    for _, module in nnx.iter_modules(network):
        if isinstance(module, Network) and hasattr(module, "head"):  # an ensemble has its members'
            module.head.kernel[...] *= larger
    return create(network, optax.identity())


def clips(count: int, frames: int = FRAMES, channels: int = CHANNELS) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, frames, channels)).astype(np.float32)

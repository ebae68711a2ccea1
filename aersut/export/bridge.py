"""From the JAX network to a TensorFlow Lite file."""

import jax
from flax import nnx
from jaxtyping import Array, Float

from aersut.training.state import Graphs, TrainState


def to_float32(graphs: Graphs, state: TrainState, shape: tuple[int, int]) -> bytes:
    """Return a .tflite file: scaled features f32[1, frames, channels] in, probabilities f32[1, classes] out.

    Args:
        shape: (frames, channels).
    """
    import tensorflow as tf
    from jax.experimental import jax2tf

    def probabilities(features: Float[Array, "batch frames channels"]) -> Float[Array, "batch classes"]:
        # merged in here: a network from outside would belong to another trace
        network = nnx.merge(graphs.evaluation, state.weights, state.rest, copy=True)
        return jax.nn.softmax(network(features))

    signature = [tf.TensorSpec((1, *shape), tf.float32, name="features")]
    module = tf.Module()
    module.f = tf.function(  # the converter needs the module to hold the function
        jax2tf.convert(probabilities, with_gradient=False), autograph=False, input_signature=signature
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.f.get_concrete_function()], module)
    return bytes(converter.convert())

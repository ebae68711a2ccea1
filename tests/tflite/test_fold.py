"""BatchNorm and ReLU after a convolution are folded into it, and no other operators."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from aersut.export.convert import to_tflite
from aersut.models.convolution import conv1d, max_pool1d
from aersut.quiet import quiet
from aersut.tflite.litert import LiteRTModel

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(3, 4, 6)).astype(np.float32)
SCALE, OFFSET = (RNG.normal(size=6).astype(np.float32) for _ in range(2))


def convolved(x: Array) -> Array:
    return conv1d(x, jnp.asarray(KERNEL))


@pytest.mark.parametrize(
    ("function", "operators"),
    [
        (lambda x: (convolved(x) - OFFSET) * SCALE + OFFSET, ["RESHAPE", "CONV_2D", "RESHAPE"]),
        (lambda x: jax.nn.relu(convolved(x) * SCALE + OFFSET), ["RESHAPE", "CONV_2D", "RESHAPE"]),
        (lambda x: max_pool1d(jax.nn.relu(convolved(x))), ["RESHAPE", "CONV_2D", "MAX_POOL_2D", "RESHAPE"]),
        (lambda x: convolved(x) * 0.5, ["RESHAPE", "CONV_2D", "RESHAPE"]),
        # operators after the ReLU are kept, and so are those whose input has other users
        (lambda x: jax.nn.relu(convolved(x)) * SCALE, ["RESHAPE", "CONV_2D", "RESHAPE", "MUL"]),
        (lambda x: (y := convolved(x)) + jnp.abs(y * SCALE), ["RESHAPE", "CONV_2D", "RESHAPE", "MUL", "ABS", "ADD"]),
        # a scale per frame is not a scale per channel, even where the numbers of frames and channels are equal
        (
            lambda x: convolved(x) * np.linspace(1, 2, 6, dtype=np.float32)[:, None],
            ["RESHAPE", "CONV_2D", "RESHAPE", "MUL"],
        ),
        (lambda x: 1 - convolved(x), ["RESHAPE", "CONV_2D", "RESHAPE", "SUB"]),
    ],
)
def test_operators_after_folding(function: Callable[[Array], Array], operators: list[str]):
    clips = RNG.normal(size=(3, 6, 4)).astype(np.float32)
    with quiet():
        file = to_tflite(function, [(1, 6, 4)])
        outputs = LiteRTModel(file)(clips)
    np.testing.assert_allclose(outputs, np.asarray(function(clips)), atol=1e-5)
    assert list(file.operators) == operators

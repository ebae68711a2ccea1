"""BatchNorm and ReLU behind a layer are folded into it, and nothing else is."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from aersut.export.bridge import to_tflite
from aersut.export.flatbuffer import describe
from aersut.export.verify import run_litert
from aersut.models.convolution import conv1d, max_pool1d
from aersut.quiet import quiet

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
        # what comes behind the ReLU, and what another part reads too, stays
        (lambda x: jax.nn.relu(convolved(x)) * SCALE, ["RESHAPE", "CONV_2D", "RESHAPE", "MUL"]),
        (lambda x: (y := convolved(x)) + jnp.abs(y * SCALE), ["RESHAPE", "CONV_2D", "RESHAPE", "MUL", "ABS", "ADD"]),
        # a scale per frame is none per channel, even where there are as many
        (
            lambda x: convolved(x) * np.linspace(1, 2, 6, dtype=np.float32)[:, None],
            ["RESHAPE", "CONV_2D", "RESHAPE", "MUL"],
        ),
        (lambda x: 1 - convolved(x), ["RESHAPE", "CONV_2D", "RESHAPE", "SUB"]),
    ],
)
def test_what_is_folded(function: Callable[[Array], Array], operators: list[str]):
    clips = RNG.normal(size=(3, 6, 4)).astype(np.float32)
    with quiet():
        file = to_tflite(function, [(1, 6, 4)])
        outputs = run_litert(file, clips)
    np.testing.assert_allclose(outputs, np.asarray(function(clips)), atol=1e-5)
    assert list(describe(file).operators) == operators

"""The LSTM layer becomes TensorFlow Lite's own operator, whose state is cleared before every clip."""

import jax
import numpy as np
import optax
import pytest
from flax import nnx
from jax import Array

from aersut.errors import UserError
from aersut.export.convert import classifier_graphs, probabilities, to_tflite
from aersut.export.lstm import LSTM as OPERATOR
from aersut.export.lstm import cell_states
from aersut.export.quantize import quantize
from aersut.models.network import LSTM, Network
from aersut.quiet import quiet
from aersut.tflite.compiled import run_compiled
from aersut.tflite.file import TFLiteFile
from aersut.tflite.graph import Graph
from aersut.tflite.join import joined
from aersut.tflite.litert import LiteRTModel
from aersut.tflite.micro import run_tflm_float
from aersut.training.state import create


class _Layer(Network):
    """One LSTM; `variant` selects a use that cannot be exported."""

    def __init__(self, variant: str = "") -> None:
        self.variant = variant
        self.lstm = LSTM(3, 4, rngs=nnx.Rngs(0))
        self.head = nnx.Linear(4, 2, rngs=nnx.Rngs(1))

    def embed(self, features: Array) -> Array:
        if self.variant == "in a loop":
            return jax.lax.scan(lambda x, _: (x, self.lstm(x)[:, -1].squeeze()), features, length=2)[1].sum(0)[None]
        if self.variant == "computed weights":
            self.lstm.bias[...] = self.lstm.bias[...] + features.mean()
        return self.lstm(features)[:, -1]


def _file(variant: str = "") -> TFLiteFile:
    graphs, state = create(_Layer(variant), optax.identity())
    with quiet():
        return to_tflite(probabilities(lambda: graphs.network(state.weights, state.rest), fused=True), [(1, 6, 3)])


CLIPS = 3 * np.random.default_rng(0).normal(size=(12, 6, 3)).astype(np.float32)


def test_it_is_one_operator():
    operators = _file().operators
    assert operators.count(OPERATOR) == 1
    assert "WHILE" not in operators


@pytest.mark.parametrize("number_format", ["float32", "int8"])
def test_outputs_do_not_depend_on_the_clip_before(number_format: str):
    file = quantize(_file(), number_format, CLIPS)
    twice = np.concatenate([CLIPS, CLIPS[::-1]])
    with quiet():
        outputs = LiteRTModel(file)(twice)
    np.testing.assert_array_equal(outputs[:12], outputs[12:][::-1])
    outputs = run_tflm_float(file, twice).outputs
    np.testing.assert_array_equal(outputs[:12], outputs[12:][::-1])


def test_the_loop_of_the_float_formats_follows_another_loop():
    graphs, state = create(_Layer(), optax.identity())
    with quiet():
        loop, fused = classifier_graphs(lambda: graphs.network(state.weights, state.rest), (6, 3))
        running = lambda x: jax.lax.scan(lambda total, row: (total + row,) * 2, x[:, 0], x[0])[1]  # noqa: E731
        sums = to_tflite(lambda x: jax.numpy.swapaxes(running(x), 0, 1), [(1, 6, 3)])
        both = joined(sums, loop, "both.tflite")
        assert (OPERATOR in loop.operators, OPERATOR in fused.operators) == (False, True)
        assert both.operators.count("WHILE") == 2
        expected = LiteRTModel(loop)(LiteRTModel(sums)(CLIPS))
        np.testing.assert_array_equal(LiteRTModel(both)(CLIPS), expected)
    np.testing.assert_allclose(run_compiled(both, CLIPS), expected, atol=1e-6)


def test_compiled_model_does_not_load_it():
    with pytest.raises(UserError, match="CompiledModel: Variable tensors not yet supported"):
        run_compiled(_file(), CLIPS[:1])


def test_cell_states_equal_those_of_the_layer():
    graph = Graph(_file().model())
    [operator] = [one for one in graph.operators if graph.name(one) == OPERATOR]
    layer = _Layer().lstm

    def step(carry: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
        hidden, cell = carry
        i, f, g, o = np.split(x @ layer.kernel[...] + layer.bias[...] + hidden @ layer.recurrent[...], 4, -1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jax.numpy.tanh(g)
        return (jax.nn.sigmoid(o) * jax.numpy.tanh(cell), cell), cell

    carry = (np.zeros((12, 4)), np.zeros((12, 4)))
    expected = []
    for frame in np.swapaxes(CLIPS, 0, 1):
        carry, cell = step(carry, frame)
        expected.append(cell)
    np.testing.assert_allclose(cell_states(graph, operator, CLIPS), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("variant", "message"),
    [("in a loop", "inside a loop"), ("computed weights", "weights are computed from the input")],
)
def test_an_lstm_that_cannot_be_one_operator_is_an_error(variant: str, message: str):
    with pytest.raises(UserError, match=message):
        _file(variant)

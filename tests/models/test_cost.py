"""The cost of networks, compared with sums by hand."""

import dataclasses

import jax
import pytest
from flax import nnx

from aersut.contracts import Model
from aersut.models import CNN, CNNLSTM, DSCNN, TCResNet
from aersut.models.cost import Cost, cost
from aersut.models.network import Network
from aersut.registry import MODELS


def test_convolutions_and_dense_layers_by_hand() -> None:
    found = cost(CNN(filters=(6,), kernels=(3,), dense=10), frames=20, channels=4, classes=5)
    kernel, flat = 3 * 4 * 6, 10 * 6
    assert found == Cost(
        parameters=kernel + 2 * 6 + flat * 10 + 10 + 10 * 5 + 5,
        macs=20 * kernel + flat * 10 + 10 * 5,
        int8_bytes=kernel + 4 * 6 + flat * 10 + 4 * 10 + 10 * 5 + 4 * 5,
    )


def test_an_lstm_counts_every_frame() -> None:
    found = cost(CNNLSTM(filters=(6,), kernels=(3,), units=(7,), dense=10), frames=20, channels=4, classes=5)
    assert found.macs == 20 * 3 * 4 * 6 + 10 * (6 + 7) * 4 * 7 + 7 * 10 + 10 * 5


def test_a_depthwise_convolution_counts_each_channel_once() -> None:
    found = cost(DSCNN(filters=(6, 6), kernels=(3, 5), pooling="mean"), frames=20, channels=4, classes=5)
    assert found.macs == 20 * 3 * 4 * 6 + 10 * (5 * 6 + 6 * 6) + 10 * 6 + 6 * 5


@pytest.mark.parametrize("name", MODELS.names())
def test_parameters_are_those_of_the_network(name: str) -> None:
    model = MODELS[name]()
    params = jax.eval_shape(lambda: nnx.state(model.build(94, 64, 8, nnx.Rngs(0)), nnx.Param))
    assert cost(model, 94, 64, 8).parameters == sum(leaf.size for leaf in jax.tree.leaves(params))


def test_input_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="at least 8"):
        cost(CNN(), frames=7, channels=4, classes=5)


def test_the_list_shows_costs_also_with_a_plugin_without_defaults(launch, monkeypatch) -> None:
    monkeypatch.setattr(MODELS, "_plugins", dict(MODELS._plugins))

    @MODELS.register("needy")
    @dataclasses.dataclass(frozen=True)
    class Needy(Model):
        """A model."""

        width: int

        def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> Network:
            raise ValueError("no")

    lines = launch("--list").out.partition("cost of models")[2].splitlines()
    found = cost(TCResNet(), 94, 64, 8)
    [line] = [line for line in lines if line.split()[:1] == ["tc_resnet"]]
    assert [f"{n:,}" for n in (found.parameters, found.macs, found.int8_bytes)] == line.split()[1:4]
    assert any("needy" in line and "width" in line for line in lines)

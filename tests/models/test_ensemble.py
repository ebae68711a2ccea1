"""Each member of an ensemble is trained by its own loss; in evaluation, logits are averaged."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from aersut.config import Loss
from aersut.experiment import load_experiment
from aersut.models import CNNLSTM, DSCNN, Ensemble, TCResNet
from aersut.models.network import Network, evaluation_view
from aersut.training.loss import losses
from aersut.training.state import create

FRAMES, CHANNELS, CLASSES = 16, 5, 3
MEMBERS = (TCResNet(filters=(4,), kernels=(3,), dropout=0.0), DSCNN(filters=(6,), kernels=(3,), dropout=0.0))


def _features(batch: int = 4) -> jax.Array:
    return jax.random.normal(jax.random.key(0), (batch, FRAMES, CHANNELS))


def _separate() -> list[Network]:
    rngs = nnx.Rngs(0)
    return [member.build(FRAMES, CHANNELS, CLASSES, rngs) for member in MEMBERS]


def test_evaluation_returns_the_mean_of_the_members_logits() -> None:
    graphs, state = create(Ensemble(MEMBERS).build(FRAMES, CHANNELS, CLASSES, nnx.Rngs(0)), optax.identity())
    found = jax.jit(lambda: graphs.network(state.params, state.rest)(_features()))()
    each = [nnx.jit(lambda one, x: one(x))(evaluation_view(network), _features()) for network in _separate()]
    np.testing.assert_allclose(found, sum(each) / 2, atol=1e-6)


def test_in_training_each_member_has_the_gradient_of_separate_training() -> None:
    network, separate = Ensemble(MEMBERS).build(FRAMES, CHANNELS, CLASSES, nnx.Rngs(0)), _separate()
    target = jax.nn.one_hot(jnp.array([0, 1, 2, 1]), CLASSES)

    def loss(network: Network) -> jax.Array:
        return losses(network(_features()), target, Loss(label_smoothing=0.1), np.ones(CLASSES, np.float32)).mean()

    assert nnx.eval_shape(lambda network: network(_features()), network).shape == (2, 4, CLASSES)
    gradient = nnx.jit(nnx.grad(loss))
    together = gradient(network)
    for index, member in enumerate(separate):
        expected = jax.tree.leaves(jax.tree.map(lambda leaf: leaf / 2, gradient(member)))
        found = jax.tree.leaves(together["members"][index])
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)  # compiled programs round otherwise


def test_equal_members_have_different_initial_weights() -> None:
    network = Ensemble((MEMBERS[0],) * 2).build(FRAMES, CHANNELS, CLASSES, nnx.Rngs(0))
    one, two = (nnx.state(member, nnx.Param) for member in network.members)  # type: ignore[attr-defined]
    assert not np.array_equal(one["head"]["kernel"][...], two["head"]["kernel"][...])


def test_one_member_is_refused() -> None:
    with pytest.raises(ValueError, match="two or more networks, got 1"):
        Ensemble((TCResNet(),))


def test_an_ensemble_of_ensembles_is_refused() -> None:
    with pytest.raises(ValueError, match="members must not be ensembles"):
        Ensemble((TCResNet(), Ensemble()))


def test_members_are_set_on_the_command_line() -> None:
    model = '{"name": "ensemble", "members": [{"name": "tc_resnet", "dropout": 0.1}, {"name": "cnn_lstm"}]}'
    assert load_experiment("quickstart", [("model", model)]).model == Ensemble((TCResNet(dropout=0.1), CNNLSTM()))

"""The recipes: what the documentation promises of their networks and features."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from flax import nnx

from aersut.experiment import load_experiment
from aersut.run import make_frontend
from aersut.tree import digest, to_tree


@pytest.mark.parametrize(("name", "bytes_of_file"), [("tiny_speech", 256_000), ("micro_speech", 64_000)])
def test_the_int8_weights_leave_room_for_the_graph(name, bytes_of_file):
    experiment = load_experiment(name)
    shape = make_frontend(experiment).shape
    network = nnx.eval_shape(lambda: experiment.model.build(*shape, 8, nnx.Rngs(0)))
    assert sum(leaf.size for leaf in jax.tree.leaves(nnx.state(network, nnx.Param))) < bytes_of_file - 15_000


DIGESTS = {
    "cnn2d_mel": "e58846a96d",
    "cnn_combined": "2ec155cb6f",
    "cnn_lstm_combined": "135e2d2074",
    "cnn_lstm_combined_features": "b0f6f8b43f",
    "micro_ravdess": "ef41403847",
    "micro_speech": "d4a5416c51",
    "quickstart": "bd3bf345e6",
    "robust_ravdess": "fc60e7827e",
    "tiny_ravdess": "0cb0c2b68c",
    "tiny_speech": "10797f0000",
}
"""The names of run folders come from them. Those of the speech recipes are of 30 November 2026, the others of version
0.2.0."""


@pytest.mark.parametrize("name", DIGESTS)
def test_the_digests_of_the_experiments_are_unchanged(name):
    assert digest(to_tree(load_experiment(name))) == DIGESTS[name]


@pytest.mark.parametrize("name", ["robust_ravdess", "tiny_speech", "micro_speech"])
def test_features_do_not_depend_on_the_gain(name):
    frontend = make_frontend(load_experiment(name))
    speech = 0.3 * np.random.default_rng(0).standard_normal(frontend.framing.samples).astype(np.float32)
    speech[len(speech) // 2 :] = 0
    loud, quiet = (np.asarray(frontend.finished(frontend.extract(speech * gain))) for gain in (1, 0.05))
    np.testing.assert_allclose(loud, quiet, atol=2e-3)


def test_both_speech_recipes_share_a_teacher():
    tiny, micro = (load_experiment(name) for name in ("tiny_speech", "micro_speech"))
    assert tiny.teacher is not None
    assert replace(tiny, model=tiny.teacher, name="") == replace(micro, model=micro.teacher, name="")

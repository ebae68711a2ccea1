"""A run folder at work: the selected checkpoint, in JAX."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from aersut.run import open_run
from aersut.serving.runners import About
from aersut.training.trained import load


class CheckpointRunner:
    """The network and the frontend of a run's selected checkpoint, window by window.

    Attributes:
        about: what it is.

    Raises:
        UserError: the folder holds no run, or it is not trained yet.
    """

    def __init__(self, folder: Path) -> None:
        experiment = open_run(folder).experiment
        trained = load(open_run(folder))
        self.about = About(
            name=folder.name,
            labels=experiment.data.emotions,
            framing=experiment.framing,
            trim_db=experiment.data.trim_db,
            fit=experiment.data.fit,
        )
        self._frontend, self._weights, self._rest = trained.frontend, trained.state.weights, trained.state.rest

        def probabilities(features: Float[Array, "1 frames channels"]) -> Float[Array, "1 classes"]:
            network = nnx.merge(trained.graphs.evaluation, self._weights, self._rest, copy=True)
            return jax.nn.softmax(network(trained.frontend.scaled(features)))

        self._transformed: Callable[..., tuple[Array, Array]] = jax.jit(trained.frontend.transformed)
        self._probabilities: Callable[[np.ndarray], Array] = jax.jit(probabilities)

    def __call__(self, window: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        """The probabilities of one window of samples in [-1, 1]."""
        audio, columns = self._transformed(jnp.asarray(window[None]))
        features = self._frontend.completed(np.asarray(audio), np.asarray(columns))
        return np.asarray(self._probabilities(features))[0]

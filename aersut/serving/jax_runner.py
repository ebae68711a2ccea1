"""Inference with a run's selected checkpoint, in JAX."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Array, Float

from aersut.features.windows import WindowFeatures
from aersut.run_folder import identifier, open_run
from aersut.serving.runners import ModelInfo
from aersut.training.initial_weights import corpus_licences
from aersut.training.trained import load_trained


class CheckpointRunner:
    """The audio frontend and the classifier of a run's selected checkpoint; a `Runner`.

    Raises:
        UserError: the folder is not a run folder, or the run is not trained yet.
    """

    def __init__(self, folder: Path) -> None:
        run = open_run(folder)
        trained = load_trained(run)
        data = trained.experiment.data
        origin = {
            "run": identifier(run),
            "epoch": trained.epoch,
            "protocol": data.protocol,
            "synthetic": run.synthetic,
            "corpora": corpus_licences(run),
        }
        self.info = ModelInfo(folder.name, data.emotions, trained.frontend.framing, data.trim_db, data.fit, origin)
        self._features = WindowFeatures(trained.frontend, batch=1)

        def probabilities(features: Float[Array, "1 frames channels"]) -> Float[Array, "1 classes"]:
            return jax.nn.softmax(trained.network()(trained.frontend.scaled(features)))

        self._probabilities: Callable[[np.ndarray], Array] = jax.jit(probabilities)

    def __call__(self, window: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        """The probabilities of one window of samples in [-1, 1]."""
        return np.asarray(self._probabilities(self._features(window[None])))[0]

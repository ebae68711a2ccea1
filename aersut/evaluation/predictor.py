"""Predicted probabilities of a run's selected checkpoint, or of a model that was exported from the run."""

import threading
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from aersut.errors import UserError
from aersut.evaluation.evaluation_set import EvaluationSet
from aersut.features.frontend import Frontend
from aersut.features.windows import WindowFeatures
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import LiteRTModel
from aersut.training.trained import Trained


def open_exported(file: Path, frontend: Frontend) -> LiteRTModel:
    """Load a .tflite file that takes scaled features [1, frames, channels] or windows of samples [1, samples].

    Inputs and outputs are float32 or quantized integers.

    Raises:
        UserError: the input has another shape, or the output another number of classes.
    """
    content = TFLiteFile.read(file)
    model, kind = LiteRTModel(content), (content.metadata or {}).get("kind")
    if model.shape not in (frontend.shape, (frontend.framing.samples,)) or kind == "ring":
        raise UserError(
            f"{file} takes {list(model.shape)}; expected the run's features {list(frontend.shape)} or its windows "
            f"[{frontend.framing.samples}]. Choose a model exported from this run."
        )
    if model.output != (frontend.classes,):
        raise UserError(f"{file} returns {list(model.output)}; expected probabilities of {frontend.classes} classes.")
    return model


def predict_probabilities(
    trained: Trained, examples: EvaluationSet, model: LiteRTModel | None = None
) -> Float[np.ndarray, "clips classes"]:
    """Class probabilities of each clip, predicted by the checkpoint or by `model`, which was exported from it.

    Raises:
        UserError: the model takes audio and the clips are augmented copies, which exist as features only.
    """
    if model is None or model.shape == trained.frontend.shape:
        return _from_features(trained, examples.features, model)
    if examples.audio is None:
        raise UserError(
            f"the model takes audio, but protocol '{examples.about['protocol']}' tests on augmented copies, which have "
            "features only. Evaluate a model that takes features."
        )
    rows = np.arange(len(examples.clips))
    # all windows of a corpus at once would fill the memory
    return np.concatenate([model(examples.audio(rows[first : first + 64])) for first in range(0, len(rows), 64)])


class WindowPredictor:
    """Class probabilities of windows of samples, by a checkpoint or a model exported from it, as in an evaluation.

    Several threads may call it.
    """

    def __init__(self, trained: Trained, model: LiteRTModel | None = None) -> None:
        self._trained, self._model = trained, model
        self._features = WindowFeatures(trained.frontend)
        self._interpreting = threading.Lock()  # an interpreter is for one thread at a time

    def __call__(self, windows: Float[np.ndarray, "clips samples"]) -> Float[np.ndarray, "clips classes"]:
        """The probabilities of any number of windows of samples in [-1, 1]."""
        if self._model is None:
            return _from_features(self._trained, self._features(windows), None)
        if self._model.shape != self._trained.frontend.shape:
            with self._interpreting:
                return self._model(windows)
        features = self._features(windows)
        with self._interpreting:
            return _from_features(self._trained, features, self._model)


def _from_features(
    trained: Trained, features: Float[np.ndarray, "clips frames channels"], model: LiteRTModel | None
) -> Float[np.ndarray, "clips classes"]:
    if model is None:
        return trained.probabilities(features)
    return model(np.asarray(trained.frontend.scaled(jnp.asarray(features))))

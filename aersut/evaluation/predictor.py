"""Predicted probabilities of a run's selected checkpoint, or of a model that was exported from the run."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from aersut.errors import UserError
from aersut.evaluation.evaluation_set import EvaluationSet
from aersut.features.frontend import Frontend
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
    if model is None:
        return trained.probabilities(examples.features)
    if model.shape == trained.frontend.shape:
        return model(np.asarray(trained.frontend.scaled(jnp.asarray(examples.features))))
    if examples.audio is None:
        raise UserError(
            f"the model takes audio, but protocol '{examples.about['protocol']}' tests on augmented copies, which have "
            "features only. Evaluate a model that takes features."
        )
    rows = np.arange(len(examples.clips))
    # all windows of a corpus at once would fill the memory
    return np.concatenate([model(examples.audio(rows[first : first + 64])) for first in range(0, len(rows), 64)])

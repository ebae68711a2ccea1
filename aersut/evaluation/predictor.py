"""Who judges: a run's selected checkpoint, or a TensorFlow Lite file that was made of it."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from aersut.errors import UserError
from aersut.evaluation.speech import Speech
from aersut.features.frontend import Frontend
from aersut.litert import Model
from aersut.training.forward import softmax
from aersut.training.trained import Trained


def open_file(file: Path, frontend: Frontend) -> Model:
    """A file that takes scaled features [1, frames, channels], or windows of samples [1, samples].

    Both, and the probabilities that it gives, may be of float32 or of quantized integers.

    Raises:
        UserError: it takes something else, or gives another number of classes.
    """
    model = Model.read(file)
    if model.shape not in (frontend.shape, (frontend.framing.samples,)):
        raise UserError(
            f"{file} takes {list(model.shape)}; expected the run's features {list(frontend.shape)} or its windows "
            f"[{frontend.framing.samples}]. Was it exported from another run?"
        )
    if model.output != (frontend.classes,):
        raise UserError(f"{file} gives {list(model.output)}; expected probabilities of {frontend.classes} classes.")
    return model


def probabilities(trained: Trained, speech: Speech, model: Model | None = None) -> Float[np.ndarray, "clips classes"]:
    """What the checkpoint, or a file of it, makes of each clip.

    Raises:
        UserError: a file takes audio, and the clips are augmented copies, of which there are features only.
    """
    if model is None:
        return softmax(trained.forward(trained.state, speech.features))
    if model.shape == trained.frontend.shape:
        return model(np.asarray(trained.frontend.scaled(jnp.asarray(speech.features))))
    if speech.audio is None:
        raise UserError(f"the file takes audio; protocol '{speech.about['protocol']}' tests on copies' features.")
    rows = np.arange(len(speech.clips))
    # a corpus's windows together would fill the memory
    return np.concatenate([model(speech.audio(rows[first : first + 64])) for first in range(0, len(rows), 64)])

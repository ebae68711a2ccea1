"""Who judges: a run's best checkpoint, or a TensorFlow Lite file that was made of it."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from aersut.errors import UserError
from aersut.evaluation.speech import Speech
from aersut.litert import Model
from aersut.training.forward import softmax
from aersut.training.trained import Trained


def probabilities(trained: Trained, speech: Speech, file: Path | None = None) -> Float[np.ndarray, "clips classes"]:
    """What the checkpoint, or `file` in LiteRT, makes of each clip.

    A file takes scaled features [1, frames, channels], or windows of samples [1, samples]; both may be of float32 or of
    quantized integers.

    Raises:
        UserError: the file takes something else, or gives another number of classes.
    """
    if file is None:
        return softmax(trained.forward(trained.state, speech.features))
    model, frontend = Model(file), trained.frontend
    if model.shape == frontend.shape:
        said = model(np.asarray(frontend.scaled(jnp.asarray(speech.features))))
    elif model.shape == (frontend.framing.samples,):
        if speech.audio is None:
            raise UserError(f"{file} takes audio; protocol '{speech.about['protocol']}' tests on copies' features.")
        rows = np.arange(len(speech.clips))
        # a corpus's windows together would fill the memory
        said = np.concatenate([model(speech.audio(rows[first : first + 64])) for first in range(0, len(rows), 64)])
    else:
        raise UserError(
            f"{file} takes {list(model.shape)}; expected the run's features {list(frontend.shape)} or its windows "
            f"[{frontend.framing.samples}]. Was it exported from another run?"
        )
    if said.shape[1:] != (frontend.classes,):
        raise UserError(f"{file} gives {list(said.shape[1:])}; expected probabilities of {frontend.classes} classes.")
    return said

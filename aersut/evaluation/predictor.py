"""Predicted probabilities of a run's selected checkpoint, or of a model that was exported from the run."""

import threading
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from aersut.board import BoardModel
from aersut.contracts import Clip
from aersut.data.audio import (
    ClipError,
    Recording,
    cleaned,
    crop_or_pad,
    cut,
    read_recording,
    resample,
    to_float,
    to_int16,
)
from aersut.errors import UserError
from aersut.evaluation.evaluation_set import EvaluationSet
from aersut.features.frontend import Frontend
from aersut.features.windows import WindowFeatures
from aersut.paths import printable
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import LiteRTModel
from aersut.training.trained import Trained

ExportedModel = LiteRTModel | BoardModel


def open_exported(file: Path, frontend: Frontend) -> ExportedModel:
    """Load a .tflite file that takes scaled features [1, frames, channels] or windows of samples [1, samples].

    Inputs and outputs are float32 or quantized integers. frontend.tflite stands for the firmware's two models.

    Raises:
        UserError: the input has another shape, or the output another number of classes.
    """
    content = TFLiteFile.read(file)
    kind = (content.metadata or {}).get("kind")
    if kind == "frontend":
        board = BoardModel(file, micro=False)
        if board.framing != frontend.framing or len(board.labels) != frontend.classes:
            raise UserError(f"{file} does not fit this run; choose a file exported from it.")
        return board
    if kind == "ring":
        raise UserError(f"{file} reads the frames of frontend.tflite; set --model to that file, which evaluates both.")
    model = LiteRTModel(content)
    if model.shape not in (frontend.shape, (frontend.framing.samples,)):
        raise UserError(
            f"{file} takes {list(model.shape)}; expected the run's features {list(frontend.shape)} or its windows "
            f"[{frontend.framing.samples}]. Choose a model exported from this run."
        )
    if model.output != (frontend.classes,):
        raise UserError(f"{file} returns {list(model.output)}; expected probabilities of {frontend.classes} classes.")
    return model


def predict_probabilities(
    trained: Trained, examples: EvaluationSet, model: ExportedModel | None = None
) -> Float[np.ndarray, "clips classes"]:
    """Class probabilities of each clip, predicted by the checkpoint or by `model`, which was exported from it.

    Raises:
        UserError: the model takes audio and the clips are augmented copies, which exist as features only; a recording
            that is streamed cannot be read.
    """
    if model is None:
        return trained.probabilities(examples.features)
    if isinstance(model, LiteRTModel) and model.shape == trained.frontend.shape:
        return model(np.asarray(trained.frontend.scaled(jnp.asarray(examples.features))))
    if examples.audio is None:
        raise UserError(
            f"the model takes audio, but protocol '{examples.about['protocol']}' tests on augmented copies, which have "
            "features only. Evaluate a model that takes features."
        )
    if isinstance(model, BoardModel):
        rate = model.framing.sample_rate
        return np.stack([model.recording(to_int16(_decoded(clip, rate))) for clip in examples.clips])
    rows = np.arange(len(examples.clips))
    # all windows of a corpus at once would fill the memory
    return np.concatenate([model(examples.audio(rows[first : first + 64])) for first in range(0, len(rows), 64)])


class RecordingPredictor:
    """Class probabilities of whole recordings, by a checkpoint or a model exported from it, as in an evaluation.

    Several threads may call it.
    """

    def __init__(self, trained: Trained, model: ExportedModel | None = None) -> None:
        self._trained, self._model = trained, model
        self._data, self._framing = trained.experiment.data, trained.frontend.framing
        self._features = WindowFeatures(trained.frontend)
        self._interpreting = threading.Lock()  # an interpreter is for one thread at a time

    def __call__(self, recordings: Sequence[Float[np.ndarray, " samples"]]) -> Float[np.ndarray, "clips classes"]:
        """The probabilities of recordings at the sample rate of the run, rounded to 16 bits, samples in [-1, 1]."""
        model, trained = self._model, self._trained
        if isinstance(model, BoardModel):
            return np.stack([model.recording(to_int16(samples)) for samples in recordings])
        windows = np.stack([self._window(samples) for samples in recordings])
        if model is not None and model.shape != trained.frontend.shape:
            with self._interpreting:
                return model(windows)
        features = self._features(windows)
        if model is None:
            return trained.probabilities(features)
        scaled = np.asarray(trained.frontend.scaled(jnp.asarray(features)))
        with self._interpreting:
            return model(scaled)

    def _window(self, samples: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " length"]:
        """The window of a recording, without DC offset and silence."""
        if len(samples):
            samples = cleaned(Recording(samples, self._framing.sample_rate), self._data.trim_db).samples
            samples = to_float(to_int16(samples))
        return crop_or_pad(samples, self._framing.samples, self._data.fit)


def _decoded(clip: Clip, sample_rate: int) -> Float[np.ndarray, " samples"]:
    try:
        return resample(cut(read_recording(clip.path), clip.start, clip.end), sample_rate)
    except ClipError as error:
        raise UserError(f"{printable(clip.path)} {error}. Restore the file, which was readable before.") from None

"""Predicted probabilities of a run's selected checkpoint, or of a model that was exported from the run."""

import abc
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from aersut.board import BoardModel
from aersut.config import Experiment
from aersut.contracts import Clip
from aersut.data.audio import (
    Recording,
    cleaned,
    clip_errors,
    crop_or_pad,
    cut,
    read_recording,
    resample,
    to_float,
    to_int16,
)
from aersut.errors import UserError
from aersut.evaluation.evaluation_set import EvaluationSet, Windows
from aersut.features.frontend import Frontend
from aersut.features.windows import WindowFeatures
from aersut.texts import printable
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import LiteRTModel
from aersut.training.trained import Trained

ExportedModel = LiteRTModel | BoardModel


@dataclass(frozen=True)
class Exported:
    """A model that was exported from a run, with the experiment and the frontend that prepare its inputs."""

    model: ExportedModel
    experiment: Experiment
    frontend: Frontend


Classifier = Trained | Exported
"""What is evaluated: a run's selected checkpoint, or a model that was exported from it."""
RESTORE = "Restore the file, which was readable before."
Predict = Callable[[Float[np.ndarray, "clips *shape"]], Float[np.ndarray, "clips classes"]]


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


class Predictor(abc.ABC):
    """Class probabilities of a checkpoint, or of a model exported from it. Several threads may call it."""

    @abc.abstractmethod
    def examples(self, examples: EvaluationSet) -> Float[np.ndarray, "clips classes"]:
        """The probabilities of each clip of an evaluation set.

        Raises:
            UserError: the model takes audio and the clips are augmented copies, which exist as features only; a
                recording that is streamed cannot be read.
        """

    @abc.abstractmethod
    def recordings(self, recordings: Sequence[Float[np.ndarray, " samples"]]) -> Float[np.ndarray, "clips classes"]:
        """The probabilities of recordings at the sample rate of the run, rounded to 16 bits, samples in [-1, 1]."""


def predictor(classifier: Classifier) -> Predictor:
    """The predictor of a checkpoint, or of an exported model."""
    if isinstance(classifier, Trained):
        return _OfFeatures(classifier, classifier.probabilities)
    model = classifier.model
    if isinstance(model, BoardModel):
        return _Board(model)
    interpreting = threading.Lock()  # an interpreter is for one thread at a time

    def interpreted(inputs: Float[np.ndarray, "clips *shape"]) -> Float[np.ndarray, "clips classes"]:
        with interpreting:
            return model(inputs)

    if model.shape != classifier.frontend.shape:
        return _OfWindows(classifier, interpreted)
    scaled = classifier.frontend.scaled
    return _OfFeatures(classifier, lambda features: interpreted(np.asarray(scaled(jnp.asarray(features)))))


class _OfWindows(Predictor):
    """Of a function of windows of samples."""

    def __init__(self, classifier: Classifier, predict: Predict) -> None:
        self._predict = predict
        self._data, self._framing = classifier.experiment.data, classifier.frontend.framing

    def examples(self, examples: EvaluationSet) -> Float[np.ndarray, "clips classes"]:
        audio, rows = _audio(examples), np.arange(len(examples.clips))
        # all windows of a corpus at once would fill the memory
        return np.concatenate([self._predict(audio(rows[first : first + 64])) for first in range(0, len(rows), 64)])

    def recordings(self, recordings: Sequence[Float[np.ndarray, " samples"]]) -> Float[np.ndarray, "clips classes"]:
        return self._predict(np.stack([self._window(samples) for samples in recordings]))

    def _window(self, samples: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " length"]:
        """The window of a recording, without DC offset and silence."""
        if len(samples):
            samples = cleaned(Recording(samples, self._framing.sample_rate), self._data.trim_db).samples
            samples = to_float(to_int16(samples))
        return crop_or_pad(samples, self._framing.samples, self._data.fit)


class _OfFeatures(_OfWindows):
    """Of a function of base features."""

    def __init__(self, classifier: Classifier, predict: Predict) -> None:
        features = WindowFeatures(classifier.frontend)
        super().__init__(classifier, lambda windows: predict(features(windows)))
        self._of_features = predict

    def examples(self, examples: EvaluationSet) -> Float[np.ndarray, "clips classes"]:
        return self._of_features(examples.features)


class _Board(Predictor):
    """Of the models of a board, with whole recordings as streams."""

    def __init__(self, model: BoardModel) -> None:
        self._model = model

    def examples(self, examples: EvaluationSet) -> Float[np.ndarray, "clips classes"]:
        _audio(examples)
        rate = self._model.framing.sample_rate
        return np.stack([self._model.recording(to_int16(_decoded(clip, rate))) for clip in examples.clips])

    def recordings(self, recordings: Sequence[Float[np.ndarray, " samples"]]) -> Float[np.ndarray, "clips classes"]:
        return np.stack([self._model.recording(to_int16(samples)) for samples in recordings])


def _audio(examples: EvaluationSet) -> Windows:
    if examples.audio is None:
        raise UserError(
            f"the model takes audio, but protocol '{examples.about['protocol']}' tests on augmented copies, which have "
            "features only. Evaluate a model that takes features."
        )
    return examples.audio


def _decoded(clip: Clip, sample_rate: int) -> Float[np.ndarray, " samples"]:
    with clip_errors(printable(clip.path), RESTORE):
        return resample(cut(read_recording(clip.path), clip.start, clip.end), sample_rate)

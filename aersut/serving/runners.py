"""Inference on one window of samples with an exported model in LiteRT, without JAX or TensorFlow."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from aersut.board import BoardModel
from aersut.contracts import Framing
from aersut.data.audio import to_int16
from aersut.errors import UserError
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import LiteRTModel
from aersut.tflite.spectrum import SplitModel, load_model, split
from aersut.workers import core_count

if TYPE_CHECKING:
    from jaxtyping import Float

FEATURES = "features.tflite"
"""The file of an export that computes the classifiers' input (the audio frontend)."""
ORIGIN = ("run", "epoch", "protocol", "leaks", "synthetic", "corpora", "measured")
"""The entries of a file's metadata that state where the model comes from."""


@dataclass(frozen=True)
class ModelInfo:
    """The properties of a model that inference needs.

    Attributes:
        name: of the file or of the run folder.
        labels: the emotions, in the order of the probabilities.
        framing: window length and sample rate of the input.
        trim_db, fit: how evaluation selects the window from a clip (`aersut.data.audio`).
        origin: run, epoch, protocol, corpora with their licences, results: what a page states, as in the metadata of a
            file; entries may be missing.
    """

    name: str
    labels: tuple[str, ...]
    framing: Framing
    trim_db: float | None = 40.0
    fit: Any = "start"
    origin: Mapping[str, Any] = field(default_factory=dict)


class Runner(Protocol):
    """Inference on one window; several threads may call it at the same time."""

    @property
    def info(self) -> ModelInfo:
        """The model's properties."""

    def __call__(self, window: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        """The probabilities of one window of samples in [-1, 1]."""


@dataclass(frozen=True)
class TFLiteRunner:
    """Inference with one exported model, or with a features file followed by a classifier."""

    info: ModelInfo
    interpreters: "InterpreterPool"

    def __call__(self, window: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        with self.interpreters.acquire() as models:
            values = window
            for model in models:
                values = model(values[None])[0]
        return values


@dataclass(frozen=True)
class BoardRunner:
    """Inference with the two models of a board, frontend.tflite and the classifier beside it."""

    info: ModelInfo
    model: BoardModel

    def __call__(self, window: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        return self.model.recording(to_int16(window))


def load_runner(path: Path) -> TFLiteRunner | BoardRunner:
    """Load a .tflite file that `--mode=export` wrote; frontend.tflite stands for the two models of a board.

    Raises:
        UserError: the file is not an exported classifier, is damaged, or lacks its features file.
    """
    file = _read(path)
    tree = file.metadata
    info = ModelInfo(
        name=path.name,
        labels=tuple(tree["labels"]),
        framing=Framing(**tree["framing"]),
        trim_db=tree.get("trim_db", 40.0),
        fit=tree.get("fit", "start"),
        origin={key: tree[key] for key in ORIGIN if key in tree},
    )
    if tree["kind"] == "frontend":
        return BoardRunner(info, BoardModel(path))
    if tree["kind"] not in ("waveform", "classifier"):
        raise UserError(
            f"{path} computes features, or reads the frames of frontend.tflite. Expected model_*.tflite, "
            "waveform_*.tflite or frontend.tflite of the export."
        )
    files = (file,) if tree["kind"] == "waveform" else (_read_features(path, tree), file)
    parts = tuple(map(split, files))
    pool = InterpreterPool(lambda: tuple(map(load_model, parts)))
    with pool.acquire():  # a file that LiteRT cannot run is reported here
        return TFLiteRunner(info, pool)


def _read(path: Path) -> TFLiteFile:
    file = TFLiteFile.read(path)
    if file.metadata is None:
        raise UserError(
            f"{path} has no AERSUT metadata: it was exported by another program, or by an early version of this one. "
            "Export the run again with --mode=export."
        )
    return file


def _read_features(path: Path, tree: dict[str, Any]) -> TFLiteFile:
    frontend = path.with_name(FEATURES)
    if not frontend.exists():
        raise UserError(
            f"{path} needs {FEATURES} in the same folder, and there is none. Copy it there from the run's export "
            "folder, or use a waveform_*.tflite, which needs no other file."
        )
    features = _read(frontend)
    for key in ("framing", "features", "scaling", "per_utterance"):
        if features.metadata.get(key) != tree.get(key):
            raise UserError(
                f"{frontend} and {path.name} are of different runs ('{key}' differs): copy both from one export folder."
            )
    return features


Models = tuple[LiteRTModel | SplitModel, ...]


class InterpreterPool:
    """One set of interpreters per CPU core, created on demand, for use by several threads."""

    def __init__(self, make: Callable[[], Models]) -> None:
        self._make = make
        self._making = threading.Lock()  # LiteRT is silenced for the whole process while it loads
        self._free: queue.LifoQueue[Models | None] = queue.LifoQueue()
        for _ in range(core_count()):
            self._free.put(None)

    @contextlib.contextmanager
    def acquire(self) -> Iterator[Models]:
        """Reserve a set for the block; wait if none is free."""
        models = self._free.get()
        try:
            if models is None:
                with self._making:
                    models = self._make()
            yield models
        finally:
            self._free.put(models)

"""What turns a window of samples into probabilities: an exported file in LiteRT, without JAX or TensorFlow."""

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from aersut.contracts import Framing
from aersut.errors import UserError
from aersut.export.flatbuffer import metadata
from aersut.litert import Model

FEATURES = "features.tflite"
"""The file beside the classifiers of a bundle that computes what they read."""


@dataclass(frozen=True)
class About:
    """What a recognizer has to know of its network.

    Attributes:
        name: of the file or the run.
        labels: the emotions, in the order of the probabilities.
        framing: whose window it reads.
        trim_db, fit: how evaluation cuts the window out of a clip: see `aersut.data.audio`.
    """

    name: str
    labels: tuple[str, ...]
    framing: Framing
    trim_db: float | None = 40.0
    fit: Any = "start"


class Runner(Protocol):
    """A network at work; it may be called from several threads at once."""

    @property
    def about(self) -> About:
        """What it is."""

    def __call__(self, window: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        """The probabilities of one window of samples in [-1, 1]."""


@dataclass(frozen=True)
class FileRunner:
    """One exported file, or a features file and a classifier one after the other."""

    about: About
    networks: "Pool"

    def __call__(self, window: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        with self.networks.one() as networks:
            values = window
            for network in networks:
                values = network(values[None])[0]
        return values


def open_file(path: Path) -> FileRunner:
    """Return the runner of a .tflite file that was exported here.

    Raises:
        UserError: it is none, it is damaged, or it cannot run by itself.
    """
    file, tree = _read(path)
    kind = tree["kind"]
    if kind == "waveform":
        files = {path: file}
    elif kind == "classifier":
        before, features = _read_features(path, tree)
        files = {before: features, path: file}
    else:
        raise UserError(
            f"{path} computes features, it hears no emotion: name a model_*.tflite or waveform_*.tflite beside it."
        )
    about = About(
        name=path.name,
        labels=tuple(tree["labels"]),
        framing=Framing(**tree["framing"]),
        trim_db=tree.get("trim_db", 40.0),
        fit=tree.get("fit", "start"),
    )
    pool = Pool(lambda: tuple(Model(content, str(name)) for name, content in files.items()))
    with pool.one():  # what is wrong with a file shows here
        return FileRunner(about, pool)


def _read(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        file = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    tree = metadata(file, str(path))
    if tree is None:
        raise UserError(
            f"{path} does not say what it is: it was exported by another program, or an early version of this one. "
            "Export the run again, with --mode=export."
        )
    return file, tree


def _read_features(path: Path, tree: dict[str, Any]) -> tuple[Path, bytes]:
    before = path.with_name(FEATURES)
    if not before.exists():
        raise UserError(
            f"{path} reads features, and there is no {FEATURES} beside it to compute them. Copy it there from the "
            "run's export folder, or name a waveform_*.tflite, which reads samples."
        )
    features, about = _read(before)
    for key in ("framing", "features", "scaling", "per_utterance"):
        if about.get(key) != tree.get(key):
            raise UserError(
                f"{before} and {path.name} are of different runs: their {key} differ. Copy both from one export folder."
            )
    return before, features


class Pool:
    """As many copies of the networks as there are cores, made when they are needed; who finds none free waits."""

    def __init__(self, make: Callable[[], tuple[Model, ...]]) -> None:
        self._make = make
        self._making = threading.Lock()  # what keeps LiteRT quiet is the whole process's
        self._free: queue.LifoQueue[tuple[Model, ...] | None] = queue.LifoQueue()
        for _ in range(os.cpu_count() or 1):
            self._free.put(None)

    @contextlib.contextmanager
    def one(self) -> Iterator[tuple[Model, ...]]:
        """Networks for the block alone."""
        networks = self._free.get()
        try:
            if networks is None:
                with self._making:
                    networks = self._make()
            yield networks
        finally:
            self._free.put(networks)

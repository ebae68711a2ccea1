"""What an export is made of, and what has been made of it so far."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Int

import aersut
from aersut.config import digest, to_tree
from aersut.export.flatbuffer import Tensor
from aersut.run import Prepared, Run
from aersut.training.trained import Trained


@dataclass(frozen=True)
class Options:
    """What the user may choose.

    Attributes:
        calibration: training clips that int8 is calibrated with.
        max_uar_loss: of int8 against float32 on the validation part, 0 to 1; see `verify.check_loss`.
        micro: whether the float32 and the int8 file have to run in TensorFlow Lite Micro; else it is not asked.
        waveform: whether there have to be files that take samples. None leaves them out, with a note, where a feature
            forbids them; true is refused then.
        stream: the same for what a microcontroller runs, frontend.tflite and the firmware.
    """

    calibration: int = 200
    max_uar_loss: float = 0.01
    micro: bool = True
    waveform: bool | None = None
    stream: bool | None = None

    def __post_init__(self) -> None:
        if self.calibration < 1:
            raise ValueError(f"calibration must be at least 1, got {self.calibration}")
        if not 0 <= self.max_uar_loss <= 1:
            raise ValueError(f"max_uar_loss must be from 0 to 1, got {self.max_uar_loss}")


@dataclass(frozen=True)
class Part:
    """A part of the run's data.

    Attributes:
        items: (clip, version) pairs of `Prepared.collection`.
        features: scaled, as the network reads them.
        reference: JAX's probabilities.
    """

    items: Int[np.ndarray, "clips 2"]
    labels: Int[np.ndarray, " clips"]
    features: Float[np.ndarray, "clips frames channels"]
    reference: Float[np.ndarray, "clips classes"]

    @property
    def recordings(self) -> "Part":
        """Those that are no augmented copies, which only protocol "paper" tests on: of copies there are no samples."""
        rows = self.items[:, 1] == 0
        return Part(self.items[rows], self.labels[rows], self.features[rows], self.reference[rows])


@dataclass(frozen=True)
class Context:
    """What every producer of files is given; `files`, `reports`, `notes` and `about` grow from one to the next.

    Attributes:
        calibration: the training clips that quantization is calibrated with.
        files: made so far, by name.
        reports: what was measured of them, by name; `FIELDS` are those that the table shows.
        notes: sentences for the user: what was left out and why, warnings.
        about: whatever else export.json is to hold, by its key there.
    """

    run: Run
    trained: Trained
    prepared: Prepared
    options: Options
    calibration: Part
    validation: Part
    test: Part
    files: dict[str, bytes] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """The emotions, in the order of the network's outputs."""
        return list(self.run.experiment.data.emotions)


FIELDS = ("bytes", "arena", "latency_ms", "wa", "uar", "same", "difference", "operators")
"""What export.json says of every file, null where it does not apply."""


def report(**known: Any) -> dict[str, Any]:
    """A file's report: all of `FIELDS`, and what else there is to say."""
    return {**dict.fromkeys(FIELDS), **known}


def origin(context: Context) -> dict[str, Any]:
    """What the model was trained on and from: the part of the metadata that all files of an export share."""
    experiment, frontend = context.run.experiment, context.trained.frontend
    scaling = frontend.scaling
    return {
        "aersut": aersut.__version__,
        "labels": context.labels,
        "sample_rate": experiment.framing.sample_rate,
        "framing": to_tree(experiment.framing),
        "trim_db": experiment.data.trim_db,
        "fit": experiment.data.fit,
        "features": to_tree(experiment.features),
        "scaling": scaling and {"mean": _digits(scaling.mean), "deviation": _digits(scaling.deviation)},
        "per_utterance": frontend.per_utterance,
        "run": f"{experiment.name}/{digest(to_tree(experiment))}",
        "epoch": context.trained.epoch,
        "protocol": context.prepared.split.protocol,
        "leaks": context.prepared.split.leaks,
        "synthetic": context.run.synthetic,
    }


def _digits(values: Float[Array | np.ndarray, " channels"]) -> list[float]:
    """Values in as few digits as single precision needs: these lie in the flash of a microcontroller."""
    return [float(str(value)) for value in np.asarray(values, np.float32)]


def described(tensor: Tensor) -> dict[str, Any]:
    """An input or output for the metadata: real value = scale · (stored − zero_point) where it is quantized."""
    return {
        "shape": list(tensor.shape),
        "dtype": tensor.type,
        "scale": tensor.scale,
        "zero_point": tensor.zero_point,
    }

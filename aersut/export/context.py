"""Inputs and intermediate results of an export, which its targets share."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int, Int16

from aersut.contracts import STRICT, SkippedTargetError
from aersut.progress import Stage
from aersut.run import Prepared
from aersut.run_folder import Run
from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import why_missing
from aersut.training.trained import Trained


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export.

    Attributes:
        calibration: number of training clips that calibrate int8 and int16x8.
        max_uar_loss: of int8 against float32 on the validation set, 0 to 1; see `verify.check_quantization_loss`.
        micro: whether the float32 and the int8 file must run in TensorFlow Lite Micro; false skips that interpreter.
            None does so where the package tflite-micro is not installed, with a note.
        waveform: whether to export the files with audio input. None omits them, with a note, where a feature prevents
            them; true makes that an error.
        stream: the same for the microcontroller's files, frontend.tflite and the firmware.
        stress: whether to evaluate the int8 classifier under stress conditions, which takes about a minute. None does
            so if the run's own evaluation has stress results.
        web: whether to export the page that runs the model in a browser.
        litertjs: folder with the npm packages of LiteRT.js for that page (`aersut.export.litertjs`); None downloads
            them once.
        targets: names of the targets to export, with those that they need; all by default, ().
    """

    __pydantic_config__: ClassVar = STRICT
    calibration: int = 200
    max_uar_loss: float = 0.01
    micro: bool | None = None
    waveform: bool | None = None
    stream: bool | None = None
    stress: bool | None = None
    web: bool = False
    litertjs: str | Path | None = None
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.calibration < 1:
            raise ValueError(f"calibration must be at least 1, got {self.calibration}")
        if not 0 <= self.max_uar_loss <= 1:
            raise ValueError(f"max_uar_loss must be from 0 to 1, got {self.max_uar_loss}")
        if self.litertjs and not self.web:
            raise ValueError("litertjs is used by web=true only; set web=true, or omit litertjs")


@dataclass(frozen=True)
class ExampleSet:
    """Examples of the run's data with their features and JAX's predictions.

    Attributes:
        examples: (clip, version) pairs of `Prepared.collection`; version 0 is the clip itself, others are augmented.
        features: scaled, as the network reads them.
        reference: JAX's probabilities.
    """

    examples: Int[np.ndarray, "clips 2"]
    labels: Int[np.ndarray, " clips"]
    features: Float[np.ndarray, "clips frames channels"]
    reference: Float[np.ndarray, "clips classes"]

    @property
    def originals(self) -> "ExampleSet":
        """Without augmented copies, of which there are no samples; only protocol "paper" tests on copies."""
        rows = self.examples[:, 1] == 0
        return ExampleSet(self.examples[rows], self.labels[rows], self.features[rows], self.reference[rows])


@dataclass(frozen=True)
class Context:
    """Arguments of every target; `files`, `reports`, `notes` and `results` grow from one target to the next.

    Attributes:
        calibration: training examples that calibrate the quantizer.
        files: finished files of the bundle, by name.
        reports: measurements of the .tflite files, by name; see `aersut.export.metadata.FIELDS`.
        notes: sentences for the user: omitted files with the reason, warnings.
        results: further entries of export.json, by key.
        stage: shows what the export does; None shows nothing.
    """

    run: Run
    trained: Trained
    prepared: Prepared
    options: ExportOptions
    calibration: ExampleSet
    validation: ExampleSet
    test: ExampleSet
    files: dict[str, bytes | TFLiteFile] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)
    stage: Stage | None = None

    def say(self, doing: str) -> None:
        """Show what the export does now."""
        if self.stage:
            self.stage.say(doing)

    @property
    def without_micro(self) -> str:
        """Why TensorFlow Lite Micro does not run in this export; "" if it does."""
        if self.options.micro is None:
            return why_missing()
        return "" if self.options.micro else "--export.micro=false."

    @property
    def labels(self) -> list[str]:
        """The emotions, in the order of the network's outputs."""
        return list(self.run.experiment.data.emotions)

    def model(self, name: str) -> TFLiteFile:
        """A finished .tflite file of the bundle; raises `SkippedTargetError` if it was omitted."""
        if not isinstance(file := self.files.get(name), TFLiteFile):
            raise SkippedTargetError(f"{name}, which another target needs, is not in the bundle.")
        return file

    def samples(self, chosen: ExampleSet) -> Int16[np.ndarray, "clips samples"]:
        """Windows of samples of a set's clips, without augmentation."""
        return np.stack([self.prepared.collection.window(clip) for clip, _ in chosen.examples])

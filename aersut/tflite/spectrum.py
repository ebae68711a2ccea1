"""A file in LiteRT, whose power spectra are computed by numpy's FFT.

LiteRT's RFFT2D takes nine tenths of the time of an audio frontend, five times as long as numpy's FFT. Both compute in
float64 and round to float32; one value in a million differs by its last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aersut.tflite.file import Tensor, TFLiteFile, packed
from aersut.tflite.graph import Graph
from aersut.tflite.litert import LiteRTModel, make_interpreter

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

ROWS = 16
"""Frames that are transformed together; more would not fit into the cache of the CPU."""

POWER = {
    ("RESHAPE", "spectrum"): "spectrum",
    ("REAL", "spectrum"): "real",
    ("IMAG", "spectrum"): "imaginary",
    ("MUL", "real", "real"): "real²",
    ("MUL", "imaginary", "imaginary"): "imaginary²",
    ("ADD", "imaginary²", "real²"): "power",
}
"""Operator and kinds of its inputs → kind of its output, from the output of an RFFT2D to the power spectrum."""


@dataclass(frozen=True)
class SplitFile:
    """A file in two parts, before and after its power spectra.

    Attributes:
        input, output: of the whole file.
        first, second: the parts. The inputs of `second` are the power spectra, then outputs of `first`.
        frames: which output of `first` has the frames of each power spectrum.
        shared: which outputs of `first` follow the power spectra as inputs of `second`.
    """

    input: Tensor
    output: Tensor
    first: TFLiteFile
    second: TFLiteFile
    frames: tuple[int, ...]
    shared: tuple[int, ...]


def load_model(file: TFLiteFile | SplitFile) -> "LiteRTModel | SplitModel":
    """Load a file, or both parts of it; `UserError` if LiteRT cannot run it."""
    return SplitModel(file) if isinstance(file, SplitFile) else LiteRTModel(file)


def split(file: TFLiteFile) -> TFLiteFile | SplitFile:
    """Split a file at its power spectra; it is returned as it is if that is not possible.

    It is if no RFFT2D depends on another one, and nothing but the power, REAL² + IMAG², depends on their outputs.
    """
    if "RFFT2D" not in file.operators:
        return file
    first, second = file.model(), file.model()
    graph = Graph(first)
    transforms = [operator for operator in graph.operators if graph.name(operator) == "RFFT2D"]
    frames = [int(operator.inputs[0]) for operator in transforms]
    spectra = [index for one in transforms if (index := _power_spectrum(graph, one)) is not None]
    after, before = {int(operator.outputs[0]) for operator in transforms}, {int(index) for index in graph.graph.inputs}
    read = {int(index) for index in graph.graph.outputs}
    for operator in graph.operators:  # each follows those that it reads
        inputs, computed = ({int(index) for index in indices} for indices in (operator.inputs, operator.outputs))
        if after & inputs:
            after |= computed
            read |= inputs
        elif not computed & after:
            before |= computed
    single = len(file.inputs) == len(file.outputs) == 1
    if not single or not transforms or len(spectra) < len(transforms) or after & set(frames):
        return file
    shared = sorted(read & before)
    outputs = list(dict.fromkeys([*frames, *shared]))
    _cut(first, list(first.subgraphs[0].inputs), outputs)
    _cut(second, [*spectra, *shared], list(second.subgraphs[0].outputs))
    return SplitFile(
        file.inputs[0],
        file.outputs[0],
        packed(first, file.name),
        packed(second, file.name),
        tuple(map(outputs.index, frames)),
        tuple(map(outputs.index, shared)),
    )


class SplitModel:
    """A split file with one input and one output, run example by example on one thread; see `LiteRTModel`."""

    def __init__(self, file: SplitFile) -> None:
        self._file = file
        self._first, self._second = make_interpreter(file.first), make_interpreter(file.second)
        self._outputs = [one["index"] for one in self._first.get_output_details()]
        self._inputs = [one["index"] for one in self._second.get_input_details()]
        self._in, self._out = self._first.get_input_details()[0]["index"], self._second.get_output_details()[0]["index"]

    def __call__(self, examples: Float[np.ndarray, "examples ..."]) -> Float[np.ndarray, "examples classes"]:
        """Real outputs of real inputs; quantized formats are converted by their scale and zero point."""
        stored = self._file.input.quantize(examples)
        return np.stack([self._file.output.dequantize(self._invoke(example[None])[0]) for example in stored])

    def _invoke(self, stored: np.ndarray) -> np.ndarray:
        first, second, file = self._first, self._second, self._file
        first.set_tensor(self._in, stored)
        first.invoke()
        for index, output in zip(self._inputs, file.frames, strict=False):  # views of LiteRT's own memory
            _write_power(first.tensor(self._outputs[output])(), second.tensor(index)())
        for index, output in zip(self._inputs[len(file.frames) :], file.shared, strict=True):
            second.set_tensor(index, first.get_tensor(self._outputs[output]))
        second.invoke()
        return np.asarray(second.get_tensor(self._out))


def _write_power(frames: Float32[np.ndarray, "*rows length"], power: Float32[np.ndarray, "*rows bins"]) -> None:
    """Write the power spectra of frames; frames of zeros, with which clips are padded, are not transformed."""
    rows = frames.reshape(-1, frames.shape[-1])
    results = power.reshape(len(rows), -1)
    for begin in range(0, len(rows), ROWS):
        some, result = rows[begin : begin + ROWS], results[begin : begin + ROWS]
        if some.max() or some.min():  # faster than `any`
            spectra = np.fft.rfft(some.astype(np.float64)).astype(np.complex64)
            np.square(spectra.real, out=result)
            result += np.square(spectra.imag)
        else:
            result[:] = 0


def _power_spectrum(graph: Graph, transform: Any) -> int | None:
    """The tensor of the power spectra of an RFFT2D, if nothing else depends on it, and it neither pads nor crops."""
    frames, length = (int(index) for index in transform.inputs)
    size, shape = graph.constant(length), graph.shape(frames)
    if size is None or size.tolist() != [1, shape[-1]] or shape[-2:-1] != (1,):
        return None
    kinds = {int(transform.outputs[0]): "spectrum"}
    for operator in graph.operators:
        inputs = sorted(kinds[int(index)] for index in operator.inputs if int(index) in kinds)
        if not inputs or set(inputs) == {"power"}:
            continue
        activation = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
        kind = None if activation else POWER.get((graph.name(operator), *inputs))
        if kind is None:
            return None
        kinds[int(operator.outputs[0])] = kind
    powers = [index for index, kind in kinds.items() if kind == "power"]
    return powers[0] if len(powers) == 1 and not set(kinds) - set(powers) & set(graph.graph.outputs) else None


def _cut(model: Any, inputs: list[int], outputs: list[int]) -> None:
    """Reduce a model to the operators that compute `outputs` from `inputs`."""
    graph = Graph(model)
    graph.graph.operators = [operator for operator in graph.operators if not set(operator.outputs) & set(inputs)]
    graph.graph.inputs, graph.graph.outputs = inputs, outputs
    model.signatureDefs, model.metadata = [], []
    graph.remove_unused()

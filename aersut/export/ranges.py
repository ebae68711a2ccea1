"""Calibration: the range of each tensor of a float32 file over example clips, for the int8 quantizer.

TensorFlow's own calibrator has two errors. Where an operator overwrites its input with its result, as in x + f(x), the
calibrator confuses the two tensors. It keeps an LSTM's state from clip to clip, and observes it after the last frame
only.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from jaxtyping import Float

from aersut.export.lstm import LSTM, cell_states
from aersut.tflite.file import TFLiteFile
from aersut.tflite.graph import Graph

Stack = Float[np.ndarray, "clips *shape"]


def with_ranges(file: TFLiteFile, calibration: Stack) -> TFLiteFile:
    """The file with the minimum and maximum of each computed tensor over the clips of `calibration`."""
    return file.edited(lambda model: _set_ranges(Graph(model), file, calibration))


def _set_ranges(graph: Graph, file: TFLiteFile, calibration: Stack) -> None:
    operators = graph.operators
    watched = [*graph.graph.inputs, *(index for operator in operators for index in operator.outputs)]
    lstms = [operator for operator in operators if graph.name(operator) == LSTM]
    low, high = np.full(len(graph.graph.tensors), np.inf), np.full(len(graph.graph.tensors), -np.inf)

    def extend(index: int, values: np.ndarray) -> None:
        low[index], high[index] = min(low[index], values.min()), max(high[index], values.max())

    interpreter = _interpreter(file.content)
    for clip in calibration:
        interpreter.reset_all_variables()
        interpreter.set_tensor(graph.graph.inputs[0], clip[None])
        interpreter.invoke()
        values = {index: interpreter.get_tensor(index) for index in watched}
        for index in watched:
            extend(index, values[index])
        for operator in lstms:
            extend(operator.inputs[19], cell_states(graph, operator, values[operator.inputs[0]]))
    for operator in lstms:  # the hidden state has the values of the output
        for index in (operator.inputs[18], operator.intermediates[4]):
            low[index], high[index] = low[operator.outputs[0]], high[operator.outputs[0]]
    for index in np.flatnonzero(np.isfinite(low)).tolist():
        if graph.tensor(index).type == schema.TensorType.FLOAT32:
            ends = schema.QuantizationParametersT(min=[float(low[index])], max=[float(high[index])])
            graph.tensor(index).quantization = ends


def _interpreter(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # a delegate does not expose intermediate tensors
    keep = {"experimental_preserve_all_tensors": True, "experimental_op_resolver_type": plain}
    interpreter = Interpreter(model_content=content, num_threads=1, **keep)
    interpreter.allocate_tensors()
    return interpreter

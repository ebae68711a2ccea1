"""Write into a float32 file which values each of its tensors takes, as the int8 quantizer reads it.

TensorFlow's own calibrator is not used, because it errs twice: where an operator writes its result over its input, as
in x + f(x), it takes the one for the other; and an LSTM's state goes on from clip to clip, and is looked at after the
last frame alone.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from jaxtyping import Float

from aersut.export.flatbuffer import pack, unpack
from aersut.export.graph import Graph
from aersut.export.lstm import LSTM, cell_states

Stack = Float[np.ndarray, "clips *shape"]


def with_ranges(file: bytes, calibration: Stack) -> bytes:
    """The file with the smallest and the largest value of each computed tensor over the clips of `calibration`."""
    model = unpack(file)
    graph = Graph(model)
    operators = graph.operators
    watched = [*graph.graph.inputs, *(place for operator in operators for place in operator.outputs)]
    lstms = [operator for operator in operators if graph.name(operator) == LSTM]
    low, high = np.full(len(graph.graph.tensors), np.inf), np.full(len(graph.graph.tensors), -np.inf)

    def see(place: int, values: np.ndarray) -> None:
        low[place], high[place] = min(low[place], values.min()), max(high[place], values.max())

    interpreter = _interpreter(file)
    for clip in calibration:
        interpreter.reset_all_variables()
        interpreter.set_tensor(graph.graph.inputs[0], clip[None])
        interpreter.invoke()
        values = {place: interpreter.get_tensor(place) for place in watched}
        for place in watched:
            see(place, values[place])
        for operator in lstms:
            see(operator.inputs[19], cell_states(graph, operator, values[operator.inputs[0]]))
    for operator in lstms:  # what it hands on from frame to frame is what it gives out
        for place in (operator.inputs[18], operator.intermediates[4]):
            low[place], high[place] = low[operator.outputs[0]], high[operator.outputs[0]]
    for place in np.flatnonzero(np.isfinite(low)).tolist():
        if graph.tensor(place).type == schema.TensorType.FLOAT32:
            ends = schema.QuantizationParametersT(min=[float(low[place])], max=[float(high[place])])
            graph.tensor(place).quantization = ends
    return pack(model)


def _interpreter(file: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # a delegate keeps what is in between to itself
    interpreter = Interpreter(
        model_content=file, experimental_preserve_all_tensors=True, experimental_op_resolver_type=plain, num_threads=1
    )
    interpreter.allocate_tensors()
    return interpreter

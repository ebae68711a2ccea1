"""UNIDIRECTIONAL_SEQUENCE_LSTM with int8 values and an int16 cell state."""

import math
from functools import cache

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from jaxtyping import UInt16

from aersut.export.c_library.fixed_point import multiplier
from aersut.export.c_library.program import Operator, Program, UntranslatableError
from aersut.tflite.file import TFLiteFile, packed
from aersut.tflite.graph import Graph
from aersut.tflite.micro import run_tflm

INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIASES, STATE, CELL = 1, 5, 12, 18, 19
"""Positions of the first of four gates' tensors, and of the states, among the operator's inputs."""
TANH = 4
GATE_SCALE, UNIT_SCALE = 2.0**-12, 2.0**-15
"""Of the sums that enter a gate, Q3.12, and of the values of sigmoid and tanh, Q0.15."""
NODES = 256


def lstm(program: Program, operator: Operator) -> None:
    """UNIDIRECTIONAL_SEQUENCE_LSTM."""
    options, source, output = operator.options, operator.inputs[0], operator.output
    state, cell = operator.inputs[STATE], operator.inputs[CELL]
    if options.timeMajor or options.fusedActivationFunction != TANH or program.type(source) != "int8":
        raise UntranslatableError(f"{program.file.name} has an LSTM whose options the C library lacks.")
    batch, frames, width = program.shape(source)
    if batch != 1:
        raise UntranslatableError(f"{program.file.name} has an LSTM of a batch of {batch}; expected 1.")
    units = program.shape(output)[2]
    cell_scale = float(program.scale(cell))
    power = round(math.log2(cell_scale))
    if 2.0**power != cell_scale:
        raise UntranslatableError(f"{program.file.name} has an LSTM whose cell state has no power of two as its scale.")
    left = 15 + power - 3  # tanh reads the cell state as Q3.12, times 3
    gates = tuple(_gate(program, operator, gate, state) for gate in range(4))
    keep, update = multiplier(UNIT_SCALE), multiplier(UNIT_SCALE**2 / cell_scale)
    out = multiplier(UNIT_SCALE**2 / float(program.scale(state)))
    clip = int(min(max(options.cellClip / cell_scale, 0), 32767))
    rule = program.structure(
        "aersut_lstm",
        gates,
        *(keep[0], update[0], out[0], keep[1], update[1], out[1]),
        *((3 << left, 0) if left >= 0 else (3, -left)),
        *(program.zero_point(state), clip, program.array(sigmoid_table())),
    )
    program.call(
        "aersut_lstm_s8",
        *(program.address(one) for one in (source, output, state, cell)),
        program.scratch(8 * units, "int16_t"),
        *(frames, width, units, rule),
    )
    program.macs += frames * 4 * units * (width + units)


def _gate(program: Program, operator: Operator, gate: int, state: int) -> tuple[object, ...]:
    source = operator.inputs[0]
    inputs, recurrent, bias = (operator.inputs[first + gate] for first in (INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIASES))

    def part(values: int, weights: int, bias: np.ndarray | int) -> tuple[str, str, tuple[int, int]]:
        stored = program.weights(operator, operator.inputs.index(weights))
        folded = bias - program.zero_point(values) * stored.astype(np.int64).sum(axis=1)
        scale = float(program.scale(values)) * float(program.scale(weights))  # in double, unlike other operators
        return program.array(stored), program.array(folded.astype(np.int32)), multiplier(scale / GATE_SCALE)

    wx, bx, (mx, sx) = part(source, inputs, program.known(bias, "the biases of an LSTM"))
    wh, bh, (mh, sh) = part(state, recurrent, 0)
    return wx, wh, bx, bh, mx, mh, sx, sh


@cache
def sigmoid_table() -> UInt16[np.ndarray, "256"]:
    """The sigmoid at i / 24 for i in 0…255, in Q0.16, as TensorFlow Lite Micro's kernels have it.

    44 of its entries are one more than the nearest value (findings/tflm_sigmoid_table.sh), so it is asked from the
    interpreter: its int16 TANH interpolates in the same table; with an input scale of 1 / 48 the inputs 0…255 are the
    nodes, and the result is the entry minus 32768.
    """
    nodes = np.arange(NODES, dtype=np.int16)
    found = run_tflm(_tanh(1 / 48), nodes[None]).outputs[0].astype(np.int32)
    return (found + 32768).astype(np.uint16)


def _tanh(scale: float) -> TFLiteFile:
    """TANH of int16[1, 256] with the given input scale."""
    model = schema.ModelT(version=3, subgraphs=[schema.SubGraphT()], buffers=[schema.BufferT()], description=b"")
    model.operatorCodes = []
    graph = Graph(model)
    graph.graph.tensors, graph.graph.name = [], b"main"
    source, output = (graph.add_tensor(name, (1, NODES), "int16") for name in ("x", "y"))
    for tensor, one in ((source, scale), (output, UNIT_SCALE)):
        graph.tensor(tensor).quantization = schema.QuantizationParametersT(
            scale=np.array([one], np.float32), zeroPoint=np.array([0], np.int64)
        )
    graph.graph.inputs, graph.graph.outputs = [source], [output]
    graph.graph.operators = [graph.new_operator("TANH", [source], [output])]
    return packed(model, "the table of the sigmoid")

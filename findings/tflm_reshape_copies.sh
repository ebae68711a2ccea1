#!/usr/bin/env bash
# Believed: RESHAPE moves no data, so that TensorFlow Lite Micro gives its input and its output the same memory, and a
# network that begins with the reshape of a spectrogram needs no more RAM than one that does not.
# Found: the interpreter has two buffers and copies. A max pooling of 12,000 bytes needs a tensor arena of 15.9 KB, and
# of 25.0 KB behind a RESHAPE. A reshape at the widest place of a network decides the size of the arena.
# Date: 30 November 2026. Source: output of this script, tflite-micro 0.dev20261023182759.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  tflite-micro==0.dev20261023182759 ai-edge-litert==2.3.0 numpy==2.4.6
cat > "$folder/arena.py" <<'PYTHON'
import struct

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from tflite_micro.python.tflite_micro import runtime

POOL, RESHAPE = schema.BuiltinOperator.MAX_POOL_2D, schema.BuiltinOperator.RESHAPE


def tensor(name, *shape):
    quantization = schema.QuantizationParametersT(scale=[1.0], zeroPoint=[0])
    return schema.TensorT(
        shape=list(shape), type=schema.TensorType.INT8, name=name, buffer=0, quantization=quantization
    )


def file(reshaped):
    """An int8 max pooling of an image of 200 x 60 by 2 x 2, which is the input or a reshaped input."""
    sizes = {"strideW": 2, "strideH": 2, "filterWidth": 2, "filterHeight": 2}
    pool = schema.OperatorT(
        opcodeIndex=0,
        inputs=[0],
        outputs=[1],
        builtinOptionsType=schema.BuiltinOptions.Pool2DOptions,
        builtinOptions=schema.Pool2DOptionsT(padding=schema.Padding.VALID, **sizes),
    )
    tensors, operators = [tensor(b"image", 1, 200, 60, 1), tensor(b"pooled", 1, 100, 30, 1)], [pool]
    buffers = [schema.BufferT()]
    if reshaped:
        shape = schema.TensorT(shape=[4], type=schema.TensorType.INT32, name=b"shape", buffer=1)
        tensors += [tensor(b"flat", 1, 12_000), shape]
        buffers.append(schema.BufferT(data=list(struct.pack("<4i", 1, 200, 60, 1))))
        operators.insert(0, schema.OperatorT(opcodeIndex=1, inputs=[2, 3], outputs=[0]))
    graph = schema.SubGraphT(tensors=tensors, inputs=[2 if reshaped else 0], outputs=[1], operators=operators)
    codes = [schema.OperatorCodeT(builtinCode=one, deprecatedBuiltinCode=one, version=1) for one in (POOL, RESHAPE)]
    builder = flatbuffers.Builder()
    model = schema.ModelT(version=3, operatorCodes=codes, subgraphs=[graph], buffers=buffers)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def smallest_arena(content):
    """By bisection: an interpreter that does not fit its arena raises an exception."""
    low, high = 1_000, 100_000
    while high - low > 16:
        middle = (low + high) // 2
        try:
            runtime.Interpreter.from_bytes(content, arena_size=middle)
            high = middle
        except RuntimeError:
            low = middle
    return high


plain, reshaped = smallest_arena(file(False)), smallest_arena(file(True))
print(f"arena of the pooling: {plain / 1000:.1f} KB; behind a RESHAPE: {reshaped / 1000:.1f} KB")
assert reshaped - plain > 8_000
PYTHON
"$folder/venv/bin/python" "$folder/arena.py" 2> /dev/null || { echo "the behaviour has changed"; exit 1; }
# Output seen:
# arena of the pooling: 15.9 KB; behind a RESHAPE: 25.0 KB

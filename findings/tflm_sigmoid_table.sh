#!/usr/bin/env bash
# Believed: the table in which TensorFlow Lite Micro's integer kernels look up the sigmoid (int16 LOGISTIC and TANH, and
# the gates of the int8 LSTM) contains 65536 · sigmoid(i / 24), rounded and at most 65535, so a port to other hardware
# can compute it.
# Found: 44 of its 256 entries are one more than that (entry 8 is 38180 for 38179.32), and neither truncation nor another
# rounding gives all entries, so a port that computes the table gives other bytes. With an input scale of 1 / 48, int16 TANH of i is entry i minus 32768, without interpolation: so
# the table can be read through the public interface.
# Date: 29 November 2026. Source: output of this script, tflite-micro 0.dev20261023182759.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  tflite-micro==0.dev20261023182759 ai-edge-litert==2.3.0 numpy==2.4.6
cat > "$folder/table.py" <<'PYTHON'
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tflite_micro.python.tflite_micro import runtime


def tensor(name, scale):
    quantization = schema.QuantizationParametersT(scale=[scale], zeroPoint=[0])
    return schema.TensorT(shape=[1, 256], type=schema.TensorType.INT16, name=name, buffer=0, quantization=quantization)


graph = schema.SubGraphT(
    tensors=[tensor(b"x", 1 / 48), tensor(b"y", 2.0**-15)],
    inputs=[0],
    outputs=[1],
    operators=[schema.OperatorT(opcodeIndex=0, inputs=[0], outputs=[1])],
)
tanh = schema.BuiltinOperator.TANH
code = schema.OperatorCodeT(builtinCode=tanh, deprecatedBuiltinCode=tanh, version=1)
model = schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph], buffers=[schema.BufferT()])
builder = flatbuffers.Builder()
builder.Finish(model.Pack(builder), b"TFL3")
interpreter = runtime.Interpreter.from_bytes(bytes(builder.Output()), arena_size=100_000)
interpreter.set_input(np.arange(256, dtype=np.int16)[None], 0)
interpreter.invoke()
table = interpreter.get_output(0)[0].astype(int) + 32768
formula = np.minimum(np.round(65536 / (1 + np.exp(-np.arange(256) / 24))), 65535).astype(int)
differing = np.flatnonzero(table != formula)
print(f"entries that differ from the formula: {len(differing)}, by {set((table - formula)[differing].tolist())}")
print(f"the first: {differing[:5].tolist()}")
assert len(differing) == 44
PYTHON
"$folder/venv/bin/python" "$folder/table.py" || { echo "the behaviour has changed"; exit 1; }
# Output seen:
# entries that differ from the formula: 44, by {1}
# the first: [4, 8, 12, 14, 15]

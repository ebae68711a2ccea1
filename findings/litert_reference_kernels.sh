#!/usr/bin/env bash
# Believed: LiteRT's reference kernels (OpResolverType.BUILTIN_REF) compute the int8 outputs of TensorFlow Lite Micro, whose
# reference kernels share their code, so LiteRT on a computer can stand for a microcontroller.
# Found: a single int8 FULLY_CONNECTED of 64 x 64 random weights differs in 152 of 128,000 outputs, by one step; so it does
# with the optimized kernels and with XNNPACK, in other outputs. Only TensorFlow Lite Micro itself gives its bytes.
# Date: 29 November 2026. Source: output of this script, ai-edge-litert 2.3.0, tflite-micro 0.dev20261023182759.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  tflite-micro==0.dev20261023182759 ai-edge-litert==2.3.0 numpy==2.4.6
cat > "$folder/compare.py" <<'PYTHON'
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_micro.python.tflite_micro import runtime

rng = np.random.default_rng(0)
weights = rng.integers(-127, 128, (64, 64)).astype(np.int8)


def tensor(name, shape, scale, kind=schema.TensorType.INT8, buffer=0):
    quantization = schema.QuantizationParametersT(scale=[scale], zeroPoint=[0])
    return schema.TensorT(shape=shape, type=kind, name=name, buffer=buffer, quantization=quantization)


graph = schema.SubGraphT(
    tensors=[tensor(b"x", [1, 64], 0.05), tensor(b"w", [64, 64], 0.01, buffer=1), tensor(b"y", [1, 64], 0.37)],
    inputs=[0],
    outputs=[2],
    operators=[
        schema.OperatorT(
            opcodeIndex=0,
            inputs=[0, 1, -1],
            outputs=[2],
            builtinOptionsType=schema.BuiltinOptions.FullyConnectedOptions,
            builtinOptions=schema.FullyConnectedOptionsT(),
        )
    ],
)
dense = schema.BuiltinOperator.FULLY_CONNECTED
model = schema.ModelT(
    version=3,
    operatorCodes=[schema.OperatorCodeT(builtinCode=dense, deprecatedBuiltinCode=dense, version=4)],
    subgraphs=[graph],
    buffers=[schema.BufferT(), schema.BufferT(data=weights.view(np.uint8).reshape(-1))],
)
builder = flatbuffers.Builder()
builder.Finish(model.Pack(builder), b"TFL3")
content = bytes(builder.Output())
inputs = rng.integers(-128, 128, (2000, 1, 64)).astype(np.int8)

micro = runtime.Interpreter.from_bytes(content, arena_size=100_000)
expected = []
for row in inputs:
    micro.set_input(row, 0)
    micro.invoke()
    expected.append(micro.get_output(0))
changed = False
for kind in (OpResolverType.BUILTIN_REF, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES, OpResolverType.BUILTIN):
    lite = Interpreter(model_content=content, experimental_op_resolver_type=kind)
    lite.allocate_tensors()
    [source], [output] = lite.get_input_details(), lite.get_output_details()
    found = []
    for row in inputs:
        lite.set_tensor(source["index"], row)
        lite.invoke()
        found.append(lite.get_tensor(output["index"]))
    steps = np.array(found, int) - np.array(expected, int)
    print(f"{kind.name}: {np.count_nonzero(steps)} of {steps.size} outputs differ, by up to {np.abs(steps).max()}")
    changed |= not steps.any() or np.abs(steps).max() > 1
assert not changed
PYTHON
"$folder/venv/bin/python" "$folder/compare.py" 2>/dev/null || { echo "the behaviour has changed"; exit 1; }
# Output seen:
# BUILTIN_REF: 152 of 128000 outputs differ, by up to 1
# BUILTIN_WITHOUT_DEFAULT_DELEGATES: 72 of 128000 outputs differ, by up to 1
# BUILTIN: 72 of 128000 outputs differ, by up to 1

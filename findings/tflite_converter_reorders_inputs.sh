#!/usr/bin/env bash
# Believed: the inputs and outputs of a converted .tflite file are in the order of the function's arguments and results,
# because the input signature of the tf.function is an ordered list, with names input_0 and input_1.
# Found: TensorFlow 2.21.0's converter lists both in reverse for this function of two arguments and two results (jax2tf
# of jax 0.10.2). Interpreter.get_input_details()[0] is the second argument. TensorFlow Lite Micro addresses inputs by
# this order alone, so firmware that writes samples to input 0 and a state to input 1 writes both into the wrong tensor;
# here the shapes differ, so it fails loudly, but equal shapes would be exchanged silently.
# The signature in the same file names the tensors correctly: read it, or reorder the graph's lists by it.
# Date: 28 November 2026. Source: output of this script; a recursive audio frontend (samples, state) hit it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  tensorflow==2.21.0 jax==0.10.2 jaxlib==0.10.2 ai-edge-litert==2.3.0 numpy==2.4.6
cat > "$folder/order.py" <<'PYTHON'
import jax.numpy as jnp
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from jax.experimental import jax2tf


def frame(samples, state):
    state = state + 1.0
    return 2.0 * (samples @ jnp.ones((4, 2))) + state[:, :2], state


module = tf.Module()
module.f = tf.function(
    jax2tf.convert(frame, with_gradient=False),
    autograph=False,
    input_signature=[tf.TensorSpec((1, 4), tf.float32, "input_0"), tf.TensorSpec((1, 3), tf.float32, "input_1")],
)
converter = tf.lite.TFLiteConverter.from_concrete_functions([module.f.get_concrete_function()], module)
interpreter = Interpreter(model_content=converter.convert())
inputs = [tuple(map(int, one["shape"])) for one in interpreter.get_input_details()]
outputs = [tuple(map(int, one["shape"])) for one in interpreter.get_output_details()]
signature = interpreter.get_signature_runner()
print("function: inputs (1, 4), (1, 3); outputs (1, 2), (1, 3)")
print(f"file:     inputs {inputs}; outputs {outputs}")
named = {name: tuple(map(int, one["shape"])) for name, one in signature.get_input_details().items()}
print(f"signature: {named}")
assert named == {"input_0": (1, 4), "input_1": (1, 3)}
assert inputs == [(1, 3), (1, 4)], "the order of the inputs has changed"
assert outputs == [(1, 3), (1, 2)], "the order of the outputs has changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/order.py" 2>/dev/null || { echo "the behaviour has changed"; exit 1; }
# Output seen:
# function: inputs (1, 4), (1, 3); outputs (1, 2), (1, 3)
# file:     inputs [(1, 3), (1, 4)]; outputs [(1, 3), (1, 2)]
# signature: {'input_0': (1, 4), 'input_1': (1, 3)}

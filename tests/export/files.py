"""Small .tflite files, built from LiteRT's schema only, and the inputs of frontend.tflite."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from jaxtyping import Int16

from aersut.contracts import Framing
from aersut.tflite.file import TFLiteFile, packed


def dense(weights: np.ndarray) -> TFLiteFile:
    """FULLY_CONNECTED, then SOFTMAX: f32[1, inputs] → f32[1, outputs]; weights are f32[outputs, inputs]."""
    outputs, inputs = weights.shape
    shapes: list[tuple[str, list[int], int]] = [
        ("input", [1, inputs], 0),
        ("weights", [outputs, inputs], 1),
        ("logits", [1, outputs], 0),
        ("output", [1, outputs], 0),
    ]
    tensors = [
        schema.TensorT(shape=shape, type=schema.TensorType.FLOAT32, name=name.encode(), buffer=buffer)
        for name, shape, buffer in shapes
    ]
    operators = [
        schema.OperatorT(
            opcodeIndex=0,
            inputs=[0, 1, -1],
            outputs=[2],
            builtinOptionsType=schema.BuiltinOptions.FullyConnectedOptions,
            builtinOptions=schema.FullyConnectedOptionsT(),
        ),
        schema.OperatorT(
            opcodeIndex=1,
            inputs=[2],
            outputs=[3],
            builtinOptionsType=schema.BuiltinOptions.SoftmaxOptions,
            builtinOptions=schema.SoftmaxOptionsT(beta=1.0),
        ),
    ]
    graph = schema.SubGraphT(tensors=tensors, inputs=[0], outputs=[3], operators=operators, name=b"main")
    codes = [
        schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=1)
        for code in (schema.BuiltinOperator.FULLY_CONNECTED, schema.BuiltinOperator.SOFTMAX)
    ]
    values = np.frombuffer(weights.astype(np.float32).tobytes(), np.uint8)
    buffers = [schema.BufferT(), schema.BufferT(data=values)]
    model = schema.ModelT(version=3, operatorCodes=codes, subgraphs=[graph], buffers=buffers, description=b"")
    return packed(model, "dense.tflite")


def cut(samples: Int16[np.ndarray, " samples"], framing: Framing) -> Int16[np.ndarray, "frames one_and_frame_length"]:
    """The inputs of frontend.tflite for a window: the samples of each frame, preceded by the sample before it.

    Frame k begins at sample k · hop_length, or half a frame earlier where the framing centres frames. Samples before
    the first and after the last are zero.
    """
    before = 1 + (framing.frame_length // 2 if framing.center else 0)
    padded = np.pad(samples, (before, framing.frame_length))
    starts = framing.hop_length * np.arange(framing.frames)
    return padded[starts[:, None] + np.arange(1 + framing.frame_length)]

"""Small .tflite files, built from LiteRT's schema only."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

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

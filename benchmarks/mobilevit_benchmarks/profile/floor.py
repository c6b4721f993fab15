"""The floor under the time of a product: its multiply-adds, at the rate of a large dense one.

The rate is that which the runtime itself reaches, on this machine and with as many threads, in a
chain of 1x1 convolutions: a file in its own format, in the form in which export writes convolutions
of that precision. A layer's weights are 256 KiB, so that they and the activations stay in the
caches, and the fastest run counts: it is the one that other programs disturbed least.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mobilevit.runtimes import load_session

from ..runner.worker import draw_feeds
from .records import Precision
from .sampling import in_turns, timed

_SIDE = 16  # of the image, in pixels
_CHANNELS: dict[Precision, int] = {"float32": 256, "int8": 512}  # to and from
_LAYERS = 5
_RUNS = 60
# of 8 bits, what 1 stands for: activations keep their range from layer to layer
_ACTIVATION_SCALE = 0.02


@cache
def rates(runtime: str, threads: int) -> dict[Precision, float]:
    """Multiply-adds per nanosecond, so 1e9 per second, by what is multiplied. Half a second, once
    in a process."""
    precisions: tuple[Precision, ...] = get_args(Precision)
    suffix, write = _CHAINS[runtime]
    with tempfile.TemporaryDirectory() as folder:
        sessions = []
        for precision in precisions:
            artifact = Path(folder, f"{precision}{suffix}")
            artifact.write_bytes(write(precision))
            session = load_session(artifact, runtime, threads)
            sessions.append((session, draw_feeds(session.inputs, seed=0)))
        times = in_turns(
            _RUNS,
            *(lambda s=session, f=feeds: timed(lambda: s.run(f)) for session, feeds in sessions),
        )
    return {
        precision: _LAYERS * _SIDE**2 * _CHANNELS[precision] ** 2 / min(samples)
        for precision, samples in zip(precisions, times, strict=True)
    }


def _weights(precision: Precision) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Weights (Cout, Cin) that keep the range of what they are multiplied with, and of bytes the
    scale of each output channel."""
    channels = _CHANNELS[precision]
    drawn = np.random.default_rng(0).uniform(-1, 1, (channels, channels)).astype(np.float32)
    drawn *= (3 / channels) ** 0.5
    if precision == "float32":
        return drawn, np.ones(channels, np.float32)
    scales = np.abs(drawn).max(axis=1) / 127
    return np.round(drawn / scales[:, None]).astype(np.int8), scales


def _onnx_chain(precision: Precision) -> bytes:
    """Of 8 bits: unsigned activations, between QuantizeLinear and DequantizeLinear."""
    from onnx import TensorProto, helper, numpy_helper

    weights, scales = _weights(precision)
    constants = {"weight": weights[:, :, None, None]}
    nodes, steps, last, weight = [], ["Conv"], "x", "weight"
    if precision == "int8":
        constants |= {
            "scales": scales,
            "zeros": np.zeros(len(scales), np.int8),
            "scale": np.array(_ACTIVATION_SCALE, np.float32),
            "zero": np.array(128, np.uint8),
        }
        steps = ["DequantizeLinear", "Conv", "QuantizeLinear"]
        weight = "weight.float"
        nodes.append(
            helper.make_node("DequantizeLinear", ["weight", "scales", "zeros"], [weight], axis=0)
        )
    for i in range(_LAYERS):
        for step in steps:
            constant = [weight] if step == "Conv" else ["scale", "zero"]
            nodes.append(helper.make_node(step, [last, *constant], [f"{step}{i}"]))
            last = f"{step}{i}"
    dtype = TensorProto.UINT8 if precision == "int8" else TensorProto.FLOAT
    shape = [1, _CHANNELS[precision], _SIDE, _SIDE]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", dtype, shape)],
        [helper.make_tensor_value_info(last, dtype, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def _tflite_chain(precision: Precision) -> bytes:
    """Of 8 bits: signed activations, in tensors that have a scale."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    weights, scales = _weights(precision)
    channels = len(weights)
    exact = schema.TensorType.FLOAT32
    stored, summed = exact, exact  # types of activations and weights, and of a bias
    if precision == "int8":
        stored, summed = schema.TensorType.INT8, schema.TensorType.INT32

    def tensor(
        name: str, sides: list[int], dtype: int, scales: NDArray[np.float32], buffer: int = 0
    ) -> Any:
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, sides, dtype, buffer
        if dtype != exact:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = scales
            made.quantization.zeroPoint = np.zeros(len(scales), np.int64)
        return made

    activation = np.array([_ACTIVATION_SCALE], np.float32)
    bias = np.zeros(channels, np.float32 if summed == exact else np.int32)
    graph = schema.SubGraphT()
    graph.tensors = [
        tensor("weight", [channels, 1, 1, channels], stored, scales, buffer=1),
        tensor("bias", [channels], summed, scales * activation, buffer=2),
        *(
            tensor(f"x{i}", [1, _SIDE, _SIDE, channels], stored, activation)
            for i in range(_LAYERS + 1)
        ),
    ]
    graph.inputs, graph.outputs = [2], [2 + _LAYERS]
    graph.operators = []
    for i in range(_LAYERS):
        convolution = schema.OperatorT()
        convolution.inputs, convolution.outputs = [2 + i, 0, 1], [3 + i]
        convolution.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
        convolution.builtinOptions = options = schema.Conv2DOptionsT()
        options.padding = schema.Padding.VALID
        options.strideW = options.strideH = 1
        graph.operators.append(convolution)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    code.version = 3  # the first of 8 bits, signed
    model = schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], [code]
    model.buffers = [schema.BufferT() for _ in range(3)]  # the first is empty, as always
    model.buffers[1].data = np.frombuffer(weights.tobytes(), np.uint8)
    model.buffers[2].data = np.frombuffer(bias.tobytes(), np.uint8)
    model.signatureDefs = [signature := schema.SignatureDefT()]
    signature.signatureKey = "serving_default"
    signature.inputs = [given := schema.TensorMapT()]
    given.name, given.tensorIndex = "x", graph.inputs[0]
    signature.outputs = [made := schema.TensorMapT()]
    made.name, made.tensorIndex = "y", graph.outputs[0]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


# runtime -> the suffix of its format, and what writes the chain
_CHAINS = {"onnxruntime": (".onnx", _onnx_chain), "litert": (".tflite", _tflite_chain)}

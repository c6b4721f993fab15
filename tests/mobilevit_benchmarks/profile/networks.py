"""Small networks to profile, of which one part can be made heavier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper

from tests.mobilevit_export.graphs import TFLiteGraph

SIDE = 32
CHANNELS = 16
WIDTH = 32  # of a token


def _random(*shape: int) -> np.ndarray:
    scale = float(np.prod(shape[1:])) ** -0.5
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32) * scale


def save_onnx(path: Path, inputs: list[int], nodes: list, weights: dict, last: str) -> Path:
    """A model from `image` to `last`."""
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, inputs)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def convolutions(path: Path, middle: int = 32, named: bool = True) -> Path:
    """Convolutions in the modules `stem`, `body` (to `middle` channels and back) and `tail`."""
    layers = (
        ("net.stem.conv", CHANNELS, CHANNELS),
        ("net.body.first", CHANNELS, middle),
        ("net.body.second", middle, CHANNELS),
        ("net.tail.conv", CHANNELS, CHANNELS),
    )
    nodes, weights, last = [], {}, "image"
    for i, (module, before, behind) in enumerate(layers):
        name = f"{module}.weight" if named else f"w{i}"
        weights[name] = _random(behind, before, 3, 3)
        nodes.append(helper.make_node("Conv", [last, name], [f"c{i}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"]))
        last = f"r{i}"
    return save_onnx(path, [1, CHANNELS, SIDE, SIDE], nodes, weights, last)


def attention(path: Path, tokens: int = 64) -> Path:
    """Self-attention with one head. Its nodes are called after what they do."""
    names = ("q", "k", "v", "proj")
    weights = {f"block.{name}.weight": _random(WIDTH, WIDTH) for name in names}
    nodes = [
        helper.make_node("MatMul", ["image", f"block.{n}.weight"], [n], name=n) for n in names[:3]
    ]
    nodes += [
        helper.make_node("Transpose", ["k"], ["kt"], name="kt", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "kt"], ["scores"], name="scores"),
        helper.make_node("Add", ["scores", "mask"], ["masked"], name="masked"),
        helper.make_node("Softmax", ["masked"], ["weights"], name="weights", axis=-1),
        helper.make_node("MatMul", ["weights", "v"], ["mixed"], name="mixed"),
        helper.make_node("MatMul", ["mixed", "block.proj.weight"], ["proj"], name="proj"),
        helper.make_node("Sigmoid", ["proj"], ["gate"], name="gate"),
        helper.make_node("Mul", ["proj", "gate"], ["act"], name="act"),
        helper.make_node("Add", ["act", "image"], ["sum"], name="sum"),
        helper.make_node("Softmax", ["sum"], ["out"], name="last", axis=-1),
    ]
    weights["mask"] = np.ones((1, tokens, tokens), np.float32)
    return save_onnx(path, [1, tokens, WIDTH], nodes, weights, "out")


def tflite_convolutions(path: Path, middle: int = 32) -> Path:
    """As `convolutions`, named as litert-torch names; the first one has its padding before it."""
    graph = TFLiteGraph()
    first = last = graph.tensor("image", [1, SIDE, SIDE, CHANNELS])
    sides = graph.constant("sides", np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    padded = graph.tensor(_scope("stem"), [1, SIDE + 2, SIDE + 2, CHANNELS])
    graph.operation("PAD", [last, sides], [padded], schema.PadOptionsT())
    last = padded
    layers = (("stem", CHANNELS, CHANNELS), ("body", CHANNELS, middle), ("body", middle, CHANNELS))
    for i, (module, before, behind) in enumerate((*layers, ("tail", CHANNELS, CHANNELS))):
        kernel = graph.constant(f"kernel{i}", _random(behind, 3, 3, before))
        bias = graph.constant(f"bias{i}", np.zeros(behind, np.float32))
        made = graph.tensor(f"{_scope(module)}{i};", [1, SIDE, SIDE, behind])
        options = schema.Conv2DOptionsT()
        options.padding = schema.Padding.SAME if i else schema.Padding.VALID
        options.strideW = options.strideH = 1
        options.dilationWFactor = options.dilationHFactor = 1
        graph.operation("CONV_2D", [last, kernel, bias], [made], options)
        last = made
    return graph.save(path, [first], [last], signed=True)


def _scope(module: str) -> str:
    return f"a.Net/torch.nn.Sequential_net/torch.nn.Sequential_{module}/torch.nn.Conv2d_conv"


def tflite_attention(path: Path, tokens: int = 64) -> Path:
    """Self-attention with one head, and a cast to 64 bits and back, which XNNPACK leaves out."""
    graph = TFLiteGraph()
    shape, square = [1, tokens, WIDTH], [1, tokens, tokens]
    first = graph.tensor("image", shape)

    def linear(name: str, given: int) -> int:
        weight = graph.constant(f"{name}.weight", _random(WIDTH, WIDTH))
        bias = graph.constant(f"{name}.bias", np.zeros(WIDTH, np.float32))
        made = graph.tensor(f"block/{name}", shape)
        options = schema.FullyConnectedOptionsT()
        options.keepNumDims = True
        graph.operation("FULLY_CONNECTED", [given, weight, bias], [made], options)
        return made

    def product(name: str, a: int, b: int, sides: list[int], adjoint: bool) -> int:
        made = graph.tensor(f"block/{name}", sides)
        options = schema.BatchMatMulOptionsT()
        options.adjY = adjoint
        graph.operation("BATCH_MATMUL", [a, b], [made], options)
        return made

    q, k, v = (linear(name, first) for name in "qkv")
    scores = product("scores", q, k, square, adjoint=True)
    weights = graph.tensor("block/weights", square)
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    graph.operation("SOFTMAX", [scores], [weights], softmax)
    last = linear("proj", product("mixed", weights, v, shape, adjoint=False))
    for dtype in ("int64", "float32"):
        made = graph.tensor(f"end/{dtype}", shape, dtype)
        graph.operation("CAST", [last], [made])
        last = made
    return graph.save(path, [first], [linear("out", last)], signed=True)

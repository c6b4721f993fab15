"""Smaller numbers in an ONNX model: in the mixes that ONNX Runtime has kernels for."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import (
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
    shape_inference,
)
from onnxruntime import InferenceSession
from onnxruntime.quantization import (
    CalibrationMethod,
    QuantFormat,
    QuantType,
    TensorsData,
    quantize_static,
    save_tensors_data,
)

from mobilevit.prediction import Pixels, feed

from .ranges import Observations
from .sensitivity import group_of, spread_groups

_QUANTIZED = ["Add", "Concat", "Conv", "Gemm", "Mul", "Sigmoid"]
_MIN_ELEMENTS = 512  # a smaller weight does not pay for its scales and the node that unpacks it


def activation_ranges(model: ModelProto, photos: Pixels) -> TensorsData:
    """Of every tensor that `quantize` may quantize, from what photos make of it.

    onnxruntime's own calibrators take the extremes or a percentile, not the least error.
    """
    model = shape_inference.infer_shapes(model)
    kinds = {value.name: value for value in (*model.graph.value_info, *model.graph.output)}
    read = (name for node in model.graph.node if node.op_type in _QUANTIZED for name in node.input)
    written = (name for node in model.graph.node for name in node.output)
    followed = sorted({*read, *written} & {n for n, v in kinds.items() if _is_float(v)})
    given = [value.name for value in model.graph.output]
    model.graph.output.extend(kinds[name] for name in followed if name not in given)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    [image] = session.get_inputs()
    dtype = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}[image.type]
    observations = Observations()
    for photo in photos:
        feeds = {image.name: feed(photo[None], tuple(image.shape), dtype)}
        observations.add(dict(zip(followed, session.run(followed, feeds), strict=True)))
    return TensorsData(
        CalibrationMethod.MinMax,
        {
            name: (np.float32(low), np.float32(high))
            for name, (low, high) in observations.ranges().items()
        },
    )


def _is_float(value: ValueInfoProto) -> bool:
    return bool(value.type.tensor_type.elem_type == TensorProto.FLOAT)


def quantize(
    model: ModelProto, ranges: TensorsData, kept_float: Collection[str] = ()
) -> ModelProto:
    """Compute in 8 bits what ONNX Runtime computes faster so, with ranges seen on calibration
    photos; in pairs of QuantizeLinear and DequantizeLinear, which it fuses.

    Weights are signed, with a scale per channel; activations unsigned, one per tensor: of x86
    processors, those before AMX have no product of two signed bytes. Attention and norms stay in
    float, as there are no fast kernels for them. So does what a linear layer gives, for what is
    behind it is one of these or a sum: quantized, it would be unpacked at once.

    Args:
        model: of float32.
        ranges: `activation_ranges` of it.
        kept_float: of `layer_groups`, those that stay in float as well.
    """
    model = shape_inference.infer_shapes(model)
    kept = [name for name, group in layer_groups(model).items() if group in kept_float]
    with tempfile.TemporaryDirectory(prefix="mobilevit-quantize-") as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "quantized.onnx")
        cache = Path(folder, "ranges.json")
        onnx.save(model, source)
        save_tensors_data(ranges, cache)
        quantize_static(
            source,
            target,
            None,
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=_QUANTIZED,
            nodes_to_exclude=[*_float_nodes(model), *kept],
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
            calibration_cache_path=cache,
        )
        return onnx.load(target)


def layer_groups(model: ModelProto) -> dict[str, str]:
    """The group of layers of every node, by its name, in the order they run."""

    def group(node: NodeProto) -> str | None:
        return group_of(node.input[1], node.op_type == "Gemm") if _has_weight(node) else None

    return spread_groups((node.name, group(node)) for node in model.graph.node)


def _float_nodes(model: ModelProto) -> Iterator[str]:
    """Sums and products that are not of feature maps: of norms, residual streams and pixels."""
    makers = {output: node for node in model.graph.node for output in node.output}
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in model.graph.value_info}
    for node in model.graph.node:
        silu = any(i in makers and makers[i].op_type == "Sigmoid" for i in node.input)
        of_maps = all(ranks.get(value) == 4 for value in (*node.input, *node.output))
        if (node.op_type == "Mul" and not silu) or (node.op_type == "Add" and not of_maps):
            yield node.name


def quantize_weights(model: ModelProto) -> ModelProto:
    """Store weights in 8 bits, a scale per output channel; what is computed stays in float.

    ONNX Runtime unpacks them in every run: a smaller file, and a slower one.
    """
    quantized = ModelProto()
    quantized.CopyFrom(model)
    graph = quantized.graph
    axes = {node.input[1]: _channel_axis(node) for node in graph.node if _has_weight(node)}
    for tensor in [t for t in graph.initializer if t.name in axes]:
        weight = numpy_helper.to_array(tensor)
        if weight.size < _MIN_ELEMENTS:
            continue
        axis, name = axes[tensor.name], tensor.name
        integers, scales = symmetric(weight, axis)
        graph.initializer.remove(tensor)
        for part, values in (
            ("integers", integers),
            ("scales", scales),
            ("zeros", np.zeros(len(scales), np.int8)),
        ):
            graph.initializer.append(numpy_helper.from_array(values, f"{name}.{part}"))
        inputs = [f"{name}.{part}" for part in ("integers", "scales", "zeros")]
        graph.node.insert(0, helper.make_node("DequantizeLinear", inputs, [name], axis=axis))
    return quantized


def _has_weight(node: NodeProto) -> bool:
    return node.op_type in ("Conv", "Gemm")


def _channel_axis(node: NodeProto) -> int:
    """Of the weight, the axis of output channels."""
    if node.op_type == "Conv":
        return 0
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    return 0 if transposed else 1


def symmetric(
    weight: NDArray[np.float32], axis: int
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """-127..127 for each number, and for each channel along `axis` what one of them stands for."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scales = np.abs(weight).max(axis=others, keepdims=True) / 127
    scales[scales == 0] = 1  # a channel of zeros
    integers = np.round(weight / scales).astype(np.int8)
    return integers, scales.reshape(-1).astype(np.float32)

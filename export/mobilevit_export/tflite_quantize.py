"""Smaller numbers in a `.tflite`, by ai-edge-quantizer: in mixes that XNNPACK has kernels for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_quantizer import qtyping, quantizer
from ai_edge_quantizer.recipe import AlgorithmName
from numpy.typing import NDArray

from mobilevit.prediction import Pixels, feed

# of tensors by name: "min" and "max", with as many axes as the tensor
Ranges = dict[str, dict[str, NDArray[np.float32]]]

_Operation = qtyping.TFLOperationName

_WITH_WEIGHTS = (_Operation.CONV_2D, _Operation.DEPTHWISE_CONV_2D, _Operation.FULLY_CONNECTED)
_BETWEEN = (
    _Operation.ADD,
    _Operation.CONCATENATION,
    _Operation.LOGISTIC,
    _Operation.MEAN,
    _Operation.MUL,
    _Operation.PAD,
    _Operation.RESHAPE,
    _Operation.TRANSPOSE,
)
# XNNPACK has no kernels of 8 bits for the products and the softmax of attention, nor for the roots
# of a norm; each would leave it for LiteRT's own, which are slow. So what is between the linear
# layers of a transformer stays in float, but for SiLU and for what only moves numbers.
_CONVOLUTIONAL = r"^(?!.*(TokenLayer|Attention|TransformerLayer|Norm_norm)).*"
_LINEAR = r".*(TokenLayer|Attention|TransformerLayer).*Linear_"
_ACTIVATION = r".*(TokenLayer|TransformerLayer).*SiLU_act"
_HEADS = r".*TokenLayer_\d+(;\d*)?$"


def halve_weights(path: Path) -> None:
    """Store weights as halves, which are unpacked when the file is opened."""
    job = quantizer.Quantizer(str(path))
    for operation in _WITH_WEIGHTS:
        job.update_quantization_recipe(
            regex=".*",
            operation_name=operation,
            op_config=qtyping.OpQuantizationConfig(
                weight_tensor_config=qtyping.TensorQuantizationConfig(
                    num_bits=16, dtype=qtyping.TensorDataType.FLOAT
                ),
                compute_precision=qtyping.ComputePrecision.FLOAT,
                explicit_dequantize=True,
            ),
            algorithm_key=AlgorithmName.FLOAT_CASTING,
        )
    path.write_bytes(job.quantize().quantized_model)


def quantize_weights(path: Path) -> None:
    """Store weights in 8 bits with a scale per channel; what is computed stays in float."""
    job = quantizer.Quantizer(str(path))
    for operation in _WITH_WEIGHTS:
        job.add_weight_only_config(".*", operation, num_bits=8)
    path.write_bytes(job.quantize().quantized_model)


def quantize(path: Path, ranges: Ranges) -> None:
    """Compute in 8 bits what XNNPACK computes faster so, with ranges seen on calibration photos.

    Weights have a scale per channel, activations one per tensor. The float32 model at `path` is
    replaced.
    """
    job = quantizer.Quantizer(str(path))
    for regex, operations in (
        (_CONVOLUTIONAL, (*_WITH_WEIGHTS, *_BETWEEN)),
        (_LINEAR, (_Operation.FULLY_CONNECTED,)),
        (_ACTIVATION, (_Operation.LOGISTIC, _Operation.MUL)),
        (_HEADS, (_Operation.RESHAPE, _Operation.TRANSPOSE)),
    ):
        for operation in operations:
            job.add_static_config(regex, operation, activation_num_bits=8, weight_num_bits=8)
    path.write_bytes(job.quantize(ranges).quantized_model)


def activation_ranges(model: bytes, calibration: Pixels) -> Ranges:
    """Of every tensor, by name: the least and the largest value that any photo makes of it.

    The quantizer's own calibration takes minutes for these graphs, as it matches every operation
    with every expression of the recipe for every photo; and it takes a moving average, which clips:
    on 96 packaged photos at 192 pixels, XXS came within 24 dB of float by a mean, and 38 by this.
    """
    interpreter = Interpreter(
        model_content=model,
        experimental_preserve_all_tensors=True,
        # a delegate would keep what is inside it to itself
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    [image] = interpreter.get_input_details()
    tensors = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    computed = [i for operation in interpreter._get_ops_details() for i in operation["outputs"]]
    followed = [i for i in (image["index"], *computed) if tensors[i]["dtype"] is np.float32]
    extremes = np.zeros((len(calibration), len(followed), 2), np.float32)
    for of_photo, photo in zip(extremes, calibration, strict=True):
        interpreter.set_tensor(image["index"], feed(photo[None], tuple(image["shape"]), "float32"))
        interpreter.invoke()
        for of_tensor, index in zip(of_photo, followed, strict=True):
            values = interpreter.get_tensor(index)
            of_tensor[:] = values.min(), values.max()
    ranges = {}
    least, largest = extremes[..., 0].min(axis=0), extremes[..., 1].max(axis=0)
    for low, high, index in zip(least, largest, followed, strict=True):
        shape = [1] * len(tensors[index]["shape"])
        ranges[tensors[index]["name"]] = {
            "min": np.full(shape, low),
            "max": np.full(shape, high),
        }
    return ranges

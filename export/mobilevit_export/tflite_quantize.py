"""Smaller numbers in a `.tflite`, by ai-edge-quantizer: in mixes that XNNPACK has kernels for."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_quantizer import qtyping, quantizer
from ai_edge_quantizer.recipe import AlgorithmName
from numpy.typing import NDArray

from mobilevit.prediction import Pixels, feed

from .ranges import Observations
from .sensitivity import group_of, spread_groups

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


def quantize_weights(path: Path) -> None:
    """Store weights in 8 bits with a scale per channel; what is computed stays in float."""
    job = quantizer.Quantizer(str(path))
    for operation in _WITH_WEIGHTS:
        job.add_weight_only_config(".*", operation, num_bits=8)
    path.write_bytes(job.quantize().quantized_model)


def quantize(path: Path, ranges: Ranges, kept_float: Collection[str] = ()) -> None:
    """Compute in 8 bits what XNNPACK computes faster so, with ranges seen on calibration photos.

    Weights have a scale per channel, activations one per tensor. The float32 model at `path` is
    replaced.

    Args:
        path: of a float32 model.
        ranges: `activation_ranges` of it.
        kept_float: of `layer_groups`, those that stay in float as well.
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
    groups = layer_groups(path.read_bytes()) if kept_float else {}
    kept = [re.escape(name) for name, group in groups.items() if group in kept_float]
    if kept:
        job.update_quantization_recipe(
            regex=f"^({'|'.join(kept)});?$",
            operation_name=_Operation.ALL_SUPPORTED,
            algorithm_key=AlgorithmName.NO_QUANTIZE,
        )
    path.write_bytes(job.quantize(ranges).quantized_model)


def layer_groups(model: bytes) -> dict[str, str]:
    """The group of layers of every operation, by the name of what it gives, in the order they
    run."""
    interpreter = _open(model)
    names = {detail["index"]: detail["name"] for detail in interpreter.get_tensor_details()}

    def group(kind: str, name: str) -> str | None:
        return group_of(name, kind == "FULLY_CONNECTED") if kind in _WITH_WEIGHTS else None

    return spread_groups(
        (name := names[operation["outputs"][0]], group(operation["op_name"], name))
        for operation in interpreter._get_ops_details()
    )


def activation_ranges(model: bytes, calibration: Pixels) -> Ranges:
    """Of every tensor, by name, from what photos make of it.

    The quantizer's own calibration takes minutes for these graphs, as it matches every operation
    with every expression of the recipe for every photo; and it takes a moving average of extremes,
    which cuts off too much: on 96 packaged photos at 192 pixels, XXS came within 24 dB of float by
    a mean, and 38 by the extremes themselves.
    """
    interpreter = _open(model)
    [image] = interpreter.get_input_details()
    tensors = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    computed = [i for operation in interpreter._get_ops_details() for i in operation["outputs"]]
    followed = [i for i in (image["index"], *computed) if tensors[i]["dtype"] is np.float32]
    observations = Observations()
    for photo in calibration:
        interpreter.set_tensor(image["index"], feed(photo[None], tuple(image["shape"]), "float32"))
        interpreter.invoke()
        observations.add({tensors[i]["name"]: interpreter.get_tensor(i) for i in followed})
    axes = {tensors[i]["name"]: len(tensors[i]["shape"]) for i in followed}
    return {
        name: {
            "min": np.full([1] * axes[name], low, np.float32),
            "max": np.full([1] * axes[name], high, np.float32),
        }
        for name, (low, high) in observations.ranges().items()
    }


def _open(model: bytes) -> Interpreter:
    interpreter = Interpreter(
        model_content=model,
        experimental_preserve_all_tensors=True,
        # a delegate would keep what is inside it to itself
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    return interpreter

"""Smaller numbers in a `.tflite`: by ai-edge-quantizer, in the mixes that XNNPACK has kernels for."""

from __future__ import annotations

from pathlib import Path

from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping, quantizer
from ai_edge_quantizer.recipe import AlgorithmName

from mobilevit.bundle import INPUT
from mobilevit.prediction import Pixels, feed

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


def quantize(path: Path, calibration: Pixels) -> None:
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
    interpreter = Interpreter(model_path=str(path))
    [signature] = interpreter.get_signature_list()
    shape = tuple(interpreter.get_input_details()[0]["shape"])
    images = [{INPUT: feed(photo[None], shape, "float32")} for photo in calibration]
    ranges = job.calibrate({signature: images}, num_threads=1)
    path.write_bytes(job.quantize(ranges).quantized_model)

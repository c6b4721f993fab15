"""TFLite, through LiteRT's converter."""

from __future__ import annotations

from pathlib import Path

import litert_torch
import torch
from ai_edge_quantizer import qtyping, quantizer
from ai_edge_quantizer.recipe import AlgorithmName
from torch import Tensor, nn

from mobilevit.bundle import INPUT, OUTPUT

from .formats import ExportSpec
from .pixels import PixelInput
from .tflite_metadata import write_metadata


class _NamedOutput(nn.Module):
    """The converter takes the names of outputs from the keys of a dict."""

    def __init__(self, graph: nn.Module) -> None:
        super().__init__()
        self.classifier = graph  # `graph` is taken in what the exporter traces to

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {OUTPUT: self.classifier(image)}


def convert(graph: nn.Module, spec: ExportSpec, path: Path) -> None:
    """Write a `.tflite` whose signature names input and output. fp16 stores the weights of
    convolutions and fully-connected layers as halves; XNNPACK unpacks them when it loads.

    One that takes images has TFLite Metadata, so that MediaPipe's image classifier opens it.
    """
    height, width = spec.image_size
    example = torch.zeros(1, 3, height, width)
    if spec.input == "image":
        graph = PixelInput(graph)
        example = torch.zeros(1, height, width, 3)
    model = litert_torch.convert(_NamedOutput(graph).eval(), sample_kwargs={INPUT: example})
    model.export(str(path))
    if spec.precision == "fp16":
        _halve_weights(path)
    if spec.input == "image":
        write_metadata(path, spec)


def _halve_weights(path: Path) -> None:
    job = quantizer.Quantizer(str(path))
    for operation in (
        qtyping.TFLOperationName.CONV_2D,
        qtyping.TFLOperationName.DEPTHWISE_CONV_2D,
        qtyping.TFLOperationName.FULLY_CONNECTED,
    ):
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

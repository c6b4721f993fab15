"""TFLite, through LiteRT's converter."""

from __future__ import annotations

from pathlib import Path

import litert_torch
import torch
from torch import Tensor, nn

from mobilevit.bundle import INPUT, OUTPUT
from mobilevit.errors import InputError

from .formats import ExportSpec
from .pixels import PixelInput
from .rewrite import for_litert
from .tflite_metadata import allow_halves, write_metadata
from .tflite_quantize import halve_weights, quantize, quantize_weights


class _NamedOutput(nn.Module):
    """The converter takes the names of outputs from the keys of a dict."""

    def __init__(self, graph: nn.Module) -> None:
        super().__init__()
        self.classifier = graph  # `graph` is taken in what the exporter traces to

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {OUTPUT: self.classifier(image)}


def convert(graph: nn.Module, spec: ExportSpec, path: Path) -> None:
    """Write a `.tflite` whose signature names input and output.

    fp16 stores the weights of convolutions and fully-connected layers as halves, and allows XNNPACK
    to compute in them, where the processor can; where not, it unpacks them when it loads. One that
    takes images has TFLite Metadata, so that MediaPipe's image classifier opens it.

    Raises:
        InputError: there are no photos to calibrate int8 on.
    """
    height, width = spec.image_size
    graph, example = for_litert(graph), torch.zeros(1, 3, height, width)
    if spec.input == "image":
        graph, example = PixelInput(graph), torch.zeros(1, height, width, 3)
    model = litert_torch.convert(_NamedOutput(graph).eval(), sample_kwargs={INPUT: example})
    model.export(str(path))
    if spec.precision == "fp16":
        halve_weights(path)
        allow_halves(path)
    elif spec.precision == "int8-weights":
        quantize_weights(path)
    elif spec.precision == "int8":
        if spec.calibration is None:
            raise InputError("int8 needs photos to calibrate on", "give some, or leave int8 out")
        quantize(path, spec.calibration)
    if spec.input == "image":
        write_metadata(path, spec)

"""TFLite, through LiteRT's converter."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import litert_torch
import torch
from torch import Tensor, nn

from mobilevit.bundle import INPUT, OUTPUT
from mobilevit.errors import InputError
from mobilevit.prediction import Pixels

from .formats import ExportSpec
from .pixels import PixelInput
from .rewrite import for_litert
from .tflite_halves import halve
from .tflite_metadata import write_metadata
from .tflite_quantize import (
    Ranges,
    activation_ranges,
    layer_groups,
    quantize,
    quantize_weights,
)


class _NamedOutput(nn.Module):
    """The converter takes the names of outputs from the keys of a dict."""

    def __init__(self, graph: nn.Module) -> None:
        super().__init__()
        self.classifier = graph  # `graph` is taken in what the exporter traces to

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {OUTPUT: self.classifier(image)}


@dataclass(frozen=True)
class TFLiteConversion:
    """The model in float32; other precisions are made of the file."""

    content: bytes
    calibration: Pixels | None

    def save(self, spec: ExportSpec, path: Path) -> None:
        """Write a `.tflite` whose signature names input and output.

        fp16 stores the weights of convolutions and fully-connected layers as halves, and allows
        XNNPACK to compute in them, where the processor can; where not, it unpacks them when it
        loads. One that takes images has TFLite Metadata, so that MediaPipe's image classifier opens
        it.

        Raises:
            InputError: there are no photos to calibrate int8 on.
        """
        path.write_bytes(self.content)
        if spec.precision == "fp16":
            halve(path)
        elif spec.precision == "int8-weights":
            quantize_weights(path)
        elif spec.precision == "int8":
            quantize(path, self.ranges, spec.kept_float)
        if spec.input == "image":
            write_metadata(path, spec)

    @property
    def layer_groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(layer_groups(self.content).values()))

    @cached_property
    def ranges(self) -> Ranges:
        if self.calibration is None:
            raise InputError("int8 needs photos to calibrate on", "give some, or leave int8 out")
        return activation_ranges(self.content, self.calibration)


def convert(graph: nn.Module, spec: ExportSpec) -> TFLiteConversion:
    """Trace and convert, which takes nearly all of an export's time."""
    height, width = spec.image_size
    graph, example = for_litert(graph), torch.zeros(1, 3, height, width)
    if spec.input == "image":
        graph, example = PixelInput(graph), torch.zeros(1, height, width, 3)
    model = litert_torch.convert(_NamedOutput(graph).eval(), sample_kwargs={INPUT: example})
    with tempfile.TemporaryDirectory(prefix="mobilevit-convert-") as folder:
        path = Path(folder, "float.tflite")
        model.export(str(path))
        return TFLiteConversion(path.read_bytes(), spec.calibration)

"""Core ML's older neural network, an `.mlmodel`, through coremltools."""

from __future__ import annotations

from pathlib import Path

import coremltools as ct
from coremltools.models.neural_network.quantization_utils import quantize_weights
from torch import nn

from mobilevit.graph import INPUT, OUTPUT

from .coreml import exported_program
from .formats import ExportSpec


def convert(graph: nn.Module, spec: ExportSpec, path: Path) -> None:
    """Write an `.mlmodel` for iOS 14 and later. fp16 stores weights as halves; what a device
    computes in is its own choice."""
    model = ct.convert(
        exported_program(graph, spec),
        convert_to="neuralnetwork",
        inputs=[ct.TensorType(name=INPUT, shape=(1, 3, *spec.image_size))],
        outputs=[ct.TensorType(name=OUTPUT)],
        minimum_deployment_target=ct.target.iOS14,
    )
    if spec.precision == "fp16":
        model = quantize_weights(model, nbits=16)  # off a Mac it gives the bare description
    description = model.get_spec() if hasattr(model, "get_spec") else model
    description.description.metadata.shortDescription = spec.description
    ct.utils.save_spec(description, str(path))

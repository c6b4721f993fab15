"""Core ML's ML Program, an `.mlpackage`, through coremltools."""

from __future__ import annotations

from pathlib import Path

import coremltools as ct
import torch
from torch import nn

from mobilevit.graph import INPUT, OUTPUT

from .formats import ExportSpec

_PRECISION = {"fp32": ct.precision.FLOAT32, "fp16": ct.precision.FLOAT16}


def convert(graph: nn.Module, spec: ExportSpec, path: Path) -> None:
    """Write an `.mlpackage` for iOS 16 and later. fp16 computes in halves; input and output stay
    float32."""
    model = ct.convert(
        exported_program(graph, spec),
        convert_to="mlprogram",
        inputs=[ct.TensorType(name=INPUT, shape=(1, 3, *spec.image_size))],
        outputs=[ct.TensorType(name=OUTPUT)],
        compute_precision=_PRECISION[spec.precision],
        minimum_deployment_target=ct.target.iOS16,
    )
    model.short_description = spec.description
    model.save(str(path))


def exported_program(graph: nn.Module, spec: ExportSpec) -> torch.export.ExportedProgram:
    """The graph at one image size, in the operations coremltools knows."""
    example = torch.zeros(1, 3, *spec.image_size)
    return torch.export.export(graph.eval(), (example,)).run_decompositions({})

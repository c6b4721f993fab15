"""ONNX, through torch's exporter."""

from __future__ import annotations

import copy
from pathlib import Path

import onnx
import torch
from torch import nn

from mobilevit.graph import INPUT, OUTPUT

from .formats import ExportSpec

OPSET = 18  # every onnxruntime since 1.14 opens it, mobile builds included


def convert(graph: nn.Module, spec: ExportSpec, path: Path) -> None:
    """Write an `.onnx` with its weights inside. fp16 halves the weights and the computation,
    input and output stay float32."""
    if spec.precision == "fp16":
        graph = copy.deepcopy(graph).half()
    example = torch.zeros(1, 3, *spec.image_size)
    program = torch.onnx.export(
        graph,
        (example,),
        input_names=[INPUT],
        output_names=[OUTPUT],
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None  # None only with the old exporter
    proto = program.model_proto
    proto.doc_string = spec.description
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)

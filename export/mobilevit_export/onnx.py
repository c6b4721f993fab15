"""ONNX, through torch's exporter."""

from __future__ import annotations

import copy
from pathlib import Path

import onnx
import torch
from torch import nn

from mobilevit.bundle import INPUT, OUTPUT

from .formats import ExportSpec
from .pixels import PixelInput

OPSET = 18  # every onnxruntime since 1.14 opens it, mobile builds included


def convert(graph: nn.Module, spec: ExportSpec, path: Path) -> None:
    """Write an `.onnx` with its weights inside. fp16 halves the weights and the computation;
    input and output stay as they are."""
    if spec.precision == "fp16":
        graph = copy.deepcopy(graph).half()
    height, width = spec.image_size
    example = torch.zeros(1, 3, height, width)
    if spec.input == "image":
        graph = PixelInput(graph)
        example = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    program = torch.onnx.export(
        graph.eval(),
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
    onnx.helper.set_model_props(proto, spec.metadata)
    for node in proto.graph.node:
        del node.metadata_props[:]  # the exporter's traces: a megabyte, with paths of this machine
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)

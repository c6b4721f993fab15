"""ONNX, through torch's exporter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import ModelProto
from onnxruntime.quantization import TensorsData
from torch import Tensor, nn
from torch.export import Dim

from mobilevit.bundle import INPUT, OUTPUT
from mobilevit.errors import InputError
from mobilevit.prediction import Pixels

from .formats import ExportSpec
from .onnx_halve import halve
from .onnx_quantize import activation_ranges, layer_groups, quantize, quantize_weights
from .pixels import PixelInput
from .rewrite import for_onnxruntime

OPSET = 18  # every onnxruntime since 1.14 opens it, mobile builds included


@dataclass(frozen=True)
class OnnxConversion:
    """The model in float32; other precisions are made of it."""

    single: ModelProto
    calibration: Pixels | None

    def save(self, spec: ExportSpec, path: Path) -> None:
        """Write an `.onnx` with its weights inside. fp16 halves the weights and the computation;
        input and output stay as they are.

        Raises:
            InputError: there are no photos to calibrate int8 on.
        """
        proto = ModelProto()
        proto.CopyFrom(self.single)
        if spec.precision == "fp16":
            proto = halve(proto)
        elif spec.precision == "int8-weights":
            proto = quantize_weights(proto)
        elif spec.precision == "int8":
            proto = quantize(proto, self.ranges, spec.kept_float)
        proto.doc_string = spec.description
        onnx.helper.set_model_props(proto, spec.metadata)
        onnx.checker.check_model(proto, full_check=True)
        onnx.save(proto, path)

    @property
    def layer_groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(layer_groups(self.single).values()))

    @cached_property
    def ranges(self) -> TensorsData:
        if self.calibration is None:
            raise InputError("int8 needs photos to calibrate on", "give some, or leave int8 out")
        return activation_ranges(self.single, self.calibration)


def convert(graph: nn.Module, spec: ExportSpec) -> OnnxConversion:
    """Trace and translate."""
    graph = for_onnxruntime(graph)
    height, width = spec.image_size
    example = torch.zeros(1, 3, height, width)
    if spec.input == "image":
        graph = PixelInput(graph)
        example = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    batch = None
    if spec.dynamic_batch:
        # a batch of one would count as fixed: torch.export takes sizes of 0 and 1 for special
        example, batch = torch.cat([example, example]), ({0: Dim("batch")},)
    program = torch.onnx.export(
        exported_program(graph, example, batch),
        input_names=[INPUT],
        output_names=[OUTPUT],
        opset_version=OPSET,
        dynamo=True,
        dynamic_shapes=batch,  # again, for the name
        external_data=False,
        verbose=False,
    )
    assert program is not None  # None only with the old exporter
    single: ModelProto = program.model_proto
    for node in single.graph.node:
        del node.metadata_props[:]  # the exporter's traces: a megabyte, with paths of this machine
    return OnnxConversion(single, spec.calibration)


def exported_program(
    graph: nn.Module, example: Tensor, dynamic_shapes: tuple[dict[int, Dim]] | None
) -> torch.export.ExportedProgram:
    """The graph for images like `example`, with attention in the operations of ONNX."""
    program = torch.export.export(graph.eval(), (example,), dynamic_shapes=dynamic_shapes)
    attention = torch.ops.aten.scaled_dot_product_attention.default
    if not any(node.target is attention for node in program.graph.nodes):
        return program  # the exporter traces it once more in any case
    return program.run_decompositions({attention: _attention})


def _attention(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Two products and a softmax; left to the exporter where there is a mask or another option.

    The exporter's own way transposes the keys as of rank 3, and asks the graph for their shape.
    """
    if args or kwargs:
        return NotImplemented
    weights = torch.softmax(query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1), dim=-1)
    return weights @ value

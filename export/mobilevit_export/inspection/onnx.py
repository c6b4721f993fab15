"""Reads an `.onnx` file, with the shapes that ONNX's own inference finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import AttributeProto, TensorProto, inliner, shape_inference

from mobilevit.errors import ConversionError, reason

from .records import Inspection, Operation, Port, Shape, Tensor, WeightCount, count, is_static

_NAMES = {"float": "float32", "double": "float64"}  # the others are called as everywhere
_BITS = {
    "bool": 8,
    "int4": 4,
    "uint4": 4,
    "float4e2m1": 4,
    "int2": 2,
    "uint2": 2,
    "bfloat16": 16,
    "complex64": 64,
    "complex128": 128,
}
_KEPT = 64  # the longest attribute that is kept, in characters or numbers


def read(artifact: Path) -> Inspection:
    """Weights in other files are not opened; they are counted by their shapes.

    Raises:
        ConversionError: the file is damaged or holds no graph.
    """
    model = _load(artifact)
    graph = model.graph
    tensors, weights = _constants(graph)
    described = [*graph.input, *graph.value_info, *graph.output]
    tensors |= {v.name: _tensor(v) for v in described if v.name not in tensors}
    operations = []
    for node in graph.node:
        if node.op_type == "Constant" and not node.domain:
            continue
        operation = _operation(node)
        operations.append(operation)
        folded = _is_folded(operation, tensors)
        for name in filter(None, operation.outputs):
            known = tensors.get(name, Tensor(name, "unknown", None))
            tensors[name] = Tensor(name, known.dtype, known.shape, folded)
    stored = {item.name for item in graph.initializer}
    return Inspection(
        file=artifact.name,
        format="ONNX",
        size=artifact.stat().st_size,
        inputs=tuple(_port(value) for value in graph.input if value.name not in stored),
        outputs=tuple(_port(value) for value in graph.output),
        metadata=_metadata(model),
        tensors=tensors,
        operations=tuple(operations),
        weights=weights.result(),
    )


def _load(artifact: Path) -> Any:
    try:
        model = onnx.load(str(artifact), load_external_data=False)
        if model.functions:  # torch's exporter writes operations of its own as functions
            model = inliner.inline_local_functions(model)
        model = shape_inference.infer_shapes(model, data_prop=True)
    except (DecodeError, OSError, RuntimeError, ValueError) as error:
        said = reason(error).rstrip(".")
        raise ConversionError(f"`{artifact}` cannot be read as ONNX: {said}") from error
    if not model.ir_version or not model.graph.output:
        raise ConversionError(f"`{artifact}` holds no ONNX model", "export it again")
    return model


def _constants(graph: Any) -> tuple[dict[str, Tensor], WeightCount]:
    tensors: dict[str, Tensor] = {}
    weights = WeightCount()
    stored = [(item.name, item) for item in graph.initializer]
    for node in graph.node:
        if node.op_type == "Constant" and not node.domain:
            stored += [(node.output[0], a.t) for a in node.attribute if a.name == "value"]
            tensors |= {name: Tensor(name, "unknown", None, True) for name in node.output}
    for name, value in stored:
        dtype, shape = _dtype(value.data_type), tuple(value.dims)
        tensors[name] = Tensor(name, dtype, shape, True)
        if dtype != "string":
            weights.add(dtype, count(shape), -(-count(shape) * _bits(dtype) // 8))
    return tensors, weights


def _dtype(code: int) -> str:
    name = str(TensorProto.DataType.Name(code)).lower()
    return _NAMES.get(name, name)


def _bits(dtype: str) -> int:
    if dtype in _BITS:
        return _BITS[dtype]
    digits = "".join(c for c in dtype.removeprefix("u") if c.isdigit())
    return 8 if dtype.startswith("float8") else int(digits)


def _tensor(value: Any) -> Tensor:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return Tensor(value.name, kind or "unknown", None)
    described = value.type.tensor_type
    dtype = _dtype(described.elem_type) if described.elem_type else "unknown"
    return Tensor(value.name, dtype, _shape(described))


def _shape(described: Any) -> Shape | None:
    if not described.HasField("shape"):
        return None
    return tuple(
        int(side.dim_value) if side.HasField("dim_value") else side.dim_param or -1
        for side in described.shape.dim
    )


def _port(value: Any) -> Port:
    """Kinds are ONNX's type and dimension denotations, which few exporters write."""
    tensor = _tensor(value)
    sides = [side.denotation for side in value.type.tensor_type.shape.dim]
    words = [value.type.denotation, "x".join(sides) if any(sides) else ""]
    return Port(tensor.name, tensor.dtype, tensor.shape, " ".join(filter(None, words)))


def _operation(node: Any) -> Operation:
    domain = "" if node.domain in ("", "ai.onnx") else f"{node.domain}:"
    return Operation(
        type=domain + node.op_type,
        name=node.name,
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=dict(filter(None, map(_attribute, node.attribute))),
    )


def _attribute(attribute: Any) -> tuple[str, Any] | None:
    if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
        return attribute.name, "graph"
    if attribute.type in (AttributeProto.TENSOR, AttributeProto.SPARSE_TENSOR):
        return None
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    elif isinstance(value, list):
        value = tuple(v.decode(errors="replace") if isinstance(v, bytes) else v for v in value)
    if isinstance(value, str | tuple) and len(value) > _KEPT:
        return None
    return attribute.name, value


def _is_folded(operation: Operation, tensors: dict[str, Tensor]) -> bool:
    """Whether a runtime computes it when it loads the file: constant folding is among the basic
    optimizations that onnxruntime always does (its docs, "Graph Optimizations in ONNX Runtime")."""
    inputs = [tensors[name] for name in operation.inputs if name in tensors]
    if not inputs or "graph" in operation.attributes.values():
        return False
    if operation.type == "Shape":
        return inputs[0].shape is not None and is_static(inputs[0].shape)
    return all(tensor.constant for tensor in inputs)


def _metadata(model: Any) -> dict[str, str]:
    opsets = {item.domain or "ai.onnx": item.version for item in model.opset_import}
    found = {
        "opset": ", ".join(f"{domain} {version}" for domain, version in opsets.items()),
        "ir version": str(model.ir_version),
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "graph": model.graph.name,
        "description": model.doc_string or model.graph.doc_string,
    }
    found |= {item.key: item.value for item in model.metadata_props}
    return {key: value for key, value in found.items() if value}

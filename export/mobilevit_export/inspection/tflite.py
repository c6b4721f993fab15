"""Reads a `.tflite` file: its flatbuffer, and its TFLite Metadata where it has some."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mobilevit.errors import ConversionError

from .records import Inspection, Operation, Port, Tensor, WeightCount, Weights, count
from .tflite_metadata import Decoded, decode

_IDENTIFIER = b"TFL3"  # at byte 4, by the schema's `file_identifier`
_METADATA = "TFLITE_METADATA"


def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


_OPERATORS = _names(schema.BuiltinOperator)
_DTYPES = {code: name.lower() for code, name in _names(schema.TensorType).items()}
_ACTIVATIONS = _names(schema.ActivationFunctionType)


def read(artifact: Path) -> Inspection:
    """The first subgraph is read, which is the one that runs.

    Raises:
        ConversionError: the file is no TFLite file. A damaged one gives any error of Python's.
    """
    try:
        data = artifact.read_bytes()
    except OSError as error:
        raise ConversionError(f"`{artifact}` cannot be read: {error.strerror}") from error
    if data[4:8] != _IDENTIFIER:
        raise ConversionError(f"`{artifact}` is not a TFLite file", "export it again")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    graph = model.subgraphs[0]
    buffers = [_bytes(buffer, data) for buffer in model.buffers]
    keys = _keys(graph.tensors)
    tensors = {
        key: _tensor(key, tensor, bool(buffers[tensor.buffer]))
        for key, tensor in zip(keys, graph.tensors, strict=True)
    }
    entries = {_text(item.name): buffers[item.buffer] for item in model.metadata or []}
    described = decode(entries.pop(_METADATA), data) if _METADATA in entries else Decoded()
    signature = (model.signatureDefs or [None])[0]
    inputs = _ordered(graph.inputs, signature and signature.inputs, keys)
    outputs = _ordered(graph.outputs, signature and signature.outputs, keys)
    return Inspection(
        file=artifact.name,
        format="TFLite",
        size=len(data),
        inputs=_ports(inputs, tensors, described.inputs),
        outputs=_ports(outputs, tensors, described.outputs),
        metadata=_facts(model) | _printed(entries) | described.words,
        tensors=tensors,
        operations=tuple(
            _operation(item, model, graph, keys, buffers) for item in graph.operators or []
        ),
        weights=_weights(model, buffers),
    )


def _bytes(buffer: Any, file: bytes) -> bytes:
    """What a buffer holds: inside the flatbuffer, or behind it, where an offset above 1 says so."""
    if buffer.offset > 1:
        if buffer.offset + buffer.size > len(file):
            raise ValueError("a buffer ends behind the file")
        return file[buffer.offset : buffer.offset + buffer.size]
    return b"" if buffer.data is None else np.asarray(buffer.data, np.uint8).tobytes()


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def _keys(tensors: list[Any]) -> list[str]:
    """A name for each tensor; one that another has too gets its index behind it."""
    names = [_text(tensor.name) for tensor in tensors]
    seen = Counter(names)
    return [n if n and seen[n] == 1 else f"{n}#{i}" for i, n in enumerate(names)]


def _tensor(key: str, tensor: Any, stored: bool) -> Tensor:
    shape = [int(side) for side in _list(tensor.shape)]
    signature = [int(side) for side in _list(tensor.shapeSignature)] or shape
    open_ = tuple(-1 if given < 0 else side for side, given in zip(shape, signature, strict=True))
    scales = _list(tensor.quantization and tensor.quantization.scale)
    points = _list(tensor.quantization and tensor.quantization.zeroPoint)
    return Tensor(
        name=key,
        dtype=_DTYPES[tensor.type],
        shape=open_,
        constant=stored and not tensor.isVariable,
        scale=float(scales[0]) if len(scales) == 1 else None,
        zero_point=int(points[0]) if len(points) == 1 else 0,
    )


def _list(values: Any) -> list[Any]:
    return [] if values is None else list(values)


def _ordered(indices: Any, named: Any, keys: list[str]) -> list[tuple[str, str]]:
    """(name in the signature, or of the tensor where there is none; key) in the graph's order."""
    names = {item.tensorIndex: _text(item.name) for item in named or []}
    return [(names.get(int(i), keys[int(i)]), keys[int(i)]) for i in _list(indices)]


def _ports(
    names: list[tuple[str, str]], tensors: dict[str, Tensor], kinds: tuple[str, ...]
) -> tuple[Port, ...]:
    padded = [*kinds, *[""] * len(names)]
    return tuple(
        Port(name, tensors[key].dtype, tensors[key].shape, kind)
        for (name, key), kind in zip(names, padded, strict=False)
    )


def _operation(
    item: Any, model: Any, graph: Any, keys: list[str], buffers: list[bytes]
) -> Operation:
    code = model.operatorCodes[item.opcodeIndex]
    # a file for old runtimes has the code in the old field, which is one byte and stops at 127
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    kind = _OPERATORS.get(number, f"builtin {number}")
    if kind == "CUSTOM":
        kind = f"CUSTOM {_text(code.customCode)}"
    attributes = _attributes(item.builtinOptions) | _attributes(item.builtinOptions2)
    if kind == "STRIDED_SLICE" and len(item.inputs) > 3:
        strides = np.frombuffer(buffers[graph.tensors[item.inputs[3]].buffer], np.int32)
        attributes["strides"] = tuple(strides.tolist())
    outputs = tuple(keys[i] for i in _list(item.outputs))
    return Operation(
        type=kind,
        name=outputs[0] if outputs else "",
        inputs=tuple(keys[i] if i >= 0 else "" for i in _list(item.inputs)),
        outputs=outputs,
        attributes=attributes,
    )


def _attributes(options: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in (vars(options) if options is not None else {}).items():
        if name == "fusedActivationFunction":
            found[name] = _ACTIVATIONS[value]
        elif isinstance(value, bool | int | float):
            found[name] = value
        elif isinstance(value, bytes):
            found[name] = _text(value)
    return found


def _weights(model: Any, buffers: list[bytes]) -> tuple[Weights, ...]:
    """Each buffer once, however many tensors share it, in the type of the first that reads it."""
    counted, weights = set(), WeightCount()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if buffers[tensor.buffer] and tensor.buffer not in counted:
                counted.add(tensor.buffer)
                elements = count(int(side) for side in _list(tensor.shape))
                weights.add(_DTYPES[tensor.type], elements, len(buffers[tensor.buffer]))
    return weights.result()


def _facts(model: Any) -> dict[str, str]:
    found = {
        "schema version": str(model.version),
        "description": _text(model.description),
        "subgraphs": str(len(model.subgraphs)) if len(model.subgraphs) > 1 else "",
        "signatures": ", ".join(_text(item.signatureKey) for item in model.signatureDefs or []),
    }
    return {key: value for key, value in found.items() if value}


def _printed(entries: dict[str, bytes]) -> dict[str, str]:
    """Metadata entries of any tool, as text where they are text."""
    texts = {
        name: value.rstrip(b"\0").decode("utf-8", "replace") for name, value in entries.items()
    }
    return {
        name: text if text.isprintable() and "\ufffd" not in text else f"{len(entries[name])} bytes"
        for name, text in texts.items()
    }

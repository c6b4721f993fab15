"""A `.tflite` file as objects of its schema."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def read_model(path: Path) -> schema.ModelT:
    content = path.read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for weights in model.buffers:
        if weights.offset > 1:  # the quantizer puts them behind the flatbuffer; 1 stands for none
            weights.data = np.frombuffer(content, np.uint8, weights.size, weights.offset)
            weights.offset = weights.size = 0
    return model


def write_model(model: schema.ModelT, path: Path) -> None:
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())


def drop_unused(model: schema.ModelT) -> None:
    """Empty the buffers that no tensor and no metadata has."""
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or []}
    for number, buffer in enumerate(model.buffers):
        if number not in used:
            buffer.data = None


def add_metadata(model: schema.ModelT, name: str, content: bytes) -> None:
    entry = schema.MetadataT(name, add_buffer(model, content))
    model.metadata = [*(model.metadata or []), entry]


def add_buffer(model: schema.ModelT, content: bytes) -> int:
    """Returns the number that tensors and metadata know it by."""
    model.buffers.append(schema.BufferT(np.frombuffer(content, np.uint8)))
    return len(model.buffers) - 1


def add_tensor(
    graph: schema.SubGraphT,
    name: bytes,
    shape: Sequence[int],
    buffer: int = 0,
    dtype: int = schema.TensorType.FLOAT32,
) -> int:
    """Returns the number that operators know it by. Without a buffer, it is computed."""
    graph.tensors.append(schema.TensorT([*shape], dtype, buffer, name))
    return len(graph.tensors) - 1


def new_operator(
    model: schema.ModelT, kind: int, inputs: Sequence[int], output: int, version: int = 1
) -> schema.OperatorT:
    """One that is in no graph yet, without options. `kind` is one of `schema.BuiltinOperator`."""
    # both fields, for old runtimes read the one alone
    code = schema.OperatorCodeT(kind, version=version, builtinCode=kind)
    model.operatorCodes.append(code)
    return schema.OperatorT(len(model.operatorCodes) - 1, [*inputs], [output])

"""Small networks to read and to lint: one of torch, and graphs built by hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
import torch
from ai_edge_litert import schema_py_generated as schema
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import Tensor, nn

from mobilevit.preprocessing import Preprocessing
from mobilevit_export.formats import ExportSpec


class Tiny(nn.Module):
    """An image of 32 pixels a side -> probabilities of three classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8, 3)

    def forward(self, image: Tensor) -> Tensor:
        x = torch.relu(self.stem(image.to(self.stem.weight.dtype))).mean((2, 3))
        return torch.softmax(self.head(x).float(), -1)


def tiny_spec(precision: str) -> ExportSpec:
    """What to ask of a converter for `Tiny`: plain tensors."""
    record = Preprocessing(image_size=(32, 32))
    return ExportSpec(precision, "tensor", record, ("bell", "cup", "door"), "tiny")


_TFLITE_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "uint8": schema.TensorType.UINT8,
}


class TFLiteGraph:
    """Tensors and operations in the order they are added."""

    def __init__(self) -> None:
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.operatorCodes, self._model.metadata = [], []
        self._model.buffers = [schema.BufferT()]
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._model.subgraphs = [self._graph]

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str = "float32",
        data: NDArray[Any] | None = None,
        signature: Sequence[int] | None = None,
    ) -> int:
        item = schema.TensorT()
        item.name, item.shape, item.type = name, list(shape), _TFLITE_TYPES[dtype]
        item.shapeSignature = None if signature is None else list(signature)
        item.buffer = 0
        if data is not None:
            item.buffer = self._buffer(np.ascontiguousarray(data).tobytes())
        self._graph.tensors.append(item)
        return len(self._graph.tensors) - 1

    def constant(self, name: str, data: NDArray[Any]) -> int:
        return self.tensor(name, data.shape, data.dtype.name, data)

    def operation(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None
    ) -> None:
        number = getattr(schema.BuiltinOperator, kind)
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        self._model.operatorCodes.append(code)
        item = schema.OperatorT()
        item.opcodeIndex = len(self._model.operatorCodes) - 1
        item.inputs, item.outputs = list(inputs), list(outputs)
        if options is not None:
            item.builtinOptions = options
            table = type(options).__name__.removesuffix("T")
            item.builtinOptionsType = getattr(schema.BuiltinOptions, table)
        self._graph.operators.append(item)

    def metadata(self, name: str, value: bytes) -> None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, self._buffer(value)
        self._model.metadata.append(entry)

    def save(
        self, path: Path, inputs: Sequence[int], outputs: Sequence[int], signed: bool = False
    ) -> Path:
        self._graph.inputs, self._graph.outputs = list(inputs), list(outputs)
        if signed:
            self._model.signatureDefs = [self._signature(inputs, outputs)]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path

    def _signature(self, inputs: Sequence[int], outputs: Sequence[int]) -> Any:
        """One that calls inputs and outputs as the tensors are called."""
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs, signature.outputs = [], []
        for maps, indices in ((signature.inputs, inputs), (signature.outputs, outputs)):
            for index in indices:
                item = schema.TensorMapT()
                item.name, item.tensorIndex = self._graph.tensors[index].name, index
                maps.append(item)
        return signature

    def _buffer(self, data: bytes) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        self._model.buffers.append(buffer)
        return len(self._model.buffers) - 1


def tflite_chain(path: Path, *kinds: str) -> Path:
    """A chain of elementwise operations, and of these others:

    `rank-5` reshapes to rank 5 and back, `strided` takes every second column, `wide` casts to
    int64 and back.
    """
    graph, shape = TFLiteGraph(), [1, 8, 64, 4]
    first = last = graph.tensor("in", shape)
    for index, kind in enumerate(kinds):
        if kind == "rank-5":
            for number, sides in enumerate(([1, 8, shape[2] // 2, 2, 4], shape)):
                given = graph.constant(f"sides{index}.{number}", np.array(sides, np.int32))
                made = graph.tensor(f"rank{index}.{number}", sides)
                graph.operation("RESHAPE", [last, given], [made], schema.ReshapeOptionsT())
                last = made
            continue
        if kind == "wide":
            for number, dtype in enumerate(("int64", "float32")):
                made = graph.tensor(f"cast{index}.{number}", shape, dtype)
                graph.operation("CAST", [last], [made])
                last = made
            continue
        inputs = [last]
        options = None
        if kind == "strided":
            ends = [1, 8, shape[2], 4]
            shape = [1, 8, shape[2] // 2, 4]
            for word, values in (("begin", [0] * 4), ("end", ends), ("strides", [1, 1, 2, 1])):
                inputs.append(graph.constant(f"{word}{index}", np.array(values, np.int32)))
            kind, options = "STRIDED_SLICE", schema.StridedSliceOptionsT()
        made = graph.tensor(f"out{index}", shape)
        graph.operation(kind, inputs, [made], options)
        last = made
    return graph.save(path, [first], [last])


def tflite_metadata(
    name: str, mean: Sequence[float], std: Sequence[float], labels_file: str
) -> bytes:
    """A classifier's TFLite Metadata: an RGB image in, probabilities with labels out."""
    image = metadata_schema.TensorMetadataT()
    image.name, image.description = "image", "a photo"
    image.content = metadata_schema.ContentT()
    image.content.contentPropertiesType = metadata_schema.ContentProperties.ImageProperties
    image.content.contentProperties = metadata_schema.ImagePropertiesT()
    image.content.contentProperties.colorSpace = metadata_schema.ColorSpaceType.RGB
    unit = metadata_schema.ProcessUnitT()
    unit.optionsType = metadata_schema.ProcessUnitOptions.NormalizationOptions
    unit.options = metadata_schema.NormalizationOptionsT()
    unit.options.mean, unit.options.std = list(mean), list(std)
    image.processUnits = [unit]
    probabilities = metadata_schema.TensorMetadataT()
    probabilities.name = "probability"
    labels = metadata_schema.AssociatedFileT()
    labels.name = labels_file
    labels.type = metadata_schema.AssociatedFileType.TENSOR_AXIS_LABELS
    probabilities.associatedFiles = [labels]
    graph = metadata_schema.SubGraphMetadataT()
    graph.inputTensorMetadata, graph.outputTensorMetadata = [image], [probabilities]
    model = metadata_schema.ModelMetadataT()
    model.name, model.description, model.subgraphMetadata = name, "tells bells from cups", [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"M001")
    return bytes(builder.Output())


def pack(path: Path, files: Mapping[str, str]) -> None:
    """Put files behind a model, as TFLite Metadata has it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    path.write_bytes(path.read_bytes() + content.getvalue())


def onnx_model(
    path: Path,
    nodes: Sequence[Any],
    inputs: Mapping[str, tuple[int, Sequence[int | str]]],
    outputs: Mapping[str, tuple[int, Sequence[int | str]]],
    constants: Mapping[str, NDArray[Any]] | None = None,
) -> Path:
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [
            helper.make_tensor_value_info(n, kind, list(shape))
            for n, (kind, shape) in inputs.items()
        ],
        [
            helper.make_tensor_value_info(n, kind, list(shape))
            for n, (kind, shape) in outputs.items()
        ],
        [onnx.numpy_helper.from_array(data, name) for name, data in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def onnx_chain(path: Path, *kinds: str, batch: int | str = 1) -> Path:
    """As `tflite_chain`; a name is an elementwise operation."""
    nodes, constants, last = [], {}, "in"
    for index, kind in enumerate(kinds):
        made = f"out{index}"
        if kind == "rank-5":
            constants[f"split{index}"] = np.array([-1, 4, 2, 4, 8])
            constants[f"joined{index}"] = np.array([-1, 4, 8, 8])
            nodes += [
                helper.make_node(
                    "Reshape", [last, f"split{index}"], [f"high{index}"], f"up{index}"
                ),
                helper.make_node(
                    "Reshape", [f"high{index}", f"joined{index}"], [made], f"d{index}"
                ),
            ]
        elif kind == "wide":
            nodes += [
                helper.make_node("Cast", [last], [f"wide{index}"], f"wide{index}", to=7),
                helper.make_node("Cast", [f"wide{index}"], [made], f"back{index}", to=1),
            ]
        else:
            nodes.append(helper.make_node(kind, [last], [made], name=f"{kind}{index}"))
        last = made
    side = (TensorProto.FLOAT, [batch, 4, 8, 8])
    return onnx_model(path, nodes, {"in": side}, {last: side}, constants)

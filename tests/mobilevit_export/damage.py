"""One artifact damaged on purpose in each format: one weight flipped, or one operation changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import coremltools as ct
import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from onnx import numpy_helper


def _flip_largest(values: NDArray[Any]) -> NDArray[Any]:
    flipped = values.copy().reshape(-1)
    flipped[np.abs(flipped).argmax()] *= -1
    return flipped.reshape(values.shape)


def onnx_weight(path: Path) -> None:
    model = onnx.load(path)
    weight = next(t for t in model.graph.initializer if list(t.dims)[1:] == [3, 3, 3])  # the stem
    weight.CopyFrom(
        numpy_helper.from_array(_flip_largest(numpy_helper.to_array(weight)), weight.name)
    )
    onnx.save(model, path)


def onnx_operation(path: Path) -> None:
    model = onnx.load(path)
    next(node for node in model.graph.node if node.op_type == "Sigmoid").op_type = "Tanh"
    onnx.save(model, path)


def _edit_tflite(path: Path, edit: Callable[[Any], None]) -> None:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    edit(model)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def tflite_weight(path: Path) -> None:
    def edit(model: Any) -> None:
        graph = model.subgraphs[0]
        stem = next(
            t
            for t in graph.tensors
            if t.shape is not None
            and list(t.shape[1:]) == [3, 3, 3]
            and model.buffers[t.buffer].data is not None
        )
        dtype = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.FLOAT16: np.float16}
        buffer = model.buffers[stem.buffer]
        values = np.frombuffer(np.asarray(buffer.data, np.uint8).tobytes(), dtype[stem.type])
        buffer.data = np.frombuffer(_flip_largest(values).tobytes(), np.uint8)

    _edit_tflite(path, edit)


def tflite_operation(path: Path) -> None:
    def edit(model: Any) -> None:
        logistic = schema.BuiltinOperator.LOGISTIC
        code = next(c for c in model.operatorCodes if c.builtinCode == logistic)
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TANH

    _edit_tflite(path, edit)


def _package_model(path: Path) -> Path:
    return next(path.rglob("*.mlmodel"))


def coreml_weight(path: Path) -> None:
    """Weights lie in one file between small headers; a value of ordinary size is a weight."""
    file = next(path.rglob("weight.bin"))
    spec = ct.utils.load_spec(str(_package_model(path)))
    half = any(op.type == "cast" for op in _operations(spec))
    values = np.frombuffer(file.read_bytes(), np.float16 if half else np.float32).copy()
    usual = np.where(np.isfinite(values) & (np.abs(values) < 8), np.abs(values), 0)
    values[usual.argmax()] *= -1
    file.write_bytes(values.tobytes())


def _operations(spec: Any) -> Any:
    function = spec.mlProgram.functions["main"]
    return function.block_specializations[function.opset].operations


def coreml_operation(path: Path) -> None:
    spec = ct.utils.load_spec(str(_package_model(path)))
    next(op for op in _operations(spec) if op.type in ("silu", "sigmoid")).type = "tanh"
    _package_model(path).write_bytes(spec.SerializeToString())


def mlmodel_weight(path: Path) -> None:
    spec = ct.utils.load_spec(str(path))
    stem = next(
        layer.convolution
        for layer in getattr(spec, spec.WhichOneof("Type")).layers
        if layer.WhichOneof("layer") == "convolution"
    )
    if stem.weights.floatValue:
        values = _flip_largest(np.array(stem.weights.floatValue, np.float32))
        stem.weights.floatValue[:] = values.tolist()
    else:
        values = np.frombuffer(stem.weights.float16Value, np.float16)
        stem.weights.float16Value = _flip_largest(values).tobytes()
    ct.utils.save_spec(spec, str(path))


def mlmodel_operation(path: Path) -> None:
    spec = ct.utils.load_spec(str(path))
    layer = next(
        layer
        for layer in getattr(spec, spec.WhichOneof("Type")).layers
        if layer.WhichOneof("layer") == "activation"
    )
    layer.activation.tanh.SetInParent()  # a oneof: sigmoid goes as tanh comes
    ct.utils.save_spec(spec, str(path))


DAMAGES: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
    "onnx": (onnx_weight, onnx_operation),
    "tflite": (tflite_weight, tflite_operation),
    "coreml": (coreml_weight, coreml_operation),
    "mlmodel": (mlmodel_weight, mlmodel_operation),
}

"""ONNX Runtime on the CPU."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# on by default since 1.29: a thread that wakes every few seconds, into the times of others
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from ..errors import ConversionError
from .base import Arrays, TensorSpec

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}
_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.InvalidArgument,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


def session_options(threads: int) -> ort.SessionOptions:
    """The settings of every session here, to which a profile adds its own."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # spinning threads keep cores busy between runs, which disturbs what runs beside them
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


class OnnxRuntimeSession:
    def __init__(self, artifact: Path, threads: int) -> None:
        try:
            self._session = ort.InferenceSession(
                artifact, session_options(threads), providers=["CPUExecutionProvider"]
            )
        except _ERRORS as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise ConversionError(f"onnxruntime cannot open `{artifact}`: {reason}") from error
        self.inputs = tuple(_spec(node) for node in self._session.get_inputs())
        self.outputs = tuple(_spec(node) for node in self._session.get_outputs())
        self.delegate = ", ".join(self._session.get_providers())
        self._names = [spec.name for spec in self.outputs]

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        return dict(zip(self._names, self._session.run(self._names, dict(feeds)), strict=True))


def _spec(node: Any) -> TensorSpec:
    shape = tuple(side if isinstance(side, int) else -1 for side in node.shape)
    return TensorSpec(node.name, shape, _DTYPES.get(node.type, node.type))


def load(artifact: Path, *, threads: int = 1) -> OnnxRuntimeSession:
    """Open an `.onnx` file. A side of -1 in a shape is dynamic."""
    return OnnxRuntimeSession(artifact, threads)


def version() -> str:
    return str(ort.__version__)

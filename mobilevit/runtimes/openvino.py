"""OpenVINO on the CPU, in float32 as its files say, whatever the processor would do faster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from ..errors import ConversionError, reason
from .base import Arrays, TensorSpec

MODEL_FILE = "model.xml"  # with `model.bin` beside it


class OpenVINOSession:
    def __init__(self, artifact: Path, threads: int) -> None:
        options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        try:
            model = openvino.Core().compile_model(artifact / MODEL_FILE, "CPU", options)
        except RuntimeError as error:
            raise ConversionError(f"OpenVINO cannot open `{artifact}`: {reason(error)}") from error
        self._request = model.create_infer_request()
        self.inputs = tuple(_spec(port, f"input{i}") for i, port in enumerate(model.inputs))
        self.outputs = tuple(_spec(port, f"output{i}") for i, port in enumerate(model.outputs))
        self.delegate = "OpenVINO's CPU plugin"

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        given = [feeds[spec.name] for spec in self.inputs]
        computed = self._request.infer(given, share_inputs=True, share_outputs=False)
        return {spec.name: computed[i] for i, spec in enumerate(self.outputs)}


def _spec(port: Any, unnamed: str) -> TensorSpec:
    shape = tuple(-1 if side.is_dynamic else side.get_length() for side in port.partial_shape)
    name = next(iter(sorted(port.names)), unnamed)
    return TensorSpec(name, shape, np.dtype(port.element_type.to_dtype()).name)


def load(artifact: Path, *, threads: int = 1) -> OpenVINOSession:
    """Open a folder with `model.xml`. A side of -1 in a shape is dynamic."""
    return OpenVINOSession(artifact, threads)


def version() -> str:
    return str(openvino.__version__).partition("-")[0]

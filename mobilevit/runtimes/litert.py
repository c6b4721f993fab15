"""LiteRT, once TensorFlow Lite, on the CPU through XNNPACK."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConversionError
from .base import Arrays, TensorSpec

try:
    from ai_edge_litert.interpreter import Interpreter

    _DISTRIBUTION = "ai-edge-litert"
except ModuleNotFoundError:  # small devices may have its older name alone
    from tflite_runtime.interpreter import Interpreter

    _DISTRIBUTION = "tflite-runtime"


class LiteRTSession:
    def __init__(self, artifact: Path, threads: int) -> None:
        try:
            self._interpreter = Interpreter(model_path=str(artifact), num_threads=threads)
            self._interpreter.allocate_tensors()
            signatures = self._interpreter.get_signature_list()
            self._runner = self._interpreter.get_signature_runner(next(iter(signatures)))
        except (ValueError, RuntimeError, StopIteration) as error:
            reason = (str(error).strip() or "no signature").splitlines()[0].rstrip(".")
            raise ConversionError(f"LiteRT cannot open `{artifact}`: {reason}") from error
        self.inputs = _specs(self._runner.get_input_details())
        self.outputs = _specs(self._runner.get_output_details())

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        return dict(self._runner(**feeds))


def _specs(details: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name, tuple(int(n) for n in detail["shape"]), np.dtype(detail["dtype"]).name)
        for name, detail in details.items()
    )


def load(artifact: Path, *, threads: int = 1) -> LiteRTSession:
    """Open a `.tflite` file that has a signature, which names its inputs and outputs."""
    return LiteRTSession(artifact, threads)


def version() -> str:
    return importlib.metadata.version(_DISTRIBUTION)

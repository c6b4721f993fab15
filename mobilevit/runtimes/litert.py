"""LiteRT, once TensorFlow Lite, on the CPU: through XNNPACK, or by its own kernels."""

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
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    _DISTRIBUTION = "ai-edge-litert"
except ModuleNotFoundError:  # small devices may have its older name alone
    from tflite_runtime.interpreter import Interpreter, OpResolverType

    _DISTRIBUTION = "tflite-runtime"

_RESOLVERS = {
    "xnnpack": OpResolverType.BUILTIN,
    "builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
}


class LiteRTSession:
    def __init__(self, artifact: Path, threads: int, delegate: str) -> None:
        try:
            self._interpreter = Interpreter(
                model_path=str(artifact),
                num_threads=threads,
                experimental_op_resolver_type=_RESOLVERS[delegate],
            )
            self._interpreter.allocate_tensors()
            signatures = self._interpreter.get_signature_list()
            self._runner = self._interpreter.get_signature_runner(next(iter(signatures)))
        except (ValueError, RuntimeError, StopIteration) as error:
            reason = (str(error).strip() or "no signature").splitlines()[0].rstrip(".")
            raise ConversionError(f"LiteRT cannot open `{artifact}`: {reason}") from error
        self.inputs = _specs(self._runner.get_input_details())
        self.outputs = _specs(self._runner.get_output_details())
        self.delegate = self._what_runs()

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        return dict(self._runner(**feeds))

    def _what_runs(self) -> str:
        """A region given to a delegate is one more operation, behind those it stands for."""
        operations = [item["op_name"] for item in self._interpreter._get_ops_details()]
        regions = operations.count("DELEGATE")
        if not regions:
            return "builtin kernels"
        return "XNNPACK, " + ("1 region" if regions == 1 else f"{regions} regions")


def _specs(details: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name, tuple(int(n) for n in detail["shape"]), np.dtype(detail["dtype"]).name)
        for name, detail in details.items()
    )


def load(artifact: Path, *, threads: int = 1, delegate: str = "xnnpack") -> LiteRTSession:
    """Open a `.tflite` file that has a signature, which names its inputs and outputs."""
    return LiteRTSession(artifact, threads, delegate)


def version() -> str:
    return importlib.metadata.version(_DISTRIBUTION)

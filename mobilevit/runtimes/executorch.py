"""ExecuTorch on the CPU, by what its file was lowered to: XNNPACK, or its portable kernels."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
from executorch.runtime import Runtime
from numpy.typing import NDArray

from ..errors import ConversionError, reason
from .base import Arrays, TensorSpec

# of c10::ScalarType, by which a file names its types
_DTYPES = {0: "uint8", 1: "int8", 5: "float16", 6: "float32"}


class ExecuTorchSession:
    def __init__(self, artifact: Path, threads: int) -> None:
        _unsafe_reset_threadpool(threads)  # of the whole process
        try:
            self._method = Runtime.get().load_program(artifact).load_method("forward")
        except RuntimeError as error:
            raise ConversionError(
                f"ExecuTorch cannot open `{artifact}`: {reason(error)}"
            ) from error
        told = self._method.metadata
        self.inputs = tuple(
            _spec(f"input{i}", told.input_tensor_meta(i)) for i in range(told.num_inputs())
        )
        self.outputs = tuple(
            _spec(f"output{i}", told.output_tensor_meta(i)) for i in range(told.num_outputs())
        )
        self.delegate = "ExecuTorch, as lowered"

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        computed = self._method.execute([torch.from_numpy(feeds[x.name]) for x in self.inputs])
        return {spec.name: computed[i].numpy() for i, spec in enumerate(self.outputs)}


def _spec(name: str, told: Any) -> TensorSpec:
    return TensorSpec(name, tuple(told.sizes()), _DTYPES.get(told.dtype(), f"type {told.dtype()}"))


def load(artifact: Path, *, threads: int = 1) -> ExecuTorchSession:
    """Open a `.pte` whose method is `forward`; its tensors have no names and are numbered."""
    return ExecuTorchSession(artifact, threads)


def version() -> str:
    return importlib.metadata.version("executorch")

"""What is in an artifact, read from its file alone: interface, metadata, operations, weights."""

from __future__ import annotations

import struct
from importlib import import_module
from pathlib import Path

from mobilevit.capture import captured
from mobilevit.errors import ConversionError, InputError, MissingDependencyError, reason

from .records import Inspection, Operation, Port, Tensor, Weights

__all__ = ["Inspection", "Operation", "Port", "Tensor", "Weights", "inspect"]

# suffix -> the module that reads it, with `read(artifact)`
_READERS = {
    ".onnx": "onnx",
    ".tflite": "tflite",
    ".mlpackage": "coreml",
    ".mlmodel": "coreml",
}
# what a file makes a reader raise whose parts contradict each other, or point outside it
_NONSENSE = (
    AttributeError,
    LookupError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def inspect(artifact: Path) -> Inspection:
    """Read one artifact: `.onnx`, `.tflite`, `.mlpackage` or `.mlmodel`.

    No runtime is needed, and none opens it.

    Raises:
        InputError: there is no such file, or its suffix is not one of these.
        ConversionError: the file is damaged, or is not what its suffix says.
        MissingDependencyError: the package that knows the format is not installed.
    """
    if artifact.suffix not in _READERS:
        raise InputError(
            f"`{artifact}` is not an artifact", f"it can be one of: {', '.join(_READERS)}"
        )
    if not artifact.exists():
        raise InputError(f"there is no artifact `{artifact}`")
    if artifact.is_dir() != (artifact.suffix == ".mlpackage"):
        kind = "folder" if artifact.is_dir() else "file"
        raise ConversionError(f"`{artifact}` is a {kind}", "export it again")
    try:
        with captured():  # coremltools talks when it is imported
            reader = import_module(f".{_READERS[artifact.suffix]}", __package__)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("mobilevit"):
            raise
        raise MissingDependencyError(error.name, "export") from error
    try:
        inspection: Inspection = reader.read(artifact)
    except _NONSENSE as error:
        raise ConversionError(
            f"`{artifact}` is damaged: {reason(error).rstrip('.')}", "export it again"
        ) from error
    return inspection

"""The table of formats: the one place that knows what each is called, takes and needs.

Defaults and error messages are made from it, and a test holds the command's help to it. A new
format is a row here and a file beside this one with `convert(graph, spec, path)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobilevit.errors import InputError, MissingDependencyError, unknown_name

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Format:
    """One row. `module` has `convert(graph, spec, path)`, which writes the artifact."""

    name: str
    suffix: str
    precisions: tuple[str, ...]
    module: str
    packages: tuple[str, ...]  # import names the converter needs
    distributions: tuple[str, ...]  # whose versions are recorded
    runtimes: tuple[str, ...]  # that check it, the first one present is taken

    @property
    def missing_packages(self) -> list[str]:
        return [package for package in self.packages if find_spec(package) is None]

    def tool_versions(self) -> dict[str, str]:
        return {name: version(name) for name in (*self.distributions, "torch")}

    def convert(self, graph: nn.Module, spec: ExportSpec, path: Path) -> None:
        """Write `graph` to `path`.

        Raises:
            ConversionError: the converter failed.
            MissingDependencyError: it is not installed.
        """
        if self.missing_packages:
            raise MissingDependencyError(self.missing_packages[0], "export")
        module: Any = import_module(f"{__package__}.{self.module}")
        module.convert(graph, spec, path)


@dataclass(frozen=True)
class ExportSpec:
    """What is asked of a converter."""

    precision: str
    image_size: tuple[int, int]  # (H, W)
    labels: tuple[str, ...]
    description: str


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format(
            "onnx",
            ".onnx",
            ("fp32", "fp16"),
            "onnx",
            ("onnx", "onnxscript"),
            ("onnx", "onnxscript"),
            ("onnxruntime",),
        ),
        Format(
            "tflite",
            ".tflite",
            ("fp32", "fp16"),
            "tflite",
            ("litert_torch", "ai_edge_quantizer"),
            ("litert-torch", "litert-converter", "ai-edge-quantizer"),
            ("litert",),
        ),
        Format(
            "coreml",
            ".mlpackage",
            ("fp32", "fp16"),
            "coreml",
            ("coremltools",),
            ("coremltools",),
            ("coreml", "coreml_reference"),
        ),
        Format(
            "mlmodel",
            ".mlmodel",
            ("fp32", "fp16"),
            "mlmodel",
            ("coremltools",),
            ("coremltools",),
            ("coreml", "coreml_reference"),
        ),
    )
}

PRECISIONS: tuple[str, ...] = tuple(
    dict.fromkeys(p for f in FORMATS.values() for p in f.precisions)
)


def choose(formats: list[str], precisions: list[str]) -> list[tuple[Format, str]]:
    """Every asked-for format in every asked-for precision that it has, in the order asked.

    Raises:
        InputError: an unknown name, or a format that has none of the precisions.
    """
    for name in formats:
        if name not in FORMATS:
            raise unknown_name("format", name, FORMATS)
    for name in precisions:
        if name not in PRECISIONS:
            raise unknown_name("precision", name, PRECISIONS)
    chosen = []
    for row in (FORMATS[name] for name in dict.fromkeys(formats)):
        available = [p for p in dict.fromkeys(precisions) if p in row.precisions]
        if not available:
            raise InputError(
                f"format `{row.name}` has no {' or '.join(precisions)}",
                f"it has {', '.join(row.precisions)}",
            )
        chosen += [(row, precision) for precision in available]
    return chosen

"""The table of formats: the one place that knows what each is called, takes and needs.

Defaults and error messages are made from it, and a test holds the command's help to it. A new
format is a row here and a file beside this one with `convert(graph, spec) -> Conversion`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, get_args

from mobilevit.bundle import INPUT, OUTPUT, TensorRecord
from mobilevit.errors import InputError, MissingDependencyError, unknown_name
from mobilevit.preprocessing import Preprocessing

if TYPE_CHECKING:
    from torch import nn

    from mobilevit.prediction import Pixels

INPUTS = ("image", "tensor")
Layout = Literal["plain", "neural-engine"]
LAYOUTS: tuple[Layout, ...] = get_args(
    Layout
)  # the second by Apple's principles for its Neural Engine


@dataclass(frozen=True)
class ImageInput:
    """How artifacts of a format take an image: (1, H, W, 3), RGB, 0..255."""

    kind: Literal["tensor", "image"]  # a tensor, or the platform's own image
    dtype: Literal["uint8", "float32"]


class Conversion(Protocol):
    """A graph in one format and layout, of which artifacts in any of its precisions are made.

    It keeps what they share, so that a second one takes a fraction of the time of the first.
    """

    @property
    def layer_groups(self) -> tuple[str, ...]:
        """Those that int8 can leave in float, in the order they run; none without a choice."""

    def save(self, spec: ExportSpec, path: Path) -> None:
        """Write the artifact in `spec.precision`; the rest of `spec` is as it was at `convert`.

        Raises:
            InputError: there are no photos to calibrate int8 on.
        """


@dataclass(frozen=True)
class Format:
    """One row. `module` has `convert(graph, spec) -> Conversion`."""

    name: str
    suffix: str
    precisions: tuple[str, ...]
    module: str
    packages: tuple[str, ...]  # import names the converter needs
    distributions: tuple[str, ...]  # whose versions are recorded
    runtimes: tuple[str, ...]  # that check it, the first one present is taken
    image: ImageInput  # what `--input image` means
    flexible: tuple[str, ...] = ()  # of FLEXIBILITIES, what one artifact can leave open
    layouts: tuple[Layout, ...] = ("plain",)
    # precision -> least version of what opens it
    least: Mapping[str, Mapping[str, str]] = field(default_factory=dict, hash=False)

    @property
    def missing_packages(self) -> list[str]:
        return [package for package in self.packages if find_spec(package) is None]

    def tool_versions(self) -> dict[str, str]:
        return {name: version(name) for name in (*self.distributions, "torch")}

    def needs(self, spec: ExportSpec) -> dict[str, str]:
        """The least version of what opens an artifact, by its name: {"iOS": "16"}."""
        return dict(self.least.get(spec.precision, {}))

    def input_record(self, spec: ExportSpec) -> TensorRecord:
        """What an artifact takes."""
        batch = -1 if spec.dynamic_batch else 1
        plain = spec.input == "tensor"
        shape, *more_shapes = [
            (batch, 3, height, width) if plain else (batch, height, width, 3)
            for height, width in spec.image_sizes
        ]
        return TensorRecord(
            name=INPUT,
            kind="tensor" if plain else self.image.kind,
            shape=shape,
            more_shapes=tuple(more_shapes),
            dtype="float32" if plain else self.image.dtype,
            layout="NCHW" if plain else "NHWC",
            range=_BYTE,
        )

    def output_record(self, spec: ExportSpec) -> TensorRecord:
        """What it gives. Core ML's classifiers take an image and give a dictionary."""
        classifier = spec.input == "image" and self.image.kind == "image"
        return TensorRecord(
            name=OUTPUT,
            kind="dictionary" if classifier else "tensor",
            shape=(-1 if spec.dynamic_batch else 1, len(spec.labels)),
            dtype="float32",
            layout="NC",
            range=(0, 1),
        )

    def convert(self, graph: nn.Module, spec: ExportSpec) -> Conversion:
        """`graph` in this format, for artifacts of every precision.

        Raises:
            ConversionError: the converter failed.
            MissingDependencyError: it is not installed.
        """
        if self.missing_packages:
            raise MissingDependencyError(self.missing_packages[0], "export")
        module: Any = import_module(f"{__package__}.{self.module}")
        return cast(Conversion, module.convert(graph, spec))


@dataclass(frozen=True)
class ExportSpec:
    """What is asked of a converter."""

    precision: str
    input: str  # one of INPUTS: as the platform hands out images, or float32 (1, 3, H, W)
    preprocessing: Preprocessing
    labels: tuple[str, ...]  # without line breaks
    model: str  # name
    more_sizes: tuple[tuple[int, int], ...] = ()  # (H, W) that the artifact takes besides
    dynamic_batch: bool = False  # any number of images at once
    checkpoint_sha256: str | None = None  # None if it came from memory
    # for int8: photos as steps 1 to 3 of preprocessing leave them. A conversion takes ranges once
    calibration: Pixels | None = None
    layout: Layout = "plain"
    kept_float: tuple[str, ...] = ()  # of `Conversion.layer_groups`, what int8 leaves as it is

    @property
    def image_size(self) -> tuple[int, int]:
        """(H, W)"""
        return self.preprocessing.image_size

    @property
    def description(self) -> str:
        """One line for a person who opens the file."""
        sizes = ", ".join(f"{height}x{width}" for height, width in self.image_sizes)
        return (
            f"{self.model}, an image classifier of {len(self.labels)} labels: RGB, 0..255, "
            f"{sizes} pixels in, probabilities out"
        )

    @property
    def metadata(self) -> dict[str, str]:
        """What the file tells a program that reads it, beside its tensors; JSON where nested."""
        told = {
            "model": self.model,
            "preprocessing": self.preprocessing.model_dump_json(),
            "labels": json.dumps(self.labels, ensure_ascii=False),
            "precision": self.precision,
        }
        if self.checkpoint_sha256 is not None:
            told["checkpoint_sha256"] = self.checkpoint_sha256
        return told

    @property
    def image_sizes(self) -> tuple[tuple[int, int], ...]:
        """Every (H, W) that the artifact takes, the default first."""
        return (self.image_size, *self.more_sizes)


_BYTE = (0, 255)
FLEXIBILITIES = {"sizes": "several image sizes", "batch": "a dynamic batch"}

_PLAIN_PRECISIONS = ("fp32", "fp16", "int8", "int8-weights")

FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format(
            "onnx",
            ".onnx",
            _PLAIN_PRECISIONS,
            "onnx",
            ("onnx", "onnxscript"),
            ("onnx", "onnxscript"),
            ("onnxruntime",),
            ImageInput("tensor", "uint8"),
            flexible=("batch",),
            least={p: {"onnxruntime": "1.14"} for p in _PLAIN_PRECISIONS},  # for opset 18
        ),
        Format(
            "tflite",
            ".tflite",
            _PLAIN_PRECISIONS,
            "tflite",
            ("litert_torch", "ai_edge_quantizer", "mediapipe"),
            ("litert-torch", "litert-converter", "ai-edge-quantizer"),
            ("litert",),
            ImageInput("tensor", "float32"),
        ),
        Format(
            "coreml",
            ".mlpackage",
            ("fp32", "fp16", "int8", "int8-weights", "palette6", "palette4"),
            "coreml",
            ("coremltools",),
            ("coremltools",),
            ("coreml", "coreml_reference"),
            ImageInput("image", "uint8"),
            flexible=("sizes",),
            layouts=LAYOUTS,
            least={
                "fp32": {"iOS": "16"},
                "fp16": {"iOS": "16"},
                "int8": {"iOS": "17"},  # quantize and dequantize are operations since
                "int8-weights": {"iOS": "16"},
                "palette6": {"iOS": "16"},
                "palette4": {"iOS": "18"},  # one palette for few channels, not for all
            },
        ),
        Format(
            "mlmodel",
            ".mlmodel",
            ("fp32", "fp16"),
            "mlmodel",
            ("coremltools",),
            ("coremltools",),
            ("coreml", "coreml_reference"),
            ImageInput("image", "uint8"),
            least={"fp32": {"iOS": "14"}, "fp16": {"iOS": "14"}},
        ),
    )
}

PRECISIONS: tuple[str, ...] = tuple(
    dict.fromkeys(p for f in FORMATS.values() for p in f.precisions)
)
QUANTIZED = tuple(p for p in PRECISIONS if not p.startswith("fp"))
USUAL_PRECISIONS = ("fp32", "fp16")  # made where none is asked for


def choose(
    formats: list[str], precisions: list[str], flexible: Collection[str] = ()
) -> list[tuple[Format, str]]:
    """Every asked-for format in every asked-for precision that it has, in the order asked.

    Args:
        flexible: of FLEXIBILITIES; a format without one of them is made fixed, as long as another
            has it.

    Raises:
        InputError: an unknown name, a format that has none of the precisions, or a flexibility
            that no format has.
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
    for name in flexible:
        if not any(name in row.flexible for row, _ in chosen):
            able = [row.name for row in FORMATS.values() if name in row.flexible]
            raise InputError(
                f"no format of {', '.join(dict.fromkeys(row.name for row, _ in chosen))} "
                f"has {FLEXIBILITIES[name]}",
                f"formats that have: {', '.join(able)}",
            )
    return chosen


def choose_layouts(
    rows: Sequence[Format], layouts: Sequence[str], more_sizes: bool
) -> dict[str, tuple[Layout, ...]]:
    """Those of the asked-for layouts that each format has, by its name, the plain one first.

    Raises:
        InputError: an unknown name, a format that has none of the layouts, or one for the Neural
            Engine and several image sizes.
    """
    for name in layouts:
        if name not in LAYOUTS:
            raise unknown_name("layout", name, LAYOUTS)
    if more_sizes and "neural-engine" in layouts:
        raise InputError(
            "an artifact in layout `neural-engine` has one image size", "export each by itself"
        )
    chosen = {
        row.name: tuple(n for n in LAYOUTS if n in layouts and n in row.layouts) for row in rows
    }
    for row in rows:
        if not chosen[row.name]:
            raise InputError(
                f"format `{row.name}` has no layout {' or '.join(layouts)}",
                f"it has {', '.join(row.layouts)}",
            )
    return chosen

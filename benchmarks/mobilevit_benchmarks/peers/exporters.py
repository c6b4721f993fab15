"""Each toolchain's exporter and quantization as its own pages show them, no setting chosen by us.

| runtime | exporter | int8 dynamic | int8 static |
|---|---|---|---|
| onnxruntime | `torch.onnx.export(dynamo=True)` | `quantize_dynamic` | `quantize_static` |
| LiteRT | `litert_torch.convert` | recipe `dynamic_wi8_afp32` | recipe `static_wi8_ai8` |
| Core ML | `torch.export`, `ct.convert` | | |
| OpenVINO | `openvino.convert_model` | | |
| ExecuTorch | `to_edge_transform_and_lower` with XNNPACK's partitioner | | |

onnxruntime's quantization comes behind its own pre-processing, `quant_pre_process`, which it asks
for and without which it does not take what the exporter writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

# the model, an image as its example (1, 3, H, W), the file to write
Convert = Callable[["nn.Module", "Tensor", Path], None]
# the float file, images to calibrate on (B, 3, H, W), the file to write
Quantize = Callable[[Path, "Tensor", Path], None]


@dataclass(frozen=True)
class Exporter:
    """One toolchain. `format` is the one of our exporter for the same runtime; where there is none,
    our model goes through `convert` as well."""

    runtime: str
    suffix: str
    packages: tuple[str, ...]  # import names it needs
    distributions: tuple[str, ...]  # whose versions decide what it writes
    convert: Convert
    quantized: Mapping[str, Quantize] = field(default_factory=dict)  # by precision
    precision: str = "fp32"  # of what `convert` writes
    format: str | None = None
    timed: bool = True

    @property
    def missing_package(self) -> str | None:
        return next((package for package in self.packages if find_spec(package) is None), None)

    def tool_versions(self) -> dict[str, str]:
        return {name: version(name) for name in (*self.distributions, "torch", "timm")}


def _to_onnx(model: nn.Module, example: Tensor, path: Path) -> None:
    import torch

    program = torch.onnx.export(model, (example,), dynamo=True)
    assert program is not None  # None only with the old exporter
    program.save(path, external_data=False)


def _quantize_onnx_dynamic(source: Path, images: Tensor, path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    with TemporaryDirectory() as scratch:
        quantize_dynamic(_preprocessed(source, Path(scratch)), path)


def _quantize_onnx_static(source: Path, images: Tensor, path: Path) -> None:
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Photos(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            self._feeds = iter([{name: image[None].numpy()} for image in images])

        def get_next(self) -> dict[str, object] | None:
            return next(self._feeds, None)

    [node] = onnx.load(source, load_external_data=False).graph.input
    with TemporaryDirectory() as scratch:
        quantize_static(_preprocessed(source, Path(scratch)), path, Photos(node.name))


def _preprocessed(source: Path, scratch: Path) -> Path:
    from onnxruntime.quantization.shape_inference import quant_pre_process

    path = scratch / "preprocessed.onnx"
    quant_pre_process(source, path)
    return path


def _to_tflite(model: nn.Module, example: Tensor, path: Path) -> None:
    import litert_torch

    litert_torch.convert(model, (example,)).export(str(path))


def _quantize_tflite_dynamic(source: Path, images: Tensor, path: Path) -> None:
    from ai_edge_quantizer import quantizer, recipe

    job = quantizer.Quantizer(str(source), recipe.dynamic_wi8_afp32())
    path.write_bytes(job.quantize().quantized_model)


def _quantize_tflite_static(source: Path, images: Tensor, path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    [(signature, ends)] = Interpreter(model_path=str(source)).get_signature_list().items()
    [name] = ends["inputs"]
    job = quantizer.Quantizer(str(source), recipe.static_wi8_ai8())
    seen = job.calibrate({signature: [{name: image[None].numpy()} for image in images]})
    path.write_bytes(job.quantize(seen).quantized_model)


def _to_coreml(model: nn.Module, example: Tensor, path: Path) -> None:
    import coremltools as ct
    import torch

    program = torch.export.export(model, (example,)).run_decompositions({})
    ct.convert(program, skip_model_load=True).save(str(path))


def _to_openvino(model: nn.Module, example: Tensor, path: Path) -> None:
    import openvino

    from mobilevit.runtimes.openvino import MODEL_FILE

    path.mkdir()
    program = openvino.convert_model(model, example_input=example, input=[tuple(example.shape)])
    # it would store the weights as halves, and not be the float model that it is compared with
    openvino.save_model(program, path / MODEL_FILE, compress_to_fp16=False)


def _to_executorch(model: nn.Module, example: Tensor, path: Path) -> None:
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    program = torch.export.export(model, (example,))
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    path.write_bytes(lowered.to_executorch().buffer)


EXPORTERS: dict[str, Exporter] = {
    row.runtime: row
    for row in (
        Exporter(
            "onnxruntime",
            ".onnx",
            ("onnxruntime", "onnx", "onnxscript"),
            ("onnxruntime", "onnx", "onnxscript"),
            _to_onnx,
            {"int8 dynamic": _quantize_onnx_dynamic, "int8 static": _quantize_onnx_static},
            format="onnx",
        ),
        Exporter(
            "litert",
            ".tflite",
            ("ai_edge_litert", "litert_torch", "ai_edge_quantizer"),
            ("litert-torch", "litert-converter", "ai-edge-quantizer"),
            _to_tflite,
            {"int8 dynamic": _quantize_tflite_dynamic, "int8 static": _quantize_tflite_static},
            format="tflite",
        ),
        Exporter(
            "coreml",
            ".mlpackage",
            ("coremltools",),
            ("coremltools",),
            _to_coreml,
            precision="fp16",
            format="coreml",
            timed=False,
        ),
        Exporter("openvino", ".openvino", ("openvino",), ("openvino",), _to_openvino),
        Exporter("executorch", ".pte", ("executorch",), ("executorch",), _to_executorch),
    )
}

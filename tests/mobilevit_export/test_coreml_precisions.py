"""Core ML in eight bits and less: what is in the files, what it costs, and damage that shows."""

from __future__ import annotations

import shutil
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mobilevit.checkpoint import load_checkpoint
from mobilevit.errors import InputError
from mobilevit.graph import ClassifierGraph
from mobilevit.preprocessing import Preprocessing
from mobilevit.runtimes import coreml_reference
from mobilevit.runtimes.coreml import operations
from mobilevit_export.coreml_quantize import activation_ranges, quantize_activations
from mobilevit_export.formats import FORMATS, ExportSpec
from mobilevit_export.inspection import inspect
from mobilevit_export.photos import packaged_photos
from mobilevit_export.verify import photo_pixels

ROW = FORMATS["coreml"]
COMPRESSED = tuple(p for p in ROW.precisions if p not in ("fp32", "fp16"))
SIDE = 32
Photos = NDArray[np.uint8]


class Small(nn.Module):
    """A convolution and linear layers, of which two read the same, and attention."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 4, 4)
        self.q, self.k = nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False)
        self.head = nn.Linear(64, 5)

    def forward(self, image: Tensor) -> Tensor:
        x = F.silu(self.stem(image / 64)).flatten(2).transpose(1, 2)  # [1, N, 64]
        x = (self.q(x) @ self.k(x).mT).softmax(-1) @ x
        return self.head(x).mean(1).softmax(-1)


@pytest.fixture(scope="module")
def small() -> nn.Module:
    torch.manual_seed(0)
    model = Small().eval().requires_grad_(False)
    model.head.weight *= 8
    return model


@pytest.fixture(scope="module")
def photos() -> Photos:
    return photo_pixels(packaged_photos(8), Preprocessing(image_size=(SIDE, SIDE)))


def spec(precision: str, photos: Photos | None = None, **options: Any) -> ExportSpec:
    record = Preprocessing(image_size=(SIDE, SIDE))
    labels = ("a", "b", "c", "d", "e")
    return ExportSpec(precision, "tensor", record, labels, "small", calibration=photos, **options)


@pytest.fixture(scope="module")
def packages(
    small: nn.Module, photos: Photos, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """One package of each precision but fp32. Not to be changed."""
    folder, made = tmp_path_factory.mktemp("packages"), {}
    conversion = ROW.convert(small, spec("fp16", photos))
    for precision in ("fp16", *COMPRESSED):
        made[precision] = folder / f"{precision}.mlpackage"
        conversion.save(spec(precision, photos), made[precision])
    return made


def with_int8(module: Any, photos: Photos) -> Any:
    return quantize_activations(module, activation_ranges(module, photos))


def model_file(package: Path) -> Path:
    [file] = package.rglob("*.mlmodel")
    return file


def read(package: Path) -> Any:
    return ct.utils.load_spec(str(model_file(package)))


def tensors(photos: Photos) -> NDArray[np.float32]:
    """(N, 3, H, W)"""
    return photos.transpose(0, 3, 1, 2).astype(np.float32)


def evaluate(package: Path, photos: Photos) -> NDArray[Any]:
    session = coreml_reference.load(package)
    return np.concatenate(
        [session.run({"image": x[None]})["probabilities"] for x in tensors(photos)]
    )


def run(model: nn.Module, photos: Photos) -> NDArray[Any]:
    with torch.inference_mode():
        return np.concatenate([model(torch.from_numpy(x[None])).numpy() for x in tensors(photos)])


def psnr(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(-10 * np.log10(np.mean((one - other) ** 2)))


def test_fewer_bits_are_fewer_bytes_and_near(
    packages: dict[str, Path], small: nn.Module, photos: Photos
) -> None:
    expected = run(small, photos)
    assert np.ptp(expected, axis=0).max() > 0.05  # photos that can be told apart
    half = next(packages["fp16"].rglob("weight.bin")).stat().st_size
    for precision, bits, near in (
        ("int8", 8, 35),
        ("int8-weights", 8, 40),
        ("palette6", 6, 30),
        ("palette4", 4, 20),
    ):
        size = next(packages[precision].rglob("weight.bin")).stat().st_size
        assert size < (bits / 16 + 0.25) * half, precision  # biases, scales, tables, padding
        assert psnr(evaluate(packages[precision], photos), expected) > near, precision


def test_files_need_the_system_that_the_table_tells(packages: dict[str, Path]) -> None:
    versions = {"16": 7, "17": 8, "18": 9}  # iOS -> Core ML's specification
    for precision, package in packages.items():
        needed = ROW.needs(spec(precision))["iOS"]
        assert read(package).specificationVersion == versions[needed], precision


def test_inspection_counts_the_compressed_weights(packages: dict[str, Path]) -> None:
    layers = 64 * 48 + 64 * 64 * 2  # without the classifier, whose palette would be no smaller
    for precision, kind, bits, elements in (
        ("int8", "int8", 8, layers + 5 * 64),
        ("int8-weights", "int8", 8, layers + 5 * 64),
        ("palette6", "uint6 palettised", 6, layers),
        ("palette4", "uint4 palettised", 4, layers),
    ):
        counted = {item.precision: item for item in inspect(packages[precision]).weights}[kind]
        assert elements <= counted.elements <= elements + 4, precision  # zero points
        assert counted.bytes == counted.elements * bits // 8


def test_every_layer_reads_eight_bits_and_attention_does_not(packages: dict[str, Path]) -> None:
    made: dict[str, Any] = {}
    for op in operations(read(packages["int8"])):
        given = {
            name: made[value.arguments[0].name].type
            for name, value in op.inputs.items()
            if value.arguments[0].name in made
        }
        if op.type in ("conv", "linear"):
            assert given["x"] == "dequantize"
            assert given["weight"] == "constexpr_affine_dequantize"
        elif op.type in ("matmul", "softmax"):
            assert "dequantize" not in given.values()
        made |= {output.name: op for output in op.outputs}
    kinds = Counter(op.type for op in made.values())
    assert kinds["conv"] + kinds["linear"] == 4
    assert kinds["quantize"] == kinds["dequantize"] == 3  # queries and keys share one


def test_int8_is_what_eight_bits_make_of_the_model(
    packages: dict[str, Path], small: nn.Module, photos: Photos
) -> None:
    """Rounded in torch, by the same ranges, and not by Core ML's operations."""
    example = torch.zeros(1, 3, SIDE, SIDE)
    rounded = with_int8(torch.export.export(small, (example,)).module(), photos)
    with torch.no_grad():
        for name, weight in rounded.named_parameters():
            if weight.ndim > 1:
                scale = weight.abs().amax(tuple(range(1, weight.ndim)), keepdim=True) / 127
                assert name.endswith("weight")
                weight.copy_((weight / scale).round() * scale)
    given = evaluate(packages["int8"], photos)
    assert psnr(given, run(rounded, photos)) > psnr(given, run(small, photos)) + 3


def test_int8_of_trained_weights_costs_little_and_its_ranges_matter() -> None:
    checkpoint = load_checkpoint("mobilevit_xxs.imagenette")
    preprocessing = checkpoint.preprocessing.at_size((128, 128))
    graph = ClassifierGraph(checkpoint.model, preprocessing).eval().requires_grad_(False)
    pixels = photo_pixels(packaged_photos(16), preprocessing)
    program = torch.export.export(graph, (torch.zeros(1, 3, 128, 128),))
    expected = run(graph, pixels[8:])
    rounded = with_int8(program.module(), pixels[:8])
    given = run(rounded, pixels[8:])
    assert psnr(given, expected) > 35
    assert (given.argmax(1) == expected.argmax(1)).mean() >= 7 / 8
    dark = with_int8(program.module(), np.zeros_like(pixels[:1]))
    assert psnr(run(dark, pixels[8:]), expected) < 25


def test_int8_of_several_image_sizes(small: nn.Module, photos: Photos, tmp_path: Path) -> None:
    package = tmp_path / "sizes.mlpackage"
    asked = spec("int8", photos, more_sizes=((64, 32),))
    ROW.convert(small, asked).save(asked, package)
    tall = photo_pixels(packaged_photos(4), Preprocessing(image_size=(64, 32)))
    for pixels in (photos, tall):
        assert psnr(evaluate(package, pixels), run(small, pixels)) > 35


def test_int8_needs_photos(small: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="photos to calibrate on"):
        ROW.convert(small, spec("int8")).save(spec("int8"), tmp_path / "a.mlpackage")


# damage that must show


def nudge_zero_point(package: Path) -> None:
    """What int8 of a layer's input stands for, by 20 of 255 steps."""
    model = read(package)
    *_, last = (op for op in operations(model) if op.type == "dequantize")
    name = last.inputs["zero_point"].arguments[0].name
    constant = next(op for op in operations(model) if op.outputs and op.outputs[0].name == name)
    number = constant.attributes["val"].immediateValue.tensor.bytes
    number.values = bytes([(number.values[0] + 20) % 256])
    model_file(package).write_bytes(model.SerializeToString())


def edit_weights(package: Path, kind: str, argument: str, edit: Callable[[bytes], bytes]) -> None:
    """Change what the first operation of a kind stores of an argument."""
    op = next(op for op in operations(read(package)) if op.type == kind)
    given = op.inputs if argument in op.inputs else op.attributes
    value = given[argument]
    value = value.arguments[0].value if argument in op.inputs else value
    file = next(package.rglob("weight.bin"))
    content = bytearray(file.read_bytes())
    _, _, size, start = struct.unpack_from("<IIQQ", content, value.blobFileValue.offset)
    content[start : start + size] = edit(bytes(content[start : start + size]))
    file.write_bytes(content)


def swap_outermost(table: bytes) -> bytes:
    """The least and the largest of halves."""
    values = np.frombuffer(table, np.float16).copy()
    ends = [values.argmin(), values.argmax()]
    values[ends] = values[ends[::-1]]
    return values.tobytes()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "int8": nudge_zero_point,
    "int8-weights": lambda package: edit_weights(
        package, "constexpr_affine_dequantize", "zero_point", lambda old: b"\x05" + old[1:]
    ),
    "palette6": lambda package: edit_weights(
        package, "constexpr_lut_to_dense", "lut", swap_outermost
    ),
    "palette4": lambda package: edit_weights(
        package, "constexpr_lut_to_dense", "lut", swap_outermost
    ),
}


@pytest.mark.parametrize("precision", COMPRESSED)
def test_damage_shows(
    packages: dict[str, Path], photos: Photos, precision: str, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.mlpackage"
    shutil.copytree(packages[precision], damaged)
    whole = evaluate(packages[precision], photos)
    np.testing.assert_array_equal(evaluate(damaged, photos), whole)
    DAMAGES[precision](damaged)
    assert np.abs(evaluate(damaged, photos) - whole).max() > 1e-3

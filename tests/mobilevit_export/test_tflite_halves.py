"""Halves in a `.tflite`: the file computes the same with rounded weights, and has the form asked
for."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import litert_torch
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from torch import Tensor, nn

from mobilevit_export.inspection import inspect
from mobilevit_export.tflite_file import read_model
from mobilevit_export.tflite_halves import halve


class Margins(nn.Module):
    """Convolutions behind margins as wide on both sides, wider on one, and on one side alone."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.even = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, stride=2, groups=8)
        self.last = nn.Conv2d(8, 4, 3)
        self.head = nn.Linear(4, 5)

    def forward(self, image: Tensor) -> Tensor:
        y = torch.relu(self.even(image.permute(0, 3, 1, 2)))
        y = torch.relu(self.depthwise(F.pad(y, (2, 1, 1, 2))))
        y = torch.relu(self.last(F.pad(y, (0, 2, 1, 0))))
        return self.head(y.mean(dim=(2, 3)))


def rounded(module: nn.Module) -> nn.Module:
    """A copy with weights that halves hold without loss."""
    module = copy.deepcopy(module).eval().requires_grad_(False)
    for parameter in module.parameters():
        parameter.copy_(parameter.half().float())
    return module


@pytest.fixture(scope="module")
def floats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("margins") / "floats.tflite"
    example = (torch.zeros(1, 18, 14, 3),)
    litert_torch.convert(rounded(Margins()), example).export(str(path))
    return path


@pytest.fixture(scope="module")
def halves(floats: Path) -> Path:
    path = floats.with_name("halves.tflite")
    shutil.copy(floats, path)
    halve(path)
    return path


def computed(path: Path, image: NDArray[np.float32]) -> NDArray[np.float32]:
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    answer: NDArray[np.float32] = interpreter.get_tensor(
        interpreter.get_output_details()[0]["index"]
    )
    return answer


def test_the_same_is_computed_where_rounding_changes_no_weight(floats: Path, halves: Path) -> None:
    image = np.random.default_rng(0).normal(size=(1, 18, 14, 3)).astype(np.float32)
    answer = computed(halves, image)
    np.testing.assert_array_equal(answer, computed(floats, image))
    assert np.ptp(answer) > 0.01


def test_concatenations_take_the_place_of_pad(floats: Path, halves: Path) -> None:
    before = [operation.type for operation in inspect(floats).operations]
    after = [operation.type for operation in inspect(halves).operations]
    assert (before.count("PAD"), before.count("CONCATENATION")) == (3, 0)
    assert (after.count("PAD"), after.count("CONCATENATION")) == (0, 6)  # an axis each


def test_weights_and_biases_are_stored_in_halves_alone(halves: Path) -> None:
    model = read_model(halves)
    [graph] = model.subgraphs
    of_type = {tensor.buffer: tensor.type for tensor in graph.tensors}
    stored = {i: len(b.data) for i, b in enumerate(model.buffers) if b.data is not None}
    others = {i: n for i, n in stored.items() if of_type.get(i) != schema.TensorType.FLOAT16}
    weights = sum(parameter.numel() for parameter in Margins().parameters())
    assert sum(stored.values()) - sum(others.values()) > 2 * weights
    assert all(size <= 32 for size in others.values()), others  # shapes, paddings, metadata

"""The layout for the Neural Engine: the same network, in the operations Apple asks for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import coremltools as ct
import pytest
import torch
from torch import nn

from mobilevit.checkpoint import Checkpoint, load_checkpoint
from mobilevit.errors import InputError
from mobilevit.models.mobilevit import fold as fold_tokens
from mobilevit.models.mobilevit import unfold as unfold_tokens
from mobilevit.runtimes.coreml import operations
from mobilevit_export.formats import FORMATS, choose_layouts
from mobilevit_export.neural_engine import (
    ChannelsFirstAttention,
    ChannelsFirstBlock,
    channels_first,
    fold,
    unfold,
)
from tests.conftest import quiet_export, sample_pixels


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    """Weights in which attention reaches the output."""
    return load_checkpoint("mobilevit_xxs.imagenette").model.eval()


@torch.no_grad()
def difference(one: nn.Module, other: nn.Module, pixels: torch.Tensor) -> float:
    return float((one(pixels) - other(pixels)).abs().max())


def test_the_trained_model_gives_the_same_logits(trained: nn.Module) -> None:
    rewritten = channels_first(trained)
    assert difference(trained, rewritten, sample_pixels(3, 128)) < 1e-5
    # maps that no patch divides, of an image that is not square
    assert difference(trained, rewritten, sample_pixels(2, 128)[:, :, :72, :104]) < 1e-5
    assert not any(isinstance(module, nn.LayerNorm) for module in rewritten.modules())


@pytest.mark.parametrize("part", ["q", "k", "v", "proj"])
def test_a_slip_in_a_part_of_attention_shows(trained: nn.Module, part: str) -> None:
    rewritten = channels_first(trained)
    block = next(m for m in rewritten.modules() if isinstance(m, ChannelsFirstBlock))
    attention = block.transformer[0].attention
    assert isinstance(attention, ChannelsFirstAttention)
    weight = getattr(attention, part).weight
    heads = weight.reshape(attention.num_heads, -1)
    with torch.no_grad():
        weight.copy_(heads.roll(1, 0).reshape(weight.shape))  # each head has another's
    assert difference(trained, rewritten, sample_pixels(2, 128)) > 1e-3


def test_tokens_are_those_of_the_model() -> None:
    x = torch.randn(2, 3, 10, 14, generator=torch.Generator().manual_seed(0))
    tokens = unfold(x, 2)
    assert tokens.shape == (8, 3, 1, 35)
    assert torch.equal(fold(tokens, 2, 10, 14), x)
    # the model has images outside and positions inside of its first axis, here it is turned
    theirs = unfold_tokens(x, 2).reshape(2, 4, 35, 3).transpose(0, 1).reshape(8, 35, 3)
    assert torch.equal(tokens[:, :, 0].mT, theirs)
    assert torch.equal(fold_tokens(unfold_tokens(x, 2), 2, 10, 14), x)


@pytest.fixture(scope="module")
def layouts(small_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("layouts") / "bundle"
    result = quiet_export(
        small_checkpoint,
        out,
        formats=("coreml",),
        precisions=("fp16",),
        layouts=("neural-engine", "plain"),
        images=4,
    )
    assert not result.failures, [a.record.parity.faults for a in result.failures]
    # apps take the first of a precision
    names = [attempt.record.file for attempt in result.attempts]
    assert names == ["mobilevit_xxs_fp16.mlpackage", "mobilevit_xxs_fp16_neural-engine.mlpackage"]
    return out


def test_the_program_has_no_matrix_products_and_hardly_a_transpose(
    layouts: Path, small_checkpoint: Checkpoint
) -> None:
    programs = []
    for name in ("mobilevit_xxs_fp16", "mobilevit_xxs_fp16_neural-engine"):
        [file] = (layouts / f"{name}.mlpackage").rglob("*.mlmodel")
        programs.append(operations(ct.utils.load_spec(str(file))))
    plain, engine = (Counter(op.type for op in program) for program in programs)
    blocks, layers, heads = 3, 3, small_checkpoint.model.config.num_heads
    assert engine["einsum"] == 2 * layers * heads
    assert engine["layer_norm"] == plain["layer_norm"]  # one operation, on channels
    assert engine["transpose"] == 2 * blocks + layers  # to fold and unfold, and of keys
    assert engine["linear"] == 1  # the classifier
    assert not engine["matmul"]
    assert plain["matmul"]  # the control
    ranks = [len(o.type.tensorType.dimensions) for op in programs[1] for o in op.outputs]
    assert max(ranks) == 4


def test_layouts_that_cannot_be_had() -> None:
    coreml, onnx = FORMATS["coreml"], FORMATS["onnx"]
    chosen = choose_layouts([coreml, onnx], ["neural-engine", "plain"], more_sizes=False)
    assert chosen == {"coreml": ("plain", "neural-engine"), "onnx": ("plain",)}
    with pytest.raises(InputError, match="unknown layout"):
        choose_layouts([coreml], ["plane"], more_sizes=False)
    with pytest.raises(InputError, match="`onnx` has no layout neural-engine"):
        choose_layouts([coreml, onnx], ["neural-engine"], more_sizes=False)
    with pytest.raises(InputError, match="one image size"):
        choose_layouts([coreml], ["neural-engine"], more_sizes=True)

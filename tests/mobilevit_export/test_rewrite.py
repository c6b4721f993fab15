"""Rewrites compute what the model computes, with weights for which each part of it matters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mobilevit.checkpoint import Checkpoint, load_checkpoint
from mobilevit.models import create_model
from mobilevit.models.mobilevit import MobileViTBlock, MobileViTConfig
from mobilevit_export import rewrite
from mobilevit_export.rewrite import (
    TokenBlock,
    TokenLayer,
    bare_norm,
    for_coreml,
    for_litert,
    for_onnxruntime,
    scaled_norm,
)
from tests.conftest import sample_pixels

COMPOSED = [for_onnxruntime, for_litert, for_coreml]
# of logits whose spread is a few units; what is broken below differs by tenths
EXACT = 1e-5


@pytest.fixture(scope="session")
def trained() -> Checkpoint:
    return load_checkpoint("mobilevit_xxs.imagenette")


@pytest.fixture(scope="session")
def pixels() -> torch.Tensor:
    return sample_pixels(2, 128)


@pytest.mark.parametrize("compose", COMPOSED)
def test_trained_weights_give_the_same_logits(
    trained: Checkpoint, pixels: torch.Tensor, compose: Callable[[nn.Module], nn.Module]
) -> None:
    with torch.no_grad():
        expected = trained.model(pixels)
        given = compose(trained.model)(pixels)
    assert expected.std() > 0.1
    torch.testing.assert_close(given, expected, atol=EXACT, rtol=0)


def test_the_model_is_not_changed(trained: Checkpoint) -> None:
    before = {name: value.clone() for name, value in trained.model.state_dict().items()}
    for compose in COMPOSED:
        compose(trained.model)
    after = trained.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert any(isinstance(module, MobileViTBlock) for module in trained.model.modules())


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 5),
    cols=st.integers(1, 5),
    patch=st.sampled_from([1, 2, 3, 4]),
    images=st.integers(1, 3),
    skip=st.booleans(),
    normalize=st.sampled_from([bare_norm, scaled_norm, rewrite.kept_norm]),
    more=st.integers(0, 1),
)
def test_a_block_of_any_shape(
    rows: int,
    cols: int,
    patch: int,
    images: int,
    skip: bool,
    normalize: rewrite.Normalize,
    more: int,
) -> None:
    """With `more`, the patch does not divide the map, which is resized."""
    config = MobileViTConfig(
        channels=(8,) * 5, transformer_dims=(12,) * 3, num_heads=3, fusion_skip=skip
    )
    block = MobileViTBlock(config, 8, 12, 2, patch).eval()
    with torch.no_grad():
        for name, value in block.named_parameters():
            value.normal_(std=0.3).add_(1.0 if "norm" in name and "weight" in name else 0.0)
    x = torch.randn(images, 8, rows * patch + more, cols * patch)
    with torch.no_grad():
        torch.testing.assert_close(TokenBlock(block, normalize)(x), block(x), atol=2e-4, rtol=1e-4)


def test_models_without_a_mobilevit_block_pass_through() -> None:
    model = create_model("timm:mobilenetv3_small_050").eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(for_litert(model)(x), model(x))


def _no_scale(layer: TokenLayer) -> None:
    layer.q.weight.data *= 2


def _no_value_bias(layer: TokenLayer) -> None:
    layer.proj.bias.data -= layer.proj.bias.data


def _stream_not_centred(layer: TokenLayer) -> None:
    layer.fc2.weight.data += 0.05


def _norm_folded_twice(layer: TokenLayer) -> None:
    layer.fc1.weight.data *= 1.5


@pytest.mark.parametrize(
    "damage", [_no_scale, _no_value_bias, _stream_not_centred, _norm_folded_twice]
)
def test_each_identity_matters_with_these_weights(
    trained: Checkpoint, pixels: torch.Tensor, damage: Callable[[TokenLayer], None]
) -> None:
    """Control: were one of them wrong, the comparison above would fail by far."""
    model = for_litert(trained.model)
    for module in model.modules():
        if isinstance(module, TokenLayer):
            damage(module)
    with torch.no_grad():
        difference = (model(pixels) - trained.model(pixels)).abs().max()
    assert difference > 100 * EXACT


def test_the_bias_of_keys_makes_no_difference(trained: Checkpoint, pixels: torch.Tensor) -> None:
    """What `without_biases` relies on; the bias of queries is the control."""
    with torch.no_grad():
        expected = trained.model(pixels)
        for part, differs in ((1, False), (0, True)):
            model = create_model("mobilevit_xxs", num_classes=len(trained.labels)).eval()
            model.load_state_dict(trained.model.state_dict())
            for name, value in model.named_parameters():
                if name.endswith("qkv.bias"):
                    value.chunk(3)[part].add_(1.0)
            moved = (model(pixels) - expected).abs().max()
            assert (moved > 100 * EXACT) == differs, part

"""The same weights give the same logits as timm's and Hugging Face's MobileViT.

The controls break our model on purpose: the comparison must then fail.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mobilevit.errors import CheckpointError
from mobilevit.models import create_model, mobilevit
from mobilevit.models.foreign import STEM, convert_foreign_weights
from tests.conftest import liven, sample_pixels

timm = pytest.importorskip("timm", reason="needs the `peers` extra")
transformers = pytest.importorskip("transformers", reason="needs the `peers` extra")

TOLERANCE = 1e-5
VARIANTS = ("mobilevit_xxs", "mobilevit_xs", "mobilevit_s")


@torch.inference_mode()
def difference(ours: nn.Module, theirs: Callable[[Tensor], Tensor], size: int = 256) -> float:
    """Largest difference of any logit of four photos."""
    x = sample_pixels(size=size)
    return float((ours(x) - theirs(x)).abs().max())


def timm_pair(name: str) -> tuple[nn.Module, nn.Module]:
    theirs = liven(timm.create_model(name))
    ours = create_model(name).eval()
    ours.load_state_dict(convert_foreign_weights(theirs.state_dict()))
    return ours, theirs


@pytest.mark.parametrize("name", VARIANTS)
def test_logits_equal_timms(name: str) -> None:
    ours, theirs = timm_pair(name)
    assert difference(ours, theirs) < TOLERANCE
    # stride 32 of 200 pixels is 7, which a patch of 2 does not divide
    assert difference(ours, theirs, size=200) < TOLERANCE


@pytest.mark.parametrize("name", VARIANTS)
def test_logits_equal_hugging_faces(name: str) -> None:
    ours = create_model(name).eval()
    config = ours.config
    theirs = transformers.MobileViTForImageClassification(
        transformers.MobileViTConfig(
            hidden_sizes=list(config.transformer_dims),
            neck_hidden_sizes=[config.stem_channels, *config.channels, config.head_channels],
            expand_ratio=float(config.expansion),
            num_labels=config.num_classes,
        )
    )
    liven(theirs)
    ours.load_state_dict(convert_foreign_weights(theirs.state_dict()))
    assert difference(ours, lambda x: theirs(x.flip(1)).logits) < TOLERANCE  # BGR
    assert difference(ours, lambda x: theirs(x).logits) > 100 * TOLERANCE


def zero_key(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in model.modules():
        if isinstance(module, mobilevit.Attention):
            d = module.proj.in_features
            with torch.no_grad():
                module.qkv.weight[d : 2 * d] = 0
                module.qkv.bias[d : 2 * d] = 0


def drop_query_scale(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    attend = torch.nn.functional.scaled_dot_product_attention

    def unscaled(q: Tensor, k: Tensor, v: Tensor, dropout_p: float) -> Tensor:
        return attend(q, k, v, dropout_p=dropout_p, scale=1.0)

    monkeypatch.setattr(mobilevit.F, "scaled_dot_product_attention", unscaled)


def swap_patches(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    original = mobilevit.fold

    def swapped(x: Tensor, patch: int, height: int, width: int) -> Tensor:
        order = [1, 0, *range(2, x.shape[1])]
        return original(x[:, order], patch, height, width)

    monkeypatch.setattr(mobilevit, "fold", swapped)


@pytest.mark.parametrize("damage", [zero_key, drop_query_scale, swap_patches])
@pytest.mark.parametrize("name", VARIANTS)
def test_control_a_broken_model_differs(
    name: str,
    damage: Callable[[nn.Module, pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = timm_pair(name)
    x = sample_pixels()
    with torch.inference_mode():
        whole = theirs(x)  # before the damage, as timm calls the same functions of torch
        damage(ours, monkeypatch)
        assert float((ours(x) - whole).abs().max()) > 1000 * TOLERANCE


def test_ml_cvnets_names_and_shapes_all_find_their_place() -> None:
    """The names and shapes of an ml-cvnets `mobilevit` state dict, read from a real one."""
    shapes = json.loads((Path(__file__).parent / "cvnets_mobilevit_xxs.json").read_text())
    tensors = {key: torch.full(shape, 0.5) for key, shape in shapes.items()}
    tensors["conv_1.block.conv.weight"][:, 0] = 7  # blue
    ours = create_model("mobilevit_xxs")
    converted = convert_foreign_weights(tensors)
    ours.load_state_dict(converted)
    assert (converted[STEM][:, 2] == 7).all()
    assert (converted[STEM][:, :2] == 0.5).all()


def test_weights_of_something_else_are_refused() -> None:
    with pytest.raises(CheckpointError, match="not a MobileViT"):
        convert_foreign_weights(timm.create_model("mobilenetv2_035").state_dict())

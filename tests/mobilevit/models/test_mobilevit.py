"""The architecture: sizes, shapes, folds, and what its configuration accepts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mobilevit.errors import InputError
from mobilevit.models import create_model, list_models
from mobilevit.models.cost import model_cost
from mobilevit.models.mobilevit import fold, unfold


@pytest.mark.parametrize(
    ("name", "parameters", "giga_multiply_adds"),
    [
        ("mobilevit_xxs", 1_272_024, 0.42),
        ("mobilevit_xs", 2_317_848, 1.05),
        ("mobilevit_s", 5_578_632, 2.03),
    ],
)
def test_cost_is_the_published_one(name: str, parameters: int, giga_multiply_adds: float) -> None:
    cost = model_cost(name)
    assert cost.parameters == parameters
    assert cost.multiply_adds / 1e9 == pytest.approx(giga_multiply_adds, rel=0.05)


@given(
    batch=st.integers(1, 3),
    dim=st.integers(1, 5),
    rows=st.integers(1, 7),
    cols=st.integers(1, 7),
    patch=st.sampled_from([1, 2, 3, 4, 8]),
)
@settings(max_examples=60, deadline=None)
def test_fold_undoes_unfold(batch: int, dim: int, rows: int, cols: int, patch: int) -> None:
    x = torch.arange(batch * dim * rows * cols * patch**2, dtype=torch.float32)
    x = x.reshape(batch, dim, rows * patch, cols * patch)
    y = unfold(x, patch)
    assert y.shape == (batch * patch**2, rows * cols, dim)
    assert torch.equal(fold(y, patch, rows * patch, cols * patch), x)


def test_unfold_gathers_one_pixel_of_every_patch() -> None:
    x = torch.randn(2, 5, 3 * 2, 7 * 2)
    y = unfold(x, 2)
    for b, d, row, col, i, j in [(0, 0, 0, 0, 0, 0), (1, 4, 2, 6, 1, 0), (1, 2, 1, 3, 0, 1)]:
        position, patch = i * 2 + j, row * 7 + col
        assert y[b * 4 + position, patch, d] == x[b, d, row * 2 + i, col * 2 + j]


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (100, 76), (33, 47)])
@pytest.mark.parametrize("patch_sizes", [(2, 2, 2), (8, 4, 2), (3, 3, 3), (4, 4, 4)])
def test_any_size_and_patch(size: tuple[int, int], patch_sizes: tuple[int, int, int]) -> None:
    model = create_model(
        "mobilevit_xxs", num_classes=7, patch_sizes=patch_sizes, transformer_depths=(1, 1, 1)
    ).eval()
    with torch.inference_mode():
        logits = model(torch.rand(2, 3, *size))
    assert logits.shape == (2, 7)
    assert torch.isfinite(logits).all()


def test_patch_size_matters_where_the_patch_divides() -> None:
    torch.manual_seed(0)
    two = create_model("mobilevit_xxs").eval()
    faster = create_model("mobilevit_xxs", patch_sizes=(8, 4, 2)).eval()
    faster.load_state_dict(two.state_dict())  # the same parameters
    x = torch.rand(1, 3, 256, 256)
    with torch.inference_mode():
        assert not torch.equal(two(x), faster(x))


def test_fusion_skip_doubles_the_fusion_input() -> None:
    with_skip = create_model("mobilevit_xxs")
    without = create_model("mobilevit_xxs", fusion_skip=False)
    block = with_skip.backbone.stage3[1], without.backbone.stage3[1]
    assert [b.fusion.conv.in_channels for b in block] == [96, 48]
    assert without.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 1000)


def test_features_at_strides_8_16_32() -> None:
    backbone = create_model("mobilevit_xs", features_only=True).eval()
    shapes = [tuple(f.shape) for f in backbone(torch.rand(1, 3, 128, 192))]
    assert shapes == [(1, 64, 16, 24), (1, 80, 8, 12), (1, 96, 4, 6)]
    assert backbone.strides == (8, 16, 32)


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("mobilevit_xss", {}, "mobilevit_xxs"),
        ("mobilevit_xxs", {"num_clases": 3}, "num_classes"),
        ("mobilevit_xxs", {"num_classes": "3"}, "not of its type"),
        ("mobilevit_xxs", {"patch_sizes": (2, 2)}, "not of its type"),
    ],
)
def test_wrong_names_are_errors_that_name_the_right_one(
    name: str, overrides: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as error:
        create_model(name, **overrides)
    assert message in str(error.value)


def test_models_are_listed() -> None:
    assert list_models()[:3] == ["mobilevit_xxs", "mobilevit_xs", "mobilevit_s"]

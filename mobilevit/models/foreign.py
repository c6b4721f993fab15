"""MobileViT weights from elsewhere, under our names.

Three sources draw the same network: timm, Apple's ml-cvnets and Hugging Face transformers. The
last two were trained on images read by OpenCV, blue first; reversing the stem's input channels
makes them take RGB, exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import CheckpointError
from ..preprocessing import Preprocessing

STEM = "backbone.stem.conv.weight"

Rules = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]


@dataclass(frozen=True)
class Source:
    """How one project names the parts of a MobileViT."""

    name: str
    telltale: str  # a key that only its state dicts have
    rules: Rules  # applied in order, each to the outcome of the one before
    blue_first: bool
    preprocessing: Preprocessing  # its published evaluation


def _shift(offset: int, tail: str) -> Callable[[re.Match[str]], str]:
    """Stages are counted from one here, from `offset` lower there."""
    return lambda match: f"backbone.stage{int(match[1]) + offset}.{tail}"


_TIMM = Source(
    "timm",
    "stem.conv.weight",
    (
        (r"\.bn\.", ".norm."),
        (r"^stem\.", "backbone.stem."),
        (r"^stages\.0\.0\.", "backbone.stage1."),
        (r"^stages\.(\d)\.", _shift(1, "")),
        (r"\.conv1_1x1\.", ".expand."),
        (r"\.conv2_kxk\.", ".depthwise."),
        (r"\.conv3_1x1\.", ".project."),
        (r"\.conv_kxk\.", ".local_conv."),
        (r"\.conv_1x1\.weight$", ".local_project.weight"),
        (r"\.attn\.", ".attention."),
        (r"\.mlp\.", "."),
        (r"\.conv_proj\.", ".project."),
        (r"\.conv_fusion\.", ".fusion."),
        (r"^final_conv\.", "head_conv."),
        (r"^head\.fc\.", "classifier."),
    ),
    blue_first=False,
    preprocessing=Preprocessing(image_size=(256, 256), crop_fraction=0.9, interpolation="bicubic"),
)

_CVNETS = Source(
    "ml-cvnets",
    "conv_1.block.conv.weight",
    (
        (r"^conv_1x1_exp\.block\.", "head_conv."),
        (r"^conv_1\.block\.", "backbone.stem."),
        (r"^layer_1\.0\.block\.", "backbone.stage1."),
        (r"^layer_(\d)\.", _shift(0, "")),
        (r"(stage\d\.\d)\.block\.", r"\1."),
        (r"exp_1x1\.block\.", "expand."),
        (r"red_1x1\.block\.", "project."),
        (r"\.local_rep\.conv_3x3\.block\.", ".local_conv."),
        (r"\.local_rep\.conv_1x1\.block\.conv\.", ".local_project."),
        (r"(?<=\.)conv_3x3\.block\.", "depthwise."),
        (r"\.global_rep\.(\d)\.pre_norm_mha\.0\.", r".transformer.\1.norm1."),
        (r"\.global_rep\.(\d)\.pre_norm_mha\.1\.qkv_proj\.", r".transformer.\1.attention.qkv."),
        (r"\.global_rep\.(\d)\.pre_norm_mha\.1\.out_proj\.", r".transformer.\1.attention.proj."),
        (r"\.global_rep\.(\d)\.pre_norm_ffn\.0\.", r".transformer.\1.norm2."),
        (r"\.global_rep\.(\d)\.pre_norm_ffn\.1\.", r".transformer.\1.fc1."),
        (r"\.global_rep\.(\d)\.pre_norm_ffn\.4\.", r".transformer.\1.fc2."),
        (r"\.global_rep\.\d\.(?=weight|bias)", ".norm."),
        (r"\.conv_proj\.block\.", ".project."),
        (r"\.fusion\.block\.", ".fusion."),
        (r"^classifier\.fc\.", "classifier."),
    ),
    blue_first=True,
    preprocessing=Preprocessing(image_size=(256, 256), crop_fraction=256 / 288),
)
_HUGGING_FACE = Source(
    "Hugging Face",
    "mobilevit.conv_stem.convolution.weight",
    (
        (r"^mobilevit\.", ""),
        (r"\.convolution\.", ".conv."),
        (r"\.normalization\.", ".norm."),
        (r"^conv_stem\.", "backbone.stem."),
        (r"^encoder\.layer\.0\.layer\.0\.", "backbone.stage1."),
        (r"^encoder\.layer\.1\.layer\.", "backbone.stage2."),
        (r"^encoder\.layer\.(\d)\.downsampling_layer\.", _shift(1, "0.")),
        (r"^encoder\.layer\.(\d)\.", _shift(1, "1.")),
        (r"\.expand_1x1\.", ".expand."),
        (r"\.conv_3x3\.", ".depthwise."),
        (r"\.reduce_1x1\.", ".project."),
        (r"\.conv_kxk\.", ".local_conv."),
        (r"\.conv_1x1\.conv\.", ".local_project."),
        (r"\.transformer\.layer\.", ".transformer."),
        (r"\.attention\.attention\.", ".attention."),
        (r"\.attention\.output\.dense\.", ".attention.proj."),
        (r"\.intermediate\.dense\.", ".fc1."),
        (r"\.output\.dense\.", ".fc2."),
        (r"\.layernorm_before\.", ".norm1."),
        (r"\.layernorm_after\.", ".norm2."),
        (r"\.layernorm\.", ".norm."),
        (r"\.conv_projection\.", ".project."),
        (r"^conv_1x1_exp\.", "head_conv."),
    ),
    blue_first=True,
    preprocessing=Preprocessing(image_size=(256, 256), crop_fraction=256 / 288),
)

SOURCES = (_TIMM, _CVNETS, _HUGGING_FACE)


def foreign_source(tensors: dict[str, Tensor]) -> Source:
    """Whose names these are.

    Raises:
        CheckpointError: nobody's that we know.
    """
    for source in SOURCES:
        if source.telltale in tensors:
            return source
    first = next(iter(tensors), "nothing")
    raise CheckpointError(
        f"the weights are not a MobileViT's: the first is `{first}`",
        f"weights of {', '.join(s.name for s in SOURCES)} can be read",
    )


def convert_foreign_weights(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the parts of a MobileViT state dict, join q, k and v, and put red first.

    Raises:
        CheckpointError: the names are nobody's that we know.
    """
    source = foreign_source(tensors)
    renamed = {_rename(key, source.rules): value for key, value in tensors.items()}
    renamed = _join_qkv(renamed)
    if source.blue_first and STEM in renamed:
        renamed[STEM] = renamed[STEM].flip(1)  # [C, 3, 3, 3], BGR -> RGB
    return renamed


def _rename(key: str, rules: Rules) -> str:
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    return key


def _join_qkv(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Three projections of (d, d) -> one of (3d, d), query first; others pass unchanged."""
    joined: dict[str, Tensor] = {}
    for key, value in tensors.items():
        if ".attention.query." in key:
            parts = [
                tensors.get(key.replace(".query.", f".{n}.")) for n in ("query", "key", "value")
            ]
            if not any(part is None for part in parts):
                joined[key.replace(".query.", ".qkv.")] = torch.cat(
                    [part for part in parts if part is not None]
                )
        elif not re.search(r"\.attention\.(key|value)\.", key):
            joined[key] = value
    return joined

"""MobileViT, as in "MobileViT: Light-weight, General-purpose, and Mobile-friendly Vision
Transformer" (Mehta and Rastegari, ICLR 2022, arXiv:2110.02178).

Letters in the shape comments, one meaning each:
B images, C channels, H and W height and width of a feature map, d transformer width,
h and w patch height and width, P = h * w pixels of a patch, N = (H / h) * (W / w) patches.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from .layers import ConvNormAct, InvertedResidual
from .registry import register_model


@dataclass(frozen=True)
class MobileViTConfig:
    """One row of the paper's Table 4. The three transformer entries belong to strides 8, 16, 32."""

    channels: tuple[int, int, int, int, int]  # output of the five stages
    transformer_dims: tuple[int, int, int]  # d
    transformer_depths: tuple[int, int, int] = (2, 4, 3)  # L
    patch_sizes: tuple[int, int, int] = (2, 2, 2)  # h = w; (8, 4, 2) is the paper's faster choice
    head_channels: int = 640  # of the last 1x1 convolution
    stem_channels: int = 16
    expansion: int = 4  # of the MV2 blocks
    num_heads: int = 4
    ffn_ratio: int = 2
    fusion_skip: bool = True  # concatenate the block's input before the fusion convolution
    dropout: float = 0.1  # after attention's projection and after the feed-forward
    attention_dropout: float = 0.0
    ffn_dropout: float = 0.0
    head_dropout: float = 0.1
    num_classes: int = 1000

    def __post_init__(self) -> None:
        """
        Raises:
            InputError: a network that cannot be built.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            numbers = value if isinstance(value, tuple) else (value,)
            if field.name.endswith("dropout"):
                if not 0 <= value < 1:
                    raise InputError(f"`{field.name}` is a share below 1, and not {value}")
            elif field.name != "fusion_skip" and min(numbers) < 1:
                raise InputError(f"`{field.name}` is at least 1, and not {value}")
        for dim in self.transformer_dims:
            if dim % self.num_heads:
                raise InputError(f"{self.num_heads} heads cannot share a transformer's width {dim}")


def unfold(x: Tensor, patch: int) -> Tensor:
    """Gather, for each pixel position within a patch, that pixel of every patch.

    H and W must be multiples of `patch`. (B, d, H, W) -> (B * P, N, d)
    """
    B, d, H, W = x.shape
    rows, cols = H // patch, W // patch
    x = x.reshape(B * d * rows, patch, cols, patch)  # [B*d*H/h, h, W/w, w]
    x = x.transpose(1, 2)  # [B*d*H/h, W/w, h, w]
    x = x.reshape(B, d, rows * cols, patch * patch)  # [B, d, N, P]
    x = x.transpose(1, 3)  # [B, P, N, d]
    return x.reshape(B * patch * patch, rows * cols, d)  # [B*P, N, d]


def fold(x: Tensor, patch: int, height: int, width: int) -> Tensor:
    """The inverse of `unfold`. (B * P, N, d) -> (B, d, H, W)"""
    P, N, d = patch * patch, x.shape[1], x.shape[2]
    rows, cols = height // patch, width // patch
    x = x.reshape(-1, P, N, d)  # [B, P, N, d]
    x = x.transpose(1, 3)  # [B, d, N, P]
    x = x.reshape(-1, cols, patch, patch)  # [B*d*H/h, W/w, h, w]
    x = x.transpose(1, 2)  # [B*d*H/h, h, W/w, w]
    return x.reshape(-1, d, rows * patch, cols * patch)  # [B, d, H, W]


class Attention(nn.Module):
    """Multi-head self-attention over the N patches. (B * P, N, d) -> (B * P, N, d)"""

    def __init__(self, dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, N, d = x.shape
        heads = (batch, N, self.num_heads, d // self.num_heads)
        q, k, v = (
            t.reshape(heads).transpose(1, 2)  # [B*P, heads, N, d/heads]
            for t in self.qkv(x).chunk(3, dim=-1)
        )
        dropout = self.dropout if self.training else 0.0
        x = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        x = x.transpose(1, 2).reshape(batch, N, d)  # [B*P, N, d]
        return self.proj(x)


class TransformerLayer(nn.Module):
    """Pre-norm transformer encoder layer. (B * P, N, d) -> (B * P, N, d)"""

    def __init__(self, config: MobileViTConfig, dim: int) -> None:
        super().__init__()
        hidden = dim * config.ffn_ratio
        self.norm1 = nn.LayerNorm(dim)
        self.attention = Attention(dim, config.num_heads, config.attention_dropout)
        self.norm2 = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, hidden)
        self.act = nn.SiLU()
        self.ffn_dropout = nn.Dropout(config.ffn_dropout)
        self.fc2 = nn.Linear(hidden, dim)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.norm1(x)))
        y = self.ffn_dropout(self.act(self.fc1(self.norm2(x))))
        return x + self.dropout(self.fc2(y))


class MobileViTBlock(nn.Module):
    """Convolution for what is near, a transformer for what is far (section 3.1, figure 1b).

    Heights and widths that the patch does not divide are resized to the next multiple before
    unfolding and back after folding, bilinearly, as in the paper's code.

    (B, C, H, W) -> (B, C, H, W)
    """

    def __init__(self, config: MobileViTConfig, channels: int, dim: int, depth: int, patch: int):
        super().__init__()
        self.patch = patch
        self.local_conv = ConvNormAct(channels, channels, 3)
        self.local_project = nn.Conv2d(channels, dim, 1, bias=False)
        self.transformer = nn.ModuleList(TransformerLayer(config, dim) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self.project = ConvNormAct(dim, channels, 1)
        self.fusion_skip = config.fusion_skip
        self.fusion = ConvNormAct(2 * channels if config.fusion_skip else channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        H, W = x.shape[-2:]

        # local: 3x3, then 1x1 to the transformer's width
        y = self.local_project(self.local_conv(x))  # [B, d, H, W]

        # global: every pixel sees the same pixel of all patches
        padded_H, padded_W = ceil(H / self.patch) * self.patch, ceil(W / self.patch) * self.patch
        resized = (padded_H, padded_W) != (H, W)
        if resized:
            y = F.interpolate(y, (padded_H, padded_W), mode="bilinear", align_corners=False)
        y = unfold(y, self.patch)  # [B*P, N, d]
        for layer in self.transformer:
            y = layer(y)
        y = fold(self.norm(y), self.patch, padded_H, padded_W)  # [B, d, H, W]
        if resized:
            y = F.interpolate(y, (H, W), mode="bilinear", align_corners=False)

        # fuse: 1x1 back to C, beside the input, 3x3
        y = self.project(y)  # [B, C, H, W]
        if self.fusion_skip:
            y = torch.cat((x, y), dim=1)  # [B, 2C, H, W]
        return self.fusion(y)


class MobileViTBackbone(nn.Module):
    """All but the classifier. (B, 3, H, W) -> features at strides 8, 16 and 32.

    Images are RGB, float, 0..1. Each side must be at least 32.
    """

    strides = (8, 16, 32)

    def __init__(self, config: MobileViTConfig) -> None:
        super().__init__()
        c1, c2, c3, c4, c5 = config.channels
        expansion = config.expansion
        self.stem = ConvNormAct(3, config.stem_channels, 3, stride=2)
        self.stage1 = InvertedResidual(config.stem_channels, c1, 1, expansion)
        self.stage2 = nn.Sequential(
            InvertedResidual(c1, c2, 2, expansion),
            InvertedResidual(c2, c2, 1, expansion),
            InvertedResidual(c2, c2, 1, expansion),
        )

        def stage(index: int, in_channels: int, out_channels: int) -> nn.Sequential:
            return nn.Sequential(
                InvertedResidual(in_channels, out_channels, 2, expansion),
                MobileViTBlock(
                    config,
                    out_channels,
                    config.transformer_dims[index],
                    config.transformer_depths[index],
                    config.patch_sizes[index],
                ),
            )

        self.stage3 = stage(0, c2, c3)
        self.stage4 = stage(1, c3, c4)
        self.stage5 = stage(2, c4, c5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.stage2(self.stage1(self.stem(x)))  # [B, c2, H/4, W/4]
        x8 = self.stage3(x)  # [B, c3, H/8, W/8]
        x16 = self.stage4(x8)  # [B, c4, H/16, W/16]
        x32 = self.stage5(x16)  # [B, c5, H/32, W/32]
        return x8, x16, x32


class MobileViT(nn.Module):
    """Image classifier. (B, 3, H, W), RGB, float, 0..1 -> logits (B, num_classes)"""

    def __init__(self, config: MobileViTConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = MobileViTBackbone(config)
        self.head_conv = ConvNormAct(config.channels[-1], config.head_channels, 1)
        self.dropout = nn.Dropout(config.head_dropout)
        self.classifier = nn.Linear(config.head_channels, config.num_classes)
        self.apply(_init_weights)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head_conv(self.backbone(x)[-1])  # [B, head_channels, H/32, W/32]
        x = x.mean(dim=(2, 3))  # [B, head_channels]
        return self.classifier(self.dropout(x))  # [B, num_classes]


def _init_weights(module: nn.Module) -> None:
    """The paper's code: Kaiming for convolutions, truncated normal 0.02 for linear layers."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


@register_model(MobileViT)
def mobilevit_xxs() -> MobileViTConfig:
    return MobileViTConfig(
        channels=(16, 24, 48, 64, 80),
        transformer_dims=(64, 80, 96),
        head_channels=320,
        expansion=2,
        dropout=0.05,
    )


@register_model(MobileViT)
def mobilevit_xs() -> MobileViTConfig:
    return MobileViTConfig(
        channels=(32, 48, 64, 80, 96), transformer_dims=(96, 120, 144), head_channels=384
    )


@register_model(MobileViT)
def mobilevit_s() -> MobileViTConfig:
    return MobileViTConfig(channels=(32, 64, 96, 128, 160), transformer_dims=(144, 192, 240))

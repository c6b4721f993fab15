"""The layout that Apple publishes for transformers on its Neural Engine, as an exact rewrite.

Source: "Deploying Transformers on the Apple Neural Engine" (machinelearning.apple.com, June 2022)
and apple/ml-ane-transformers. Its principles, and what becomes of a MobileViT block: tokens are
maps of shape (B, C, 1, S); a linear layer is a 1x1 convolution; norms run over channels; each head
is attended to by itself, in two products of a form the compiler knows; and only the keys are
transposed. Between unfolding and folding no tensor has more than four axes.

Letters in the shape comments are those of `mobilevit.models.mobilevit`; C channels of the block.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from math import ceil
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mobilevit.models.layers import ConvNormAct
from mobilevit.models.mobilevit import Attention, MobileViTBlock, TransformerLayer


def channels_first(model: nn.Module) -> nn.Module:
    """A copy whose MobileViT blocks keep their tokens as maps. It is for inference alone."""
    model = copy.deepcopy(model).eval()
    for name, module in list(model.named_modules()):
        if isinstance(module, MobileViTBlock):
            model.set_submodule(name, ChannelsFirstBlock(module))
    return model


class ChannelsFirstBlock(nn.Module):
    """A `MobileViTBlock`. (B, C, H, W) -> (B, C, H, W)

    The 1x1 convolutions to the transformer's width and back stand between unfolding and folding,
    which then move C channels and not d. Resizing and a 1x1 convolution can change places: both are
    linear, and the weights of an interpolation have the sum 1.
    """

    def __init__(self, block: MobileViTBlock) -> None:
        super().__init__()
        self.patch = block.patch
        self.local_conv = block.local_conv
        self.local_project = block.local_project
        layers = cast(Iterable[TransformerLayer], block.transformer)
        self.transformer = nn.ModuleList(map(ChannelsFirstLayer, layers))
        self.norm = ChannelNorm(block.norm)
        self.project = _after_norm(block.norm, _fused(block.project))
        self.fusion_skip = block.fusion_skip
        self.fusion = block.fusion

    def forward(self, x: Tensor) -> Tensor:
        H, W = x.shape[-2:]
        y = self.local_conv(x)
        padded_H, padded_W = ceil(H / self.patch) * self.patch, ceil(W / self.patch) * self.patch
        resized = (padded_H, padded_W) != (H, W)
        if resized:
            y = F.interpolate(y, (padded_H, padded_W), mode="bilinear", align_corners=False)

        y = self.local_project(unfold(y, self.patch))  # [P*B, d, 1, N]
        for layer in self.transformer:
            y = layer(y)
        y = self.project(self.norm(y))  # [P*B, C, 1, N]
        y = fold(y, self.patch, padded_H, padded_W)  # [B, C, H, W]

        if resized:
            y = F.interpolate(y, (H, W), mode="bilinear", align_corners=False)
        y = F.silu(y)
        if self.fusion_skip:
            y = torch.cat((x, y), dim=1)  # [B, 2C, H, W]
        return self.fusion(y)


def unfold(x: Tensor, patch: int) -> Tensor:
    """Gather, for each pixel position within a patch, that pixel of every patch.

    H and W must be multiples of `patch`. (B, C, H, W) -> (P * B, C, 1, N)
    """
    B, C, H, W = x.shape
    rows, cols = H // patch, W // patch
    x = x.reshape(B * C * rows, patch, cols, patch)  # [B*C*H/h, h, W/w, w]
    x = x.permute(1, 3, 0, 2)  # [h, w, B*C*H/h, W/w]
    return x.reshape(patch * patch * B, C, 1, rows * cols)  # [P*B, C, 1, N]


def fold(x: Tensor, patch: int, height: int, width: int) -> Tensor:
    """The inverse of `unfold`. (P * B, C, 1, N) -> (B, C, H, W)"""
    C, cols = x.shape[1], width // patch
    x = x.reshape(patch, patch, -1, cols)  # [h, w, B*C*H/h, W/w]
    x = x.permute(2, 0, 3, 1)  # [B*C*H/h, h, W/w, w]
    return x.reshape(-1, C, height, width)  # [B, C, H, W]


class ChannelsFirstLayer(nn.Module):
    """A `TransformerLayer`. (B, d, 1, N) -> (B, d, 1, N)"""

    def __init__(self, layer: TransformerLayer) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(layer.norm1)
        self.attention = ChannelsFirstAttention(layer.attention, layer.norm1)
        self.norm2 = ChannelNorm(layer.norm2)
        self.fc1 = _after_norm(layer.norm2, layer.fc1)
        self.fc2 = _convolution(layer.fc2.weight, layer.fc2.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(F.silu(self.fc1(self.norm2(x))))


class ChannelsFirstAttention(nn.Module):
    """An `Attention` behind the affine part of `norm`. (B, d, 1, N) -> (B, d, 1, N)

    Queries are made in the scale of attention. Keys have no bias: it adds the same to all scores of
    a query, and softmax takes that out again. The values' bias comes out of attention as it went
    in, since a query's weights have the sum 1, and is part of the last bias.
    """

    def __init__(self, attention: Attention, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.num_heads = attention.num_heads
        qkv = _after_norm(norm, attention.qkv)
        (q, k, v), (q_bias, _, v_bias) = qkv.weight.flatten(1).chunk(3), _bias(qkv).chunk(3)
        scale = (len(q) // self.num_heads) ** -0.5
        self.q = _convolution(q * scale, q_bias * scale)
        self.k = _convolution(k, None)
        self.v = _convolution(v, None)
        proj = attention.proj
        self.proj = _convolution(proj.weight, _bias(proj) + proj.weight @ v_bias)

    def forward(self, x: Tensor) -> Tensor:
        q = self.q(x).chunk(self.num_heads, dim=1)  # each [B, d/heads, 1, N]
        k = self.k(x).transpose(1, 3).chunk(self.num_heads, dim=3)  # each [B, N, 1, d/heads]
        v = self.v(x).chunk(self.num_heads, dim=1)  # each [B, d/heads, 1, N]
        heads = []
        for q_head, k_head, v_head in zip(q, k, v, strict=True):
            scores = torch.einsum("bkhc,bchq->bkhq", k_head, q_head)  # [B, N keys, 1, N queries]
            weights = scores.softmax(dim=1)
            heads.append(torch.einsum("bchk,bkhq->bchq", v_head, weights))
        return self.proj(torch.cat(heads, dim=1))


class ChannelNorm(nn.Module):
    """A `LayerNorm` over channels, less its affine part. (B, C, 1, S) -> (B, C, 1, S)

    coremltools recognises the computation, and makes one operation of it.
    """

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.eps = norm.eps

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(dim=1, keepdim=True)
        return centred * torch.rsqrt(centred.square().mean(dim=1, keepdim=True) + self.eps)


def _after_norm(norm: nn.LayerNorm, layer: nn.Linear | nn.Conv2d) -> nn.Conv2d:
    """`layer` with the affine part of the `norm` before it, as a 1x1 convolution."""
    weight = layer.weight.flatten(1)
    bias = _bias(layer) + weight @ norm.bias
    return _convolution(weight * norm.weight, bias)


def _fused(layer: ConvNormAct) -> nn.Conv2d:
    """Its convolution and its batch norm, without the activation."""
    convolution: nn.Conv2d = fuse_conv_bn_eval(layer.conv, layer.norm)
    return convolution


def _bias(layer: nn.Linear | nn.Conv2d) -> Tensor:
    return layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias


def _convolution(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """A 1x1 convolution of `weight`, (out, in)."""
    convolution = nn.Conv2d(weight.shape[1], weight.shape[0], 1, bias=bias is not None)
    convolution.weight = nn.Parameter(weight.detach()[:, :, None, None].clone())
    if bias is not None:
        convolution.bias = nn.Parameter(bias.detach().clone())
    return convolution

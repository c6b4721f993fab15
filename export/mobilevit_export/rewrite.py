"""Exact rewrites for what a converter or a runtime does better: a module in, a new one out, which
computes the same in exact arithmetic.

Small ones, each of one identity, are composed for each runtime: `for_onnxruntime`, `for_litert`.
What each gains is measured by `python -m mobilevit_benchmarks.peers`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from math import lcm

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mobilevit.models.mobilevit import (
    Attention,
    MobileViT,
    MobileViTBackbone,
    MobileViTBlock,
    TransformerLayer,
)

# of a layer norm whose input is centred, and the linear layers behind it: what takes their place
Normalize = Callable[[nn.LayerNorm, Sequence[nn.Linear]], tuple[nn.Module, list[nn.Linear]]]


def for_onnxruntime(model: nn.Module) -> nn.Module:
    """A copy in the operations that ONNX Runtime fuses or has fast kernels for."""
    return _replace_blocks(model, lambda block: TokenBlock(block, scaled_norm))


def for_litert(model: nn.Module) -> nn.Module:
    """A copy in the operations that LiteRT's XNNPACK has, in as few as it takes."""
    return _replace_blocks(model, lambda block: TokenBlock(block, bare_norm))


def for_coreml(model: nn.Module) -> nn.Module:
    """A copy in few operations of Core ML, none of more than four axes."""
    return _replace_blocks(model, lambda block: TokenBlock(block, kept_norm))


def _replace_blocks(model: nn.Module, replace: Callable[[MobileViTBlock], nn.Module]) -> nn.Module:
    model = copy.deepcopy(model).eval()
    for name, module in list(model.named_modules()):
        if isinstance(module, MobileViTBlock):
            model.set_submodule(name, replace(module))
    return model


def linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """(..., in) -> (..., out), of a weight (out, in) and a bias (out)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight.data = weight.detach().clone()
    if bias is not None:
        layer.bias.data = bias.detach().clone()
    return layer.requires_grad_(False)


def of_pixels(conv: nn.Conv2d) -> nn.Linear:
    """What a 1x1 convolution does to one pixel."""
    return linear(conv.weight[:, :, 0, 0], conv.bias)


def centred(layer: nn.Linear) -> nn.Linear:
    """The layer with the mean over its outputs taken off them.

    A layer norm takes the mean off what it is given. Where all that is added to a residual stream
    is centred, the stream is, and the root of its mean square is its standard deviation: layer norm
    becomes RMS norm (Zhang and Sennrich, arXiv:1910.07467, section 4; Jiang et al.,
    arXiv:2305.14858, section 3).
    """
    bias = None if layer.bias is None else layer.bias - layer.bias.mean()
    return linear(layer.weight - layer.weight.mean(dim=0), bias)


def with_shift(layer: nn.Linear, shift: Tensor) -> nn.Linear:
    """The layer for inputs that lack `shift`: W (x + s) + b = W x + (W s + b)."""
    bias = layer.weight @ shift
    return linear(layer.weight, bias if layer.bias is None else layer.bias + bias)


def with_scale(layer: nn.Linear, scale: Tensor) -> nn.Linear:
    """The layer for inputs that lack a factor for each: W (s x) + b = (W s) x + b."""
    return linear(layer.weight * scale, layer.bias)


def projections(attention: Attention) -> tuple[nn.Linear, nn.Linear, nn.Linear]:
    """Queries, keys and values, each from a layer of its own; queries come scaled."""
    q, k, v = attention.qkv.weight.chunk(3)
    q_bias, k_bias, v_bias = attention.qkv.bias.chunk(3)
    scale = (q.shape[0] // attention.num_heads) ** -0.5
    return linear(q * scale, q_bias * scale), linear(k, k_bias), linear(v, v_bias)


def without_biases(
    keys: nn.Linear, values: nn.Linear, behind: nn.Linear
) -> tuple[nn.Linear, nn.Linear, nn.Linear]:
    """Keys and values without their biases, and the projection behind attention.

    That of the keys adds the same to all scores of a query, which softmax does not notice. That of
    the values arrives whole at the projection, since weights sum up to 1, and joins its bias.
    """
    return (
        linear(keys.weight, None),
        linear(values.weight, None),
        with_shift(behind, values.bias),
    )


def kept_norm(norm: nn.LayerNorm, layers: Sequence[nn.Linear]) -> tuple[nn.Module, list[nn.Linear]]:
    """The norm as it is: Core ML has an operation for it, and sums of squares that leave the range
    of halves are its own concern."""
    return norm, list(layers)


def scaled_norm(
    norm: nn.LayerNorm, layers: Sequence[nn.Linear]
) -> tuple[nn.Module, list[nn.Linear]]:
    """The shift goes into the layers; the scale stays, for ONNX Runtime has a norm with one."""
    return ScaledRMSNorm(norm), [with_shift(layer, norm.bias) for layer in layers]


def bare_norm(norm: nn.LayerNorm, layers: Sequence[nn.Linear]) -> tuple[nn.Module, list[nn.Linear]]:
    """Scale and shift go into the layers."""
    shifted = [with_shift(layer, norm.bias) for layer in layers]
    return BareRMSNorm(norm.eps), [with_scale(layer, norm.weight) for layer in shifted]


class ScaledRMSNorm(nn.Module):
    """(tokens, d) -> the same. The chain of operations that ONNX Runtime makes one of
    (its SimplifiedLayerNormFusion), since no operation of ONNX says it before opset 23.
    """

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.eps = norm.eps
        self.weight = nn.Parameter(norm.weight.detach().clone(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        root = torch.sqrt(torch.pow(x, 2).mean(dim=-1, keepdim=True) + self.eps)
        return x / root * self.weight


class BareRMSNorm(nn.Module):
    """(tokens, d) -> the same, without scale or shift."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        # XNNPACK makes one operator of a square and its mean, which it has in float32 alone: behind
        # the first of them nothing runs in halves. A product of two tensors it leaves as it is.
        square = x * x.unsqueeze(0)  # [1, tokens, d]
        return x * torch.rsqrt(square.mean(dim=-1).unsqueeze(-1)[0] + self.eps)


class TokenLayer(nn.Module):
    """A `TransformerLayer` on tokens of all images and patches, on a centred residual stream.

    (B * N * P, d) -> the same, with the P pixels of a patch behind each other.
    """

    def __init__(self, layer: TransformerLayer, pixels: int, normalize: Normalize) -> None:
        super().__init__()
        self.pixels = pixels  # P
        self.num_heads = layer.attention.num_heads
        self.norm1, (self.q, k, v) = normalize(layer.norm1, projections(layer.attention))
        self.k, self.v, proj = without_biases(k, v, layer.attention.proj)
        self.proj = centred(proj)
        self.norm2, (self.fc1,) = normalize(layer.norm2, [layer.fc1])
        self.act = layer.act
        self.fc2 = centred(layer.fc2)

    def forward(self, x: Tensor, images: int) -> Tensor:
        y = self.norm1(x)
        x = x + self.proj(self.attend(self.q(y), self.k(y), self.v(y), images))
        return x + self.fc2(self.act(self.fc1(self.norm2(x))))

    def attend(self, q: Tensor, k: Tensor, v: Tensor, images: int) -> Tensor:
        """Each pixel of a patch attends to the same one of all patches: P times as many heads."""
        tokens, d = q.shape
        PH = self.pixels * self.num_heads
        # of one image with three axes: ONNX Runtime then transposes within the products
        batch = () if images == 1 else (images,)
        heads = (*batch, -1, PH, d // self.num_heads)  # [(B,) N, P*heads, d/heads]
        weights = torch.softmax(
            q.reshape(heads).transpose(-3, -2)  # [(B,) P*heads, N, d/heads]
            @ k.reshape(heads).movedim(-3, -1),  # [(B,) P*heads, d/heads, N]
            dim=-1,
        )
        y = weights @ v.reshape(heads).transpose(-3, -2)  # [(B,) P*heads, N, d/heads]
        return y.transpose(-3, -2).reshape(tokens, d)  # [B*N*P, d]


class TokenBlock(nn.Module):
    """A `MobileViTBlock` that is tokens all through, in an order that costs one copy to reach.

    Pixels of a row of patches are brought together in runs of a patch's width times C numbers, the
    1x1 convolutions at both ends are linear layers within, and attention's own transposition sorts
    out the pixels of a patch. Maps that the patch does not divide go through the block as it was.

    (B, C, H, W) -> (B, C, H, W)
    """

    def __init__(self, block: MobileViTBlock, normalize: Normalize) -> None:
        super().__init__()
        self.patch = block.patch
        self.fusion_skip = block.fusion_skip
        self.local_conv = block.local_conv
        self.local_project = centred(of_pixels(block.local_project))
        layers = [layer for layer in block.transformer if isinstance(layer, TransformerLayer)]
        self.transformer = nn.ModuleList(
            TokenLayer(layer, block.patch**2, normalize) for layer in layers
        )
        project = fuse_conv_bn_eval(block.project.conv, block.project.norm)
        self.norm, (self.project,) = normalize(block.norm, [of_pixels(project)])
        self.act = block.project.act
        self.fusion = block.fusion
        self.undivided = block

    def forward(self, x: Tensor) -> Tensor:
        H, W = x.shape[-2:]
        p = self.patch
        if H % p or W % p:
            return self.undivided(x)
        B, rows, cols = x.shape[0], H // p, W // p

        y = self.local_conv(x).permute(0, 2, 3, 1)  # [B, H, W, C]
        C = y.shape[-1]
        y = y.reshape(B * rows, p, cols, p * C).transpose(1, 2)  # [B*H/h, W/w, h, w*C]
        y = self.local_project(y.reshape(-1, C))  # [B*N*P, d]
        for layer in self.transformer:
            y = layer(y, B)
        y = self.act(self.project(self.norm(y)))  # [B*N*P, C]
        y = y.reshape(B * rows, cols, p, p * C).transpose(1, 2)  # [B*H/h, h, W/w, w*C]
        y = y.reshape(B, H, W, C).permute(0, 3, 1, 2)  # [B, C, H, W]

        if self.fusion_skip:
            y = torch.cat((x, y), dim=1)  # [B, 2C, H, W]
        return self.fusion(y)


def size_step(model: nn.Module) -> int:
    """What heights and widths must be multiples of, for one graph to hold for several.

    A MobileViT resizes a map that its patches do not divide, which is another graph: 64 for those
    of the paper. Nothing is known of models of other families: 1.
    """
    if not isinstance(model, MobileViT):
        return 1
    patches = model.config.patch_sizes
    return lcm(*(s * p for s, p in zip(MobileViTBackbone.strides, patches, strict=True)))


def shuffle_patches(model: nn.Module) -> nn.Module:
    """A copy whose MobileViT blocks gather patches by `pixel_unshuffle`.

    For graphs in which height and width are open. `unfold` and `fold` calculate with them, and each
    quotient and product becomes a chain of operations there, some of them on floats. Here one shape
    is needed, to part rows from columns again, and that of a tensor in the block is it. Sides must
    be multiples of `size_step`.
    """
    return _replace_blocks(model, ShuffledBlock)


class ShuffledBlock(nn.Module):
    """A `MobileViTBlock` for maps that its patch divides. (B, C, H, W) -> (B, C, H, W)"""

    def __init__(self, block: MobileViTBlock) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        block, P = self.block, self.block.patch**2
        y = block.local_project(block.local_conv(x))  # [B, d, H, W]
        B, d = y.shape[:2]

        cells = F.pixel_unshuffle(y, block.patch)  # [B, d*P, H/h, W/w]
        y = cells.reshape(B, d, P, -1).permute(0, 2, 3, 1)  # [B, P, N, d]
        y = y.reshape(B * P, -1, d)  # [B*P, N, d]
        for layer in block.transformer:
            y = layer(y)
        y = block.norm(y).reshape(B, P, -1, d).permute(0, 3, 1, 2)  # [B, d, P, N]
        y = F.pixel_shuffle(y.reshape(cells.shape), block.patch)  # [B, d, H, W]

        y = block.project(y)  # [B, C, H, W]
        if block.fusion_skip:
            y = torch.cat((x, y), dim=1)  # [B, 2C, H, W]
        return block.fusion(y)

"""Exact rewrites for what a converter or a runtime does better: a module in, a new one out, which
computes the same."""

from __future__ import annotations

import copy
from math import lcm

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobilevit.models.mobilevit import MobileViT, MobileViTBackbone, MobileViTBlock


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
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules()):
        if isinstance(module, MobileViTBlock):
            model.set_submodule(name, ShuffledBlock(module))
    return model


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

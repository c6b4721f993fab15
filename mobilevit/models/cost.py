"""What a model costs: parameters, and multiply-adds of one image."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from .registry import create_model


@dataclass(frozen=True)
class Cost:
    parameters: int
    multiply_adds: int  # of convolutions and matrix products, one image


def count(model: nn.Module, image_size: tuple[int, int]) -> Cost:
    """The cost of `model` as it is, for one RGB image of (H, W), without computing anything.

    Shapes alone go through a copy on torch's "meta" device. There attention falls apart into its
    two matrix products; the CPU's fused kernel is one operation, which the counter passes over.
    """
    shapes = copy.deepcopy(model).to("meta").eval().requires_grad_(False)
    image = torch.empty(1, 3, *image_size, device="meta")
    with FlopCounterMode(display=False) as counter, torch.inference_mode(False), torch.no_grad():
        shapes(image)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Cost(parameters, counter.get_total_flops() // 2)


@cache
def model_cost(name: str, image_size: int = 256) -> Cost:
    """The cost of a registered model, or of `timm:NAME`, for one square image."""
    with torch.device("meta"):
        model = create_model(name)
    return count(model, (image_size, image_size))

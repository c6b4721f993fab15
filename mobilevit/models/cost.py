"""What a model costs: parameters, and multiply-adds of one image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from .registry import create_model


@dataclass(frozen=True)
class Cost:
    parameters: int
    multiply_adds: int  # of convolutions and matrix products, one image


@cache
def model_cost(name: str, image_size: int = 256) -> Cost:
    """Count without computing: shapes alone go through the model."""
    with torch.device("meta"):
        model = create_model(name).eval()
        image = torch.empty(1, 3, image_size, image_size)
    with FlopCounterMode(display=False) as counter, torch.inference_mode(False), torch.no_grad():
        model(image)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Cost(parameters, counter.get_total_flops() // 2)

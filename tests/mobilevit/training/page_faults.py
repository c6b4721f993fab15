"""Prints how many pages the kernel had to give for a training step, and for one after
`keep_freed_memory`, and whether both have the same gradients."""

from __future__ import annotations

import json
import resource

import torch
from torch import Tensor, nn

from mobilevit.training.allocator import keep_freed_memory

STEPS = 6  # counted, after two that allocate what is kept


def gradients() -> list[Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 32, 3), nn.SiLU(), nn.Conv2d(32, 8, 3))
    model(torch.rand(16, 3, 128, 128)).square().mean().backward()  # 32 MB an activation
    return [p.grad for p in model.parameters() if p.grad is not None]


def faults() -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    gradients()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


first = gradients()
ordinary = [faults() for _ in range(STEPS)]
asked = keep_freed_memory()
second = gradients()
gradients()
kept = [faults() for _ in range(STEPS)]
same = len(first) == len(second) == 4 and all(map(torch.equal, first, second))
print(json.dumps({"asked": asked, "same": same, "ordinary": ordinary, "kept": kept}))

"""What AdamW is given: the parameters in groups, and the learning rate at each step."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi
from typing import Any

from torch import nn

from .recipe import Recipe


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameters that share learning rate and weight decay, for `torch.optim.AdamW`.

    The learning rate of a layer that is k layers below the last is `layer_decay` to the power of k
    of the recipe's. Layers are the children of the model, those of a backbone one by one.
    """
    layers = [m for m in _layers(model) if any(p.requires_grad for p in m.parameters())]
    below = {p: k for k, layer in enumerate(reversed(layers)) for p in layer.parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        # what belongs to no layer, such as position embeddings, is as low as the first one
        rate = recipe.learning_rate * recipe.layer_decay ** below.get(parameter, len(layers) - 1)
        decays = recipe.decay_norm_and_bias or parameter.ndim > 1
        key = (rate, recipe.weight_decay if decays else 0.0)
        groups.setdefault(key, []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def _layers(model: nn.Module) -> list[nn.Module]:
    """In the order of definition, which is that of computation."""
    layers: list[nn.Module] = []
    for name, child in model.named_children():
        layers += child.children() if name == "backbone" else [child]
    return layers


def learning_rate_factor(recipe: Recipe, total: int) -> Callable[[int], float]:
    """Step -> share of the recipe's learning rate, over `total` steps."""
    if recipe.warmup_steps is None:
        warmup = round(total * min(recipe.warmup_epochs / recipe.epochs, 0.5))
    else:
        warmup = min(recipe.warmup_steps, total // 2)
    low = recipe.min_learning_rate / recipe.learning_rate

    def factor(step: int) -> float:
        if step < warmup:
            return 0.1 + 0.9 * step / warmup
        progress = (step - warmup) / max(1, total - warmup)
        return low + (1 - low) * 0.5 * (1 + cos(pi * min(1.0, progress)))

    return factor

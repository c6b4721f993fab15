"""The model a run starts from: fresh, or with given weights and, for new classes, a new head."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..checkpoint import load_checkpoint
from ..errors import InputError
from ..models import create_model, describe_config
from ..models.registry import TIMM_PREFIX
from .recipe import Recipe


def initial_model(recipe: Recipe, classes: list[str]) -> nn.Module:
    """In train mode.

    Raises:
        InputError: an unknown model or field of its config, or weights of another architecture.
    """
    if not recipe.weights:
        return create_model(recipe.model, num_classes=len(classes), **recipe.config)
    given = load_checkpoint(recipe.weights, _foreign_name(recipe))
    if given.name != recipe.model:
        raise InputError(
            f"`{recipe.weights}` holds `{given.name}`, not `{recipe.model}`",
            f"set `model={given.name}`",
        )
    config: dict[str, Any] = {**describe_config(given.name, given.model), **recipe.config}
    model = create_model(recipe.model, **{**config, "num_classes": len(classes)})
    tensors = given.model.state_dict()
    if given.classes != classes:
        head = head_of(model)
        fresh = model.state_dict()
        tensors = {k: fresh[k] if k.startswith(f"{head}.") else v for k, v in tensors.items()}
    _load(model, tensors, recipe)
    if recipe.freeze_backbone:
        head = head_of(model)
        for name, parameter in model.named_parameters():
            parameter.requires_grad = name.startswith(f"{head}.")
    return model.train()


def head_of(model: nn.Module) -> str:
    """Name of the last linear layer, which has an output for each class."""
    return [name for name, m in model.named_modules() if isinstance(m, nn.Linear)][-1]


def _foreign_name(recipe: Recipe) -> str | None:
    """What `load_checkpoint` must be told for weights that do not say what they are."""
    return recipe.model if recipe.model.startswith(TIMM_PREFIX) else None


def _load(model: nn.Module, tensors: dict[str, Any], recipe: Recipe) -> None:
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        fault = str(error).strip().splitlines()[-1].strip()
        raise InputError(
            f"the weights of `{recipe.weights}` do not fit `config`: {fault}",
            "leave out the settings that change the network's shape",
        ) from error

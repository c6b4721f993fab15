"""The model a run starts from: fresh, or with given weights and new outputs for new classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from ..checkpoint import Checkpoint, load_checkpoint
from ..errors import InputError
from ..models import create_model, describe_config
from ..preprocessing import Preprocessing
from .recipe import Recipe


def initial_model(
    recipe: Recipe, classes: Sequence[str], report: Callable[[str], None] = print
) -> tuple[nn.Module, Preprocessing]:
    """The model in train mode, and what its images go through.

    Given weights are taken over whole where their classes are `classes`, in this order. Where they
    are not, all but the last layer is; in that, the outputs of classes of the same name.

    Raises:
        InputError: an unknown model or field of its config, or weights of another architecture.
    """
    side = recipe.image_size
    if not recipe.weights:
        model = create_model(recipe.model, num_classes=len(classes), **recipe.config)
        record = Preprocessing(image_size=(side, side), interpolation=recipe.interpolation)
        return model, record
    given = load_checkpoint(recipe.weights, recipe.model)
    config: dict[str, Any] = {**describe_config(given.name, given.model), **recipe.config}
    model = create_model(recipe.model, **{**config, "num_classes": len(classes)})
    tensors = given.model.state_dict()
    if given.classes != list(classes):
        tensors |= _head(given, model, classes, report)
    _load(model, tensors, recipe)
    if recipe.freeze_backbone:
        head = head_of(model)
        for name, parameter in model.named_parameters():
            parameter.requires_grad = name.startswith(f"{head}.")
    # as the weights know their images; the size and how it is reached are the recipe's
    record = given.preprocessing.model_copy(
        update={"image_size": (side, side), "interpolation": recipe.interpolation}
    )
    return model.train(), record


def head_of(model: nn.Module) -> str:
    """Name of the last linear layer, which has an output for each class."""
    return [name for name, m in model.named_modules() if isinstance(m, nn.Linear)][-1]


def _head(
    given: Checkpoint, model: nn.Module, classes: Sequence[str], report: Callable[[str], None]
) -> dict[str, Tensor]:
    """The last layer of `model`, fresh but for the outputs of classes that `given` has."""
    head = head_of(model)
    tensors = {k: v.clone() for k, v in model.state_dict().items() if k.startswith(f"{head}.")}
    known = given.model.state_dict()
    kept = [name for name in classes if name in given.classes]
    for name in kept:
        for key, value in tensors.items():
            if known[key].shape[1:] != value.shape[1:]:
                continue  # of another width: `_load` refuses all of it
            value[classes.index(name)] = known[key][given.classes.index(name)]
    report(
        f"`{head}` starts anew: {len(classes) - len(kept)} of its {len(classes)} classes are not "
        "known to the weights"
        if len(kept) < len(classes)
        else f"`{head}` keeps the outputs of its {len(classes)} classes, by name"
    )
    return tensors


def _load(model: nn.Module, tensors: dict[str, Any], recipe: Recipe) -> None:
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        fault = str(error).strip().splitlines()[-1].strip()
        raise InputError(
            f"the weights of `{recipe.weights}` do not fit `config`: {fault}",
            "leave out the settings that change the network's shape",
        ) from error

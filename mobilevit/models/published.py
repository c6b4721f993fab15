"""How the projects that trained them evaluate the models of timm and torchvision."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError
from torch import nn

from ..errors import InputError, first_fault
from ..preprocessing import Preprocessing


def timm_preprocessing(model: nn.Module) -> Preprocessing:
    """What timm evaluates `model` with, which `timm.create_model` made; at its training size, for
    those that have another for tests.

    Raises:
        InputError: a kernel (`lanczos`, `random`) or a crop (larger than the resized image, padded)
            that the record has no words for.
    """
    from timm.data import resolve_model_data_config

    config: dict[str, Any] = resolve_model_data_config(model)
    # `crop_mode` is left out: a model that timm shows the whole photo, squashed to a square or in a
    # border, is shown the centre in its own proportions, the nearest that the record can say
    return _record(
        f"timm:{model.pretrained_cfg['architecture']}",  # type: ignore[index]
        image_size=config["input_size"][1:],
        crop_fraction=config["crop_pct"],
        interpolation=config["interpolation"],
        mean=config["mean"],
        std=config["std"],
    )


def torchvision_preprocessing(name: str, file: str = "") -> Preprocessing:
    """What torchvision evaluates its weights of classifier `name` with.

    A model may have several weights, each with an evaluation of its own. Those in `file` are told
    by its name, which is unique on torchvision's server; any other file counts as the default ones.

    Raises:
        InputError: a kernel or a crop that the record has no words for.
    """
    from torchvision.models import get_model_weights

    weights: Any = get_model_weights(name)
    named = (entry for entry in weights if PurePosixPath(entry.url).name == Path(file).name)
    transforms = next(named, weights.DEFAULT).transforms()
    [crop], [resized] = transforms.crop_size, transforms.resize_size  # the shorter side, pixels
    return _record(
        f"torchvision:{name}",
        image_size=(crop, crop),
        crop_fraction=crop / resized,
        interpolation=transforms.interpolation.value,
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
    )


def _record(name: str, **fields: Any) -> Preprocessing:
    try:
        return Preprocessing(**fields)
    except ValidationError as error:
        # another kernel or crop would be another image than the weights were measured on
        raise InputError(
            f"the preprocessing of `{name}` cannot be followed: {first_fault(error)}",
            "take another model",
        ) from error

"""Model names, and what is built for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from torch import nn

from ..errors import InputError, MissingDependencyError, unknown_name

TIMM_PREFIX = "timm:"

Config = Any  # the frozen dataclass beside each architecture


@dataclass(frozen=True)
class ModelEntry:
    """A registered architecture: the module class, and the function that gives its config."""

    name: str
    module: type[nn.Module]
    config: Callable[[], Config]


_MODELS: dict[str, ModelEntry] = {}


def register_model(
    module: type[nn.Module],
) -> Callable[[Callable[[], Config]], Callable[[], Config]]:
    """Register the decorated config function, under its own name, as a model of class `module`."""

    def decorator(config: Callable[[], Config]) -> Callable[[], Config]:
        _MODELS[config.__name__] = ModelEntry(config.__name__, module, config)
        return config

    return decorator


def list_models() -> list[str]:
    """Registered names, in the order of registration."""
    return list(_MODELS)


def check_name(name: str) -> None:
    """
    Raises:
        InputError: there is no such registered model; timm's are looked for when they are made.
    """
    if name not in _MODELS and not name.startswith(TIMM_PREFIX):
        raise unknown_name("model", name, [*_MODELS, f"{TIMM_PREFIX}NAME"])


def check_config(name: str, overrides: Mapping[str, Any]) -> None:
    """
    Raises:
        InputError: no such model, as for `check_name`; or an override that it does not take.
    """
    check_name(name)
    if name.startswith(TIMM_PREFIX):
        _check_timm_overrides(name, overrides)
    else:
        model_config(name, overrides)


def model_config(name: str, overrides: Mapping[str, Any]) -> Config:
    """The config of `name` with some fields replaced.

    Raises:
        InputError: an unknown name, a field the config does not have, or a value of another type.
    """
    if name not in _MODELS:
        raise unknown_name("model", name, [*_MODELS, f"{TIMM_PREFIX}NAME"])
    config = _MODELS[name].config()
    known = {field.name: getattr(config, field.name) for field in fields(config)}
    for key, value in overrides.items():
        if key not in known:
            raise unknown_name(f"config field of {name}:", key, known, "fields")
        if not _same_kind(value, known[key]):
            raise InputError(
                f"`{key}` of `{name}` is {known[key]!r}, and {value!r} is not of its type"
            )
    return replace(
        config, **{k: tuple(v) if isinstance(v, list) else v for k, v in overrides.items()}
    )


def _same_kind(value: object, default: object) -> bool:
    if isinstance(default, tuple):
        return (
            isinstance(value, (tuple, list))
            and len(value) == len(default)
            and all(_same_kind(v, d) for v, d in zip(value, default, strict=True))
        )
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is type(default)


def create_model(name: str, *, features_only: bool = False, **overrides: Any) -> nn.Module:
    """Build a model with fresh weights.

    Args:
        name: a registered name, or `timm:NAME` for any of timm's.
        features_only: without the classifier; features at strides 8, 16 and 32.
        overrides: fields of the model's config, such as `num_classes=10`; for timm's models,
            `num_classes` alone.

    Raises:
        InputError: an unknown name or field.
    """
    if name.startswith(TIMM_PREFIX):
        return _create_timm_model(name.removeprefix(TIMM_PREFIX), features_only, overrides)
    config = model_config(name, overrides)
    model = _MODELS[name].module(config)
    return model.backbone if features_only else model  # type: ignore[return-value]


def describe_config(name: str, model: nn.Module) -> dict[str, Any]:
    """What `create_model(name, **…)` needs to build `model` again, as plain JSON values."""
    if name.startswith(TIMM_PREFIX):
        return {"num_classes": model.num_classes}
    config: Config = model.config
    return asdict(config)


def _create_timm_model(name: str, features_only: bool, overrides: Mapping[str, Any]) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise MissingDependencyError("timm", "peers") from error
    _check_timm_overrides(f"{TIMM_PREFIX}{name}", overrides)
    if not timm.is_model(name):
        raise unknown_name("timm model", name, timm.list_models())
    if features_only:
        return timm.create_model(name, features_only=True, out_indices=(-3, -2, -1))
    return timm.create_model(name, **overrides)


def _check_timm_overrides(name: str, overrides: Mapping[str, Any]) -> None:
    for key in overrides:
        if key != "num_classes":
            raise unknown_name(f"config field of {name}:", key, ["num_classes"], "fields")

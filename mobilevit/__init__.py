"""MobileViT SDK: train, export, verify, measure and embed MobileViT.

Names are loaded when first used, so that reading a bundle needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkpoint import Checkpoint, load_checkpoint, save_checkpoint
    from .client import Client, Prediction, load
    from .errors import SdkError
    from .models import create_model, list_models

__version__ = "0.1.0"

_HOMES = {
    "Checkpoint": "checkpoint",
    "Client": "client",
    "Prediction": "client",
    "SdkError": "errors",
    "create_model": "models",
    "list_models": "models",
    "load": "client",
    "load_checkpoint": "checkpoint",
    "save_checkpoint": "checkpoint",
}

__all__ = [
    "Checkpoint",
    "Client",
    "Prediction",
    "SdkError",
    "create_model",
    "list_models",
    "load",
    "load_checkpoint",
    "save_checkpoint",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

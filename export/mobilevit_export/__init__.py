"""From a checkpoint to a verified bundle, and a look into what is in it.

Names are loaded when first used, so that inspecting a file needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .artifacts import Attempt
    from .formats import FORMATS, Format
    from .inspection import inspect
    from .pipeline import ExportResult, export

_HOMES = {
    "FORMATS": "formats",
    "Attempt": "artifacts",
    "ExportResult": "pipeline",
    "Format": "formats",
    "export": "pipeline",
    "inspect": "inspection",
}

__all__ = ["FORMATS", "Attempt", "ExportResult", "Format", "export", "inspect"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)

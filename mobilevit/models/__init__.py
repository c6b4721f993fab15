"""Architectures, one file per family, and the registry of their names."""

from . import mobilevit as mobilevit  # registers its variants
from .registry import create_model, describe_config, list_models, model_config

__all__ = ["create_model", "describe_config", "list_models", "model_config"]

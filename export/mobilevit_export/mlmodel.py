"""Core ML's older neural network, an `.mlmodel`, through coremltools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import coremltools as ct
from coremltools.models.neural_network.quantization_utils import quantize_weights
from torch import nn

from .coreml import Traced, describe, interface
from .formats import ExportSpec


@dataclass(frozen=True)
class MLModelConversion:
    """The network in float32, which halving copies."""

    network: ct.models.MLModel

    @property
    def layer_groups(self) -> tuple[str, ...]:
        return ()

    def save(self, spec: ExportSpec, path: Path) -> None:
        """Write an `.mlmodel` for iOS 14 and later. fp16 stores weights as halves; what a device
        computes in is its own choice."""
        model = self.network
        if spec.precision == "fp16":
            model = quantize_weights(model, nbits=16)  # off a Mac it gives the bare description
        description = model.get_spec() if hasattr(model, "get_spec") else model
        ct.utils.save_spec(describe(description, spec), str(path))


def convert(graph: nn.Module, spec: ExportSpec) -> MLModelConversion:
    """Trace and convert."""
    return MLModelConversion(
        ct.convert(
            Traced(graph, spec).decomposed,
            convert_to="neuralnetwork",
            minimum_deployment_target=ct.target.iOS14,
            **interface(spec),
        )
    )

"""Core ML's ML Program, an `.mlpackage`, through coremltools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.export import Dim

from mobilevit.bundle import INPUT, OUTPUT
from mobilevit.errors import InputError

from .coreml_quantize import Ranges, activation_ranges, compress_weights, quantize_activations
from .formats import FORMATS, ExportSpec
from .neural_engine import channels_first
from .rewrite import for_coreml, shuffle_patches

LABEL = "label"  # the output of a classifier beside its probabilities


@dataclass(frozen=True)
class CoreMLConversion:
    """The graph in the operations of torch; coremltools takes it from there for each precision,
    since its passes follow the precision and the system that is asked for."""

    traced: Traced

    @property
    def layer_groups(self) -> tuple[str, ...]:
        return ()

    def save(self, spec: ExportSpec, path: Path) -> None:
        """Write an `.mlpackage`. All but fp32 compute in halves, which quantized weights are
        unpacked to; the image is of 8 bits and the probabilities are float32 all the same.

        Raises:
            InputError: there are no photos to calibrate int8 on.
        """
        single = spec.precision == "fp32"
        needs = FORMATS["coreml"].needs(spec)
        model = ct.convert(
            self.traced.quantized if spec.precision == "int8" else self.traced.decomposed,
            convert_to="mlprogram",
            compute_precision=ct.precision.FLOAT32 if single else ct.precision.FLOAT16,
            minimum_deployment_target=getattr(ct.target, f"iOS{needs['iOS']}"),
            **interface(spec),
        )
        model = compress_weights(model, spec.precision)
        described = describe(model.get_spec(), spec)
        ct.models.MLModel(described, weights_dir=model.weights_dir, skip_model_load=True).save(
            str(path)
        )


def convert(graph: nn.Module, spec: ExportSpec) -> CoreMLConversion:
    """Trace the graph, for one image size or for all it takes."""
    return CoreMLConversion(Traced(graph, spec))


@dataclass(frozen=True)
class Traced:
    """A graph as torch.export traces it, for one image size or for all it takes."""

    graph: nn.Module
    spec: ExportSpec

    @cached_property
    def decomposed(self) -> torch.export.ExportedProgram:
        """In the operations coremltools knows."""
        return self._exported.run_decompositions({})

    @property
    def quantized(self) -> torch.export.ExportedProgram:
        """The same with activations of 8 bits."""
        ranges = self.ranges
        rounded = quantize_activations(self._module(), ranges)
        return self._export(rounded).run_decompositions({})

    @cached_property
    def ranges(self) -> Ranges:
        if self.spec.calibration is None:
            raise InputError("int8 needs photos to calibrate on", "give some, or leave int8 out")
        return activation_ranges(self._module(), self.spec.calibration)

    @cached_property
    def _exported(self) -> torch.export.ExportedProgram:
        if self.spec.layout == "neural-engine":
            graph = channels_first(self.graph)
        elif self.spec.more_sizes:
            graph = shuffle_patches(self.graph)
        else:
            graph = for_coreml(self.graph)
        return self._export(graph.eval())

    def _module(self) -> fx.GraphModule:
        """A module of its own at each call, with the same names."""
        # an open graph's guards refuse maps of one patch, which are computed like any other
        module = self._exported.module(check_guards=False)
        assert isinstance(module, fx.GraphModule)
        return module

    def _export(self, module: nn.Module) -> torch.export.ExportedProgram:
        example, shapes = torch.zeros(1, 3, *self.spec.image_size), None
        if self.spec.more_sizes:
            example, open_sides = open_example(self.spec.image_sizes)
            shapes = (open_sides,)
        return torch.export.export(module, (example,), dynamic_shapes=shapes)


def interface(spec: ExportSpec) -> dict[str, Any]:
    """Arguments of `ct.convert`: an RGB image and a classifier, or two tensors."""
    shape = input_shape(spec)
    if spec.input == "tensor":
        return {
            # without a type, those of an fp16 program would be halves
            "inputs": [ct.TensorType(name=INPUT, shape=shape, dtype=np.float32)],
            "outputs": [ct.TensorType(name=OUTPUT, dtype=np.float32)],
        }
    return {
        "inputs": [ct.ImageType(name=INPUT, shape=shape, color_layout=ct.colorlayout.RGB)],
        "classifier_config": ct.ClassifierConfig(list(spec.labels), predicted_feature_name=LABEL),
    }


def describe(description: Any, spec: ExportSpec) -> Any:
    """What Xcode shows of a model, written into its Model message.

    The converter names a classifier's probabilities itself; they get the name they have elsewhere.
    """
    given = description.description
    if spec.input == "image":
        ct.utils.rename_feature(description, given.predictedProbabilitiesName, OUTPUT)
    given.metadata.shortDescription = spec.description
    given.metadata.userDefined.update(spec.metadata)
    texts = {
        INPUT: "RGB, upright, resized and cropped from the centre",
        OUTPUT: "Probability of each label, 0 to 1",
        LABEL: "The most probable label",
    }
    for feature in (*given.input, *given.output):
        feature.shortDescription = texts[feature.name]
    return description


def open_example(sizes: Sequence[tuple[int, int]]) -> tuple[Tensor, dict[int, Any]]:
    """An image to trace a graph with, and the axes that images of every (H, W) need open."""
    example, open_sides = [1, 3], {}
    for axis, name in ((2, "height"), (3, "width")):
        sides = [size[axis - 2] for size in sizes]
        step = gcd(*sides)
        if len(set(sides)) == 1:
            example.append(step)
        else:
            # one step would count as fixed: torch.export takes sizes of 0 and 1 for special
            example.append(2 * step)
            open_sides[axis] = step * Dim(name)
    return torch.zeros(example), open_sides


def input_shape(spec: ExportSpec) -> tuple[int, ...] | ct.EnumeratedShapes:
    """(1, 3, H, W), or one for every image size.

    Of a finite set of shapes, a device can optimize the model for each (coremltools guide,
    "Flexible Input Shapes", section "Select From Predetermined Shapes"; up to 128).
    """
    shapes = [(1, 3, *size) for size in spec.image_sizes]
    return ct.EnumeratedShapes(shapes, default=shapes[0]) if spec.more_sizes else shapes[0]

"""Core ML's ML Program, an `.mlpackage`, through coremltools."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from mobilevit.bundle import INPUT, OUTPUT
from mobilevit.errors import InputError

from .coreml_quantize import compress_weights, quantize_activations
from .formats import FORMATS, ExportSpec
from .neural_engine import channels_first
from .rewrite import for_coreml, shuffle_patches

LABEL = "label"  # the output of a classifier beside its probabilities


def convert(graph: nn.Module, spec: ExportSpec, path: Path) -> None:
    """Write an `.mlpackage`. All but fp32 compute in halves, which quantized weights are unpacked
    to; the image is of 8 bits and the probabilities are float32 all the same.

    Raises:
        InputError: there are no photos to calibrate int8 on.
    """
    single = spec.precision == "fp32"
    model = ct.convert(
        exported_program(graph, spec),
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT32 if single else ct.precision.FLOAT16,
        minimum_deployment_target=getattr(ct.target, f"iOS{FORMATS['coreml'].needs(spec)['iOS']}"),
        **interface(spec),
    )
    model = compress_weights(model, spec.precision)
    described = describe(model.get_spec(), spec)
    ct.models.MLModel(described, weights_dir=model.weights_dir, skip_model_load=True).save(
        str(path)
    )


def exported_program(graph: nn.Module, spec: ExportSpec) -> torch.export.ExportedProgram:
    """The graph in the operations coremltools knows, for one image size or for all it takes.

    Raises:
        InputError: there are no photos to calibrate int8 on.
    """
    example, open_sides = torch.zeros(1, 3, *spec.image_size), None
    if spec.layout == "neural-engine":
        graph = channels_first(graph)
    elif spec.more_sizes:
        graph = shuffle_patches(graph)
        example, open_sides = open_example(spec.image_sizes)
    else:
        graph = for_coreml(graph)

    def export(module: nn.Module) -> torch.export.ExportedProgram:
        shapes = None if open_sides is None else (open_sides,)
        return torch.export.export(module, (example,), dynamic_shapes=shapes)

    program = export(graph.eval())
    if spec.precision == "int8":
        if spec.calibration is None:
            raise InputError("int8 needs photos to calibrate on", "give some, or leave int8 out")
        # an open graph's guards refuse maps of one patch, which are computed like any other
        module = program.module(check_guards=False)
        program = export(quantize_activations(module, spec.calibration))
    return program.run_decompositions({})


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

"""Core ML's ML Program, an `.mlpackage`, through coremltools."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import torch
from torch import nn
from torch.export import Dim

from mobilevit.bundle import INPUT, OUTPUT

from .formats import ExportSpec
from .rewrite import shuffle_patches

LABEL = "label"  # the output of a classifier beside its probabilities
_PRECISION = {"fp32": ct.precision.FLOAT32, "fp16": ct.precision.FLOAT16}


def convert(graph: nn.Module, spec: ExportSpec, path: Path) -> None:
    """Write an `.mlpackage` for iOS 16 and later. fp16 computes in halves; the image is of 8 bits
    and the probabilities are float32 all the same."""
    model = ct.convert(
        flexible_program(graph, spec.image_sizes)
        if spec.more_sizes
        else exported_program(graph, spec),
        convert_to="mlprogram",
        compute_precision=_PRECISION[spec.precision],
        minimum_deployment_target=ct.target.iOS16,
        **interface(spec),
    )
    described = describe(model.get_spec(), spec)
    ct.models.MLModel(described, weights_dir=model.weights_dir, skip_model_load=True).save(
        str(path)
    )


def exported_program(graph: nn.Module, spec: ExportSpec) -> torch.export.ExportedProgram:
    """The graph at one image size, in the operations coremltools knows."""
    example = torch.zeros(1, 3, *spec.image_size)
    return torch.export.export(graph.eval(), (example,)).run_decompositions({})


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


def flexible_program(
    graph: nn.Module, sizes: Sequence[tuple[int, int]]
) -> torch.export.ExportedProgram:
    """The graph with open sides, for images of every (H, W) of `sizes`."""
    graph = shuffle_patches(graph).eval()
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
    program = torch.export.export(graph, (torch.zeros(example),), dynamic_shapes=(open_sides,))
    return program.run_decompositions({})


def input_shape(spec: ExportSpec) -> tuple[int, ...] | ct.EnumeratedShapes:
    """(1, 3, H, W), or one for every image size.

    Of a finite set of shapes, a device can optimize the model for each (coremltools guide,
    "Flexible Input Shapes", section "Select From Predetermined Shapes"; up to 128).
    """
    shapes = [(1, 3, *size) for size in spec.image_sizes]
    return ct.EnumeratedShapes(shapes, default=shapes[0]) if spec.more_sizes else shapes[0]

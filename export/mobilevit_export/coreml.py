"""Core ML's ML Program, an `.mlpackage`, through coremltools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import torch
from torch import nn

from mobilevit.bundle import INPUT, OUTPUT

from .formats import ExportSpec

LABEL = "label"  # the output of a classifier beside its probabilities
_PRECISION = {"fp32": ct.precision.FLOAT32, "fp16": ct.precision.FLOAT16}


def convert(graph: nn.Module, spec: ExportSpec, path: Path) -> None:
    """Write an `.mlpackage` for iOS 16 and later. fp16 computes in halves; the image is of 8 bits
    and the probabilities are float32 all the same."""
    model = ct.convert(
        exported_program(graph, spec),
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
    shape = (1, 3, *spec.image_size)
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
        INPUT: "RGB, upright, cropped to the subject",
        OUTPUT: "Probability of each label, 0 to 1",
        LABEL: "The most probable label",
    }
    for feature in (*given.input, *given.output):
        feature.shortDescription = texts[feature.name]
    return description

"""Core ML itself, on a Mac, through coremltools' `MLModel.predict`.

Only a Mac predicts. Elsewhere this imports, `load` fails, and predicting is untested. What a Core
ML file says of its inputs and outputs is read here too, anywhere, for `coreml_reference` to share.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image

from ..errors import ConversionError, reason
from .base import Arrays, TensorSpec, check_feeds

_ARRAY = ct.proto.FeatureTypes_pb2.ArrayFeatureType
_IMAGE = ct.proto.FeatureTypes_pb2.ImageFeatureType
_DTYPES = {
    _ARRAY.FLOAT16: "float16",
    _ARRAY.FLOAT32: "float32",
    _ARRAY.DOUBLE: "float64",
    _ARRAY.INT32: "int32",
}
# delegates -> coremltools' compute units
UNITS = {"cpu": "CPU_ONLY", "cpu+gpu": "CPU_AND_GPU", "cpu+ne": "CPU_AND_NE", "all": "ALL"}
_COLOURS = {_IMAGE.RGB: "RGB", _IMAGE.BGR: "BGR"}


@dataclass(frozen=True)
class Interface:
    """What a Core ML file says of its inputs and outputs.

    An image is an input of shape (1, height, width, 3), uint8, RGB, as in a pixel buffer. The
    dictionary of a classifier's probabilities is an output of shape (1, labels), in the order of
    the labels; the label that it adds is left out. An output whose shape the file does not tell
    has shape (). An input has its default shape; `shapes` has every shape of those that the file
    enumerates.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    images: Mapping[str, str]  # the name of each image -> the order of its channels: RGB or BGR
    labels: tuple[Any, ...]  # of a classifier
    probabilities: str | None  # the name of a classifier's dictionary
    shapes: Mapping[str, tuple[tuple[int, ...], ...]]  # the name of a flexible input -> its shapes


class CoreMLSession:
    def __init__(self, artifact: Path, delegate: str) -> None:
        try:
            with warnings.catch_warnings():
                # coremltools only warns of a file Core ML refuses, and fails when it predicts
                warnings.simplefilter("error", RuntimeWarning)
                units = getattr(ct.ComputeUnit, UNITS[delegate])
                self._model = ct.models.MLModel(str(artifact), compute_units=units)
        except (RuntimeError, RuntimeWarning, DecodeError, OSError) as error:
            raise ConversionError(f"Core ML cannot open `{artifact}`: {reason(error)}") from error
        spec = self._model.get_spec()
        if self._model.__proxy__ is None:  # not a Mac, or one older than the file's format
            raise ConversionError(
                f"this machine has no Core ML that opens `{artifact}`, "
                f"of specification version {spec.specificationVersion}",
                "the runtime `coreml_reference` evaluates it anywhere",
            )
        self._interface = read_interface(spec, artifact)
        self._artifact = artifact
        # what Core ML may use; `inspect --placement` tells what it plans to
        self.delegate = f"Core ML, {UNITS[delegate]}"
        self.inputs = self._interface.inputs
        self.outputs = self._interface.outputs

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Raises:
        InputError: an input is missing, unknown, or of another shape or dtype.
        ConversionError: Core ML fails to compute.
        """
        check_feeds(self.inputs, feeds, self._interface.shapes)
        images = self._interface.images
        try:
            predicted = self._model.predict(
                {name: Image.fromarray(x[0]) if name in images else x for name, x in feeds.items()}
            )
        except RuntimeError as error:
            raise ConversionError(
                f"Core ML cannot compute `{self._artifact}`: {reason(error)}"
            ) from error
        return {spec.name: self._array(predicted[spec.name], spec) for spec in self.outputs}

    def _array(self, value: Any, spec: TensorSpec) -> NDArray[Any]:
        if isinstance(value, Mapping):
            value = [[value[label] for label in self._interface.labels]]
        return np.asarray(value, spec.dtype)


def load(artifact: Path, *, threads: int = 1, delegate: str = "cpu") -> CoreMLSession:
    """Open an `.mlpackage` or `.mlmodel`. Core ML picks its own number of threads.

    Raises:
        ConversionError: Core ML refuses the file, or it has an input or output not covered here.
    """
    return CoreMLSession(artifact, delegate)


def version() -> str:
    return str(ct.__version__)


def read_interface(spec: Any, artifact: Path) -> Interface:
    """The inputs and outputs that `spec`, the Model message of `artifact`, describes.

    Raises:
        ConversionError: one of them is neither an array, nor an RGB or BGR image, nor a
            classifier's label and probabilities.
    """
    labels = _labels(spec)
    outputs, probabilities = [], None
    for feature in spec.description.output:
        kind = feature.type.WhichOneof("Type")
        if kind == "dictionaryType" and labels:
            probabilities = feature.name
            outputs.append(TensorSpec(feature.name, (1, len(labels)), "float32"))
        elif kind == "multiArrayType":
            outputs.append(_array_spec(feature, artifact))
        elif feature.name != spec.description.predictedFeatureName:
            raise ConversionError(f"output `{feature.name}` of `{artifact}` has type `{kind}`")
    inputs, images, shapes = [], {}, {}
    for feature in spec.description.input:
        kind = feature.type.WhichOneof("Type")
        if kind == "imageType" and feature.type.imageType.colorSpace in _COLOURS:
            image = feature.type.imageType
            images[feature.name] = _COLOURS[image.colorSpace]
            inputs.append(TensorSpec(feature.name, _image_shape(image), "uint8"))
            enumerated = [_image_shape(size) for size in image.enumeratedSizes.sizes]
        elif kind == "multiArrayType":
            inputs.append(_array_spec(feature, artifact))
            array = feature.type.multiArrayType
            enumerated = [tuple(item.shape) for item in array.enumeratedShapes.shapes]
        else:
            raise ConversionError(
                f"input `{feature.name}` of `{artifact}` is neither an array nor a colour image"
            )
        if enumerated:
            shapes[feature.name] = tuple(dict.fromkeys([inputs[-1].shape, *enumerated]))
    return Interface(tuple(inputs), tuple(outputs), images, labels, probabilities, shapes)


def operations(spec: Any) -> Sequence[Any]:
    """The operations of an ML Program's function `main`; none of any other model."""
    main = spec.mlProgram.functions.get("main")
    block = None if main is None else main.block_specializations.get(main.opset)
    return () if block is None else tuple(block.operations)


def _image_shape(size: Any) -> tuple[int, ...]:
    """The shape of an image of `size.height` by `size.width`."""
    return (1, size.height, size.width, 3)


def _array_spec(feature: Any, artifact: Path) -> TensorSpec:
    array = feature.type.multiArrayType
    if array.dataType not in _DTYPES:
        raise ConversionError(
            f"`{feature.name}` of `{artifact}` has a data type not covered: {array.dataType}",
            f"covered: {', '.join(_DTYPES.values())}",
        )
    return TensorSpec(feature.name, tuple(array.shape), _DTYPES[array.dataType])


def _labels(spec: Any) -> tuple[Any, ...]:
    """The labels of a classifier: a network has a field for them, a program an operation."""
    if spec.WhichOneof("Type") == "neuralNetworkClassifier":
        network = spec.neuralNetworkClassifier
        kind = network.WhichOneof("ClassLabels")
        return tuple(getattr(network, kind).vector) if kind else ()
    for operation in operations(spec):
        if operation.type == "classify":
            (classes,) = operation.inputs["classes"].arguments
            items = classes.value.immediateValue.list.values
            tensors = [item.immediateValue.tensor for item in items]
            return tuple(getattr(t, t.WhichOneof("value")).values[0] for t in tensors)
    return ()
